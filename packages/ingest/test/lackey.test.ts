import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UsageError } from '@workset/model';
import { lackeyIngestor } from '../src/formats/lackey.ts';
import { fixture, ingestBytes, ingestText } from './text-harness.ts';

const rate = { 'accesses-per-second': '1e9' };

test('a recorded log against another parser', async () => {
  const bytes = fixture('access-logs/lackey.head.txt');
  const outcome = await ingestBytes(lackeyIngestor, bytes, { options: rate });
  // one access per touched page, M = load and store
  const expected = bytes
    .toString()
    .split('\n')
    .flatMap((line) => {
      const match = /^(?:(I) | ([LSM])) ([0-9a-f]+),(\d+)$/.exec(line);
      if (match === null) return [];
      const from = BigInt(`0x${match[3]!}`);
      const pages = [from >> 12n];
      for (let page = pages[0]! + 1n; page <= (from + BigInt(match[4]!) - 1n) >> 12n; page++) pages.push(page);
      const kinds = match[2] === 'S' ? [1] : match[2] === 'M' ? [0, 1] : [0];
      return kinds.flatMap((cls) => pages.map((page) => [Number(page), cls]));
    });
  assert.ok(expected.length > 350);
  assert.deepEqual(
    outcome.accesses.map(({ page, cls }) => [page, cls]),
    expected,
  );
});

test('a log without times needs a rate', async () => {
  const { error } = await ingestText(lackeyIngestor, 'I  04001234,3\n');
  assert.ok(error instanceof UsageError);
  assert.match(error.hint!, /accesses-per-second/);
  assert.ok((await ingestText(lackeyIngestor, 'I  04001234,3\n', { 'accesses-per-second': 'fast' })).error instanceof UsageError);
});

test('the rate counts lines, or instructions only', async () => {
  const log = 'I  04001000,3\n S 1fff000718,8\n L 1fff000718,8\nI  04002000,3\n';
  const byAccess = await ingestText(lackeyIngestor, log, { 'accesses-per-second': '1e6' });
  assert.deepEqual(
    byAccess.accesses.map(({ timeNs }) => timeNs),
    [0, 1000, 2000, 3000],
  );
  const byInstruction = await ingestText(lackeyIngestor, log, { 'instructions-per-second': '1e6' });
  assert.deepEqual(
    byInstruction.accesses.map(({ timeNs }) => timeNs),
    [0, 1000, 1000, 1000],
  );
});

test('an access over a page edge touches both pages, a modify reads and writes', async () => {
  const outcome = await ingestText(lackeyIngestor, ' M 04000ffc,8\n L 04000ff8,8\n S 04000fc0,64\n S 04000fc1,64\n', rate);
  assert.deepEqual(
    outcome.accesses.map(({ page, cls }) => `${page.toString(16)}${cls === 1 ? 'w' : 'r'}`),
    ['4000r', '4001r', '4000w', '4001w', '4000r', '4000w', '4000w', '4001w'],
  );
});

test('lackey-corrupt.txt: cut address, foreign text, bad hex, an access over the end of memory', async () => {
  const outcome = await ingestBytes(lackeyIngestor, fixture('bad-text/lackey-corrupt.txt'), { options: rate });
  assert.deepEqual(outcome.rejected, { 'damaged-line': 3, 'foreign-line': 2, 'address-wrap': 1 });
  assert.deepEqual(outcome.firstLine, { 'damaged-line': 13, 'foreign-line': 14, 'address-wrap': 16 });
  assert.equal(outcome.accesses.length, 15);
});
test('lackey.base.txt is whole', async () => {
  const outcome = await ingestBytes(lackeyIngestor, fixture('bad-text/lackey.base.txt'), { options: rate });
  assert.deepEqual(outcome.rejected, {});
  assert.equal(outcome.accesses.length, 24);
});
test('sniffing', () => {
  assert.equal(lackeyIngestor.sniff(fixture('bad-text/lackey.base.txt')), 0.9);
  assert.equal(lackeyIngestor.sniff(fixture('bad-text/base.exc.txt')), 0);
});

test("Valgrind's own lines are no accesses and nobody's output: -v, --time-stamp, --trace-superblocks", async () => {
  const own = [
    '==00:00:00:00.000 17136== Lackey, an example Valgrind tool',
    '==17288== Command: ./t',
    '--17288-- Valgrind options:',
    '--00:00:00:01.000 17288--    -v',
    '**17288** a note',
    'SB 0401ab70',
  ];
  const log = `${own.join('\n')}\nI  0401ab70,3\nSB 0401ab73\r\n S 1fff000778,8\nSB my line\n`;
  const { accesses, rejected } = await ingestText(lackeyIngestor, log, rate);
  assert.equal(accesses.length, 2);
  assert.deepEqual(rejected, { 'foreign-line': 1 });
});
