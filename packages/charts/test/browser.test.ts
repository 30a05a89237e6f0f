/** The report and a chart page in a real browser. Install one with: apt-get install -y chromium */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { chromium } from 'playwright-core';
import type { Browser, Page } from 'playwright-core';
import { buildReport, renderChart } from '../src/index.ts';
import { sampleResults } from './fixture.ts';

const BROWSER = process.env['WORKSET_CHROMIUM'] ?? '/usr/bin/chromium';
const skip = existsSync(BROWSER) ? false : `no browser at ${BROWSER}: apt-get install -y chromium, or set WORKSET_CHROMIUM`;

interface Opened {
  readonly page: Page;
  readonly errors: string[];
  readonly requests: string[];
}

describe('in a browser', { skip }, () => {
  let browser: Browser;
  const dir = mkdtempSync(join(tmpdir(), 'workset-charts-'));
  const report = join(dir, 'report.html');
  const chart = join(dir, 'chart.html');

  before(async () => {
    const db = await sampleResults({ scheme: '<img src=x onerror=alert(1)>' }, 8);
    writeFileSync(report, await buildReport(db));
    writeFileSync(chart, await renderChart(db, 'wss-over-time', { format: 'html' }));
    db.close();
    browser = await chromium.launch({
      executablePath: BROWSER,
      args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
    });
  });
  after(async () => {
    await browser?.close();
    rmSync(dir, { recursive: true });
  });

  async function open(file: string, colorScheme: 'light' | 'dark' = 'light'): Promise<Opened> {
    const page = await browser.newPage({ colorScheme, viewport: { width: 1100, height: 900 } });
    const opened: Opened = { page, errors: [], requests: [] };
    page.on('console', (message) => message.type() === 'error' && opened.errors.push(message.text()));
    page.on('pageerror', (error) => opened.errors.push(error.message));
    page.on('request', (request) => request.url().startsWith('blob:') || opened.requests.push(request.url()));
    await page.goto(pathToFileURL(file).href);
    return opened;
  }

  test('the report shows its charts without errors or requests', async () => {
    const { page, errors, requests } = await open(report);
    const boxes = await page.$$eval('figure.chart svg', (all) =>
      all.map((svg) => ({ w: svg.getBoundingClientRect().width, h: svg.getBoundingClientRect().height })),
    );
    assert.ok(boxes.length >= 8);
    for (const box of boxes) assert.ok(box.w > 200 && box.h > 50);
    assert.equal(
      await page.evaluate('document.documentElement.scrollWidth <= window.innerWidth'),
      true,
      'the page does not scroll sideways',
    );
    assert.deepEqual(errors, []);
    assert.deepEqual(requests, [pathToFileURL(report).href]);
    await page.close();
  });

  test('the theme button goes from auto to light to dark and back', async () => {
    const { page } = await open(report, 'dark');
    const background = (): Promise<string> => page.evaluate('getComputedStyle(document.documentElement).backgroundColor');
    const truth = (): Promise<string> => page.evaluate(`getComputedStyle(document.documentElement).getPropertyValue('--c-truth')`);
    assert.deepEqual([await background(), await truth()], ['rgb(20, 23, 26)', '#ffffff'], 'follows the system');
    await page.click('#theme');
    assert.deepEqual([await background(), await truth()], ['rgb(255, 255, 254)', '#000000']);
    await page.keyboard.press('Enter');
    assert.deepEqual([await background(), await truth()], ['rgb(20, 23, 26)', '#ffffff']);
    assert.equal(await page.textContent('#theme'), 'Theme: dark');
    await page.click('#theme');
    assert.equal(await page.textContent('#theme'), 'Theme: auto');
    await page.close();
  });

  test('a CSV button gives the rows of its figure', async () => {
    const { page, errors } = await open(report);
    await page.click('#working-set details summary');
    const [download] = await Promise.all([page.waitForEvent('download'), page.click('#working-set button.csv')]);
    const chunks: Buffer[] = [];
    for await (const chunk of await download.createReadStream()) chunks.push(chunk as Buffer);
    const lines = Buffer.concat(chunks).toString('utf8').trim().split('\n');
    assert.match(lines[0]!, /^scope,run_id,/);
    assert.equal(lines.length, 15);
    assert.deepEqual(errors, []);
    await page.close();
  });

  test('a narrow screen and print keep everything inside', async () => {
    const { page } = await open(report);
    await page.setViewportSize({ width: 380, height: 800 });
    assert.equal(await page.evaluate('document.documentElement.scrollWidth <= window.innerWidth'), true);
    const pdf = await page.pdf();
    assert.equal(pdf.subarray(0, 5).toString(), '%PDF-');
    await page.close();
  });

  test('a chart page draws itself offline', async () => {
    const { page, errors, requests } = await open(chart);
    await page.waitForSelector('#chart svg');
    assert.deepEqual(errors, []);
    assert.deepEqual(requests, [pathToFileURL(chart).href]);
    await page.close();
  });
});
