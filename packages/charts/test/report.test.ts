import assert from 'node:assert/strict';
import { test } from 'node:test';
import { buildReport } from '../src/index.ts';
import { addTrace, emptyResults, sampleResults } from './fixture.ts';
import { readMarkup } from './markup.ts';
import type { Tag } from './markup.ts';

const named = (tags: readonly Tag[], name: string): Tag[] => tags.filter((tag) => tag.name === name);

test('the report is one offline page with landmarks, headings, captions and scopes', async () => {
  const db = await sampleResults({}, 10);
  const page = await buildReport(db, { title: 'T', meta: { command: 'workset report' } });
  assert.ok(page.length < 6e6);
  const tags = readMarkup(page);
  for (const landmark of ['header', 'nav', 'main', 'footer', 'h1']) assert.equal(named(tags, landmark).length, 1, landmark);
  const ids = tags.flatMap((tag) => tag.attributes.get('id') ?? []);
  assert.equal(new Set(ids).size, ids.length, 'ids are unique');
  for (const tag of tags) {
    assert.ok(!tag.attributes.has('src'), 'nothing is loaded');
    const href = tag.attributes.get('href');
    if (href !== undefined) assert.ok(href.startsWith('#') && ids.includes(href.slice(1)), href);
    for (const name of tag.attributes.keys()) assert.doesNotMatch(name, /^on/i);
    for (const reference of ['aria-labelledby', 'clip-path']) {
      const to = /^(?:url\(#)?([\w-]+)\)?$/.exec(tag.attributes.get(reference) ?? '')?.[1];
      if (to !== undefined) assert.ok(ids.includes(to), `${reference} ${to}`);
    }
  }
  assert.doesNotMatch(page.replaceAll('http://www.w3.org/', ''), /https?:\/\/|@import|url\((?!#)/);
  assert.equal(named(tags, 'table').length, named(tags, 'caption').length);
  assert.ok(named(tags, 'th').every((tag) => tag.attributes.has('scope')));
  assert.ok(named(tags, 'svg').every((tag) => tag.attributes.get('role') === 'img' && tag.attributes.has('aria-labelledby')));
  assert.ok(named(tags, 'svg').length >= 8);
  for (const id of ['capture', 'working-set', 'when', 'cost', 'failures', 'eviction', 'fidelity', 'method', 'input'])
    assert.ok(ids.includes(id), id);
  db.close();
});

test('accuracy tables repeat scope and truth grade in each row; figures have units', async () => {
  const db = await sampleResults({}, 6);
  const page = await buildReport(db);
  const score = page.slice(page.indexOf('id="working-set"'), page.indexOf('SQL and data', page.indexOf('id="working-set"')));
  const rows = score.match(/<tr><th scope="row">.*?<\/tr>/gs)!;
  assert.equal(rows.length, 14, 'seven runs in two scopes');
  for (const row of rows) assert.match(row, /<td>exact<\/td><td>(any|mapped)<\/td>/);
  assert.ok(score.match(/class="unit"/g)!.length >= 6);
  db.close();
});

test('the SQL behind each figure and its rows are in the page', async () => {
  const db = await sampleResults({}, 6);
  const page = await buildReport(db);
  const ids = [...page.matchAll(/data-csv="(\w+)"/g)].map(([, id]) => id!);
  assert.ok(ids.length >= 10);
  for (const id of ids) {
    const block = new RegExp(`<script type="application/json" id="csv-${id}">(.*?)</script>`, 's').exec(page);
    const csv: unknown = JSON.parse(block![1]!);
    assert.ok(typeof csv === 'string' && csv.includes(','));
  }
  assert.ok(page.match(/<details class="behind"><summary>SQL and data<\/summary><pre tabindex="0"><code>/g)!.length >= 10);
  db.close();
});

test('same results, same report', async () => {
  const db = await sampleResults({}, 6);
  assert.ok((await buildReport(db)) === (await buildReport(db)));
  db.close();
});

test('several traces are ranked and told apart', async () => {
  const db = await sampleResults({}, 5);
  await addTrace(db, { trace: 'redis', seed: 3 }, 5);
  const page = await buildReport(db);
  readMarkup(page);
  assert.match(page, /does that hold on every trace/);
  assert.match(page, /trace redis/);
  db.close();
});

test('strings from a trace never become markup', async () => {
  const evil = `</script><script>alert(1)</script><img src=x onerror="alert('2')"> & ' \u2028`;
  const db = await sampleResults({ trace: evil, path: evil, scheme: evil }, 5);
  await db.insert('diagnostics', [{ input_id: '', severity: evil, code: evil, line: 1, byte_offset: null, count: 1, message: evil }]);
  await db.exec(
    `UPDATE runs SET params = '{"<img src=x onerror=alert(3)>": "<b>"}', error = '<script>alert(4)</script>', stream = stream || '<svg onload=alert(5)>'`,
  );
  const page = await buildReport(db, { meta: { [evil]: evil }, title: evil });
  const tags = readMarkup(page);
  assert.deepEqual(named(tags, 'img'), []);
  for (const tag of named(tags, 'script')) assert.ok(tag.attributes.get('type') === 'application/json' || tag.attributes.size === 0);
  assert.equal(named(tags, 'script').filter((tag) => tag.attributes.size === 0).length, 1);
  for (const tag of tags) for (const name of tag.attributes.keys()) assert.doesNotMatch(name, /^on/i);
  assert.doesNotMatch(page, /<svg onload|<script>alert/);
  db.close();
});

test('results without runs, and without tables, still give a page that says so', async () => {
  const empty = await emptyResults();
  for (const source of [empty, { query: async () => ({ columns: [], rows: [] }) }]) {
    const page = await buildReport(source);
    readMarkup(page);
    assert.match(page, /hold no finished run/);
  }
  empty.close();
});
