/** The notebooks: the rules of verdicts on made-up evidence, and 02-claims on the bundled captures. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { Results } from '@workset/analyze';
import { readDataSpec } from '../../../scripts/notebooks/data.ts';
import { inlineHtml, markdownHtml } from '../../../scripts/notebooks/markdown.ts';
import { pageHtml } from '../../../scripts/notebooks/page.ts';
import { NotebookError, parseNotebook } from '../../../scripts/notebooks/parse.ts';
import type { CodeCell } from '../../../scripts/notebooks/parse.ts';
import { Session } from '../../../scripts/notebooks/session.ts';
import { evidenceOf, evidenceSql, fillIn, parseVerdict } from '../../../scripts/notebooks/verdict.ts';
import { scratch } from './results-dir.ts';

const ROOT = resolve(fileURLToPath(import.meta.url), '../../../..');
const verdictCell = (text: string): CodeCell => ({ kind: 'verdict', line: 1, options: { claim: 'X', from: 'x' }, text });
const row = (measure: string, series: string, w: number, value: number | null) => ({ measure, series, w, value });

test('cells: prose, options, lines; a block that is not closed and a name used twice are refused', () => {
  const { title, on, cells } = parseNotebook('---\ntitle: T\non: mine\n---\n# T\n\n```sql name=a hide\nSELECT 1\n```\nend\n');
  assert.deepEqual(
    [title, on, cells.map(({ kind, line }) => [kind, line])],
    [
      'T',
      'mine',
      [
        ['prose', 5],
        ['sql', 7],
        ['prose', 10],
      ],
    ],
  );
  assert.deepEqual((cells[1] as CodeCell).options, { name: 'a', hide: 'true' });
  assert.equal((cells[1] as CodeCell).text, 'SELECT 1');
  assert.throws(() => parseNotebook('```sql\nSELECT 1\n'), NotebookError);
  assert.throws(() => parseNotebook('```sql name=a\n```\n\n```sql name=a\n```\n'), /two cells are called a/);
});

test('a verdict needs rules both ways, a reason and limits', () => {
  const good = 'supported: x > 1\ncontradicted: x < 1\nbecause: {x}\n  and more\nlimits: few';
  assert.deepEqual(parseVerdict(verdictCell(good)).because, '{x} and more');
  assert.throws(() => parseVerdict(verdictCell('supported: x > 1\nbecause: a\nlimits: b')), /two rules/);
  assert.throws(() => parseVerdict(verdictCell('supported: a\ncontradicted: b\nbecause: c')), /limits/);
  assert.throws(() => parseVerdict(verdictCell('proven: a\ncontradicted: b\nbecause: c\nlimits: d')), /"proven" is no verdict/);
});

test('evidence: mean, interval and count by measure; NULL is unknown, never 0', async (t) => {
  const rows = [...Array.from({ length: 20 }, (_, w) => row('a', 's', w, w % 2)), row('b', 's', 0, null), row('c', 's', 0, 7)];
  const evidence = evidenceOf(rows, 1);
  assert.deepEqual(
    evidence.map(({ measure, n, series }) => [measure, n, series]),
    [
      ['a', 20, 1],
      ['b', 0, 0],
      ['c', 1, 1],
    ],
  );
  assert.ok(evidence[0]!.low! < 0.5 && evidence[0]!.high! > 0.5);
  using results = await Results.open(scratch(t));
  const { rows: columns } = await results.query(evidenceSql(evidence));
  assert.deepEqual(
    [columns[0]!['a'], columns[0]!['b'], columns[0]!['c'], columns[0]!['c_low'], columns[0]!['b_n']],
    [0.5, null, 7, null, 0],
  );
  assert.equal(fillIn('{c}, {b}', evidence, 1), '7, unknown');
  assert.throws(() => fillIn('{d}', evidence, 1), /no measure d/);
  assert.throws(() => evidenceOf([], 1), /no rows/);
  assert.throws(() => evidenceOf([{ measure: 'a', value: 1 }], 1), /no column series/);
});

test('text from a notebook is escaped', () => {
  assert.equal(inlineHtml('a **b** `<c>` <script>'), 'a <strong>b</strong> <code>&lt;c&gt;</code> &lt;script&gt;');
  assert.equal(markdownHtml('# A\n\n- x\n- y'), '<h1 id="a">A</h1>\n<ul><li>x</li><li>y</li></ul>');
  assert.ok(!markdownHtml('[x](javascript:alert(1))').includes('href'));
});

test('02-claims gives every claim of the thread a verdict that its rule derives', { timeout: 900_000 }, async () => {
  const shop = {
    root: ROOT,
    out: resolve(ROOT, 'out/notebooks'),
    spec: readDataSpec(resolve(ROOT, 'notebooks/data.yaml')),
    keep: true,
    log: () => {},
  };
  const notebook = parseNotebook(readFileSync(resolve(ROOT, 'notebooks/02-claims.md'), 'utf8'));
  const session = new Session(shop, notebook);
  try {
    const outputs = await session.run();
    const verdicts = outputs.flatMap((output) => ('verdict' in output ? [output.verdict] : []));
    assert.deepEqual(
      verdicts.map(({ claim }) => claim),
      Array.from({ length: 20 }, (_, i) => `C${i + 1}`),
    );
    for (const { claim, evidence, because, limits } of verdicts) {
      assert.ok(
        evidence.some(({ n }) => n > 0),
        `${claim} has no evidence`,
      );
      assert.ok(because !== '' && limits !== '' && !because.includes('{'), claim);
    }
    const of = (claim: string): string => verdicts.find((each) => each.claim === claim)!.verdict;
    // what no capture here holds: migration, swap, VMM actors, GUP
    assert.deepEqual(['C7', 'C8', 'C12', 'C20'].map(of), Array(4).fill('these traces cannot say'));
    const html = pageHtml(notebook, outputs);
    for (const { claim } of verdicts) assert.ok(html.includes(`id="${claim.toLowerCase()}"`), `no heading for ${claim}`);
    assert.ok(!/<script|https?:\/\/(?!www\.w3\.org)/.test(html), 'the page needs no script and no network');
  } finally {
    session.close();
  }
});
