/** Commands that work on a trace alone: convert, curve, eviction-window, races, replay --evict. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { errorOf, REPO, workset } from './run-cli.ts';

describe('a trace in a directory with a space in its name', () => {
  const dir = mkdtempSync(join(tmpdir(), 'workset cli '));
  const trace = join(dir, 't.trace');
  const json = async (...args: string[]): Promise<unknown> => {
    const ran = await workset([...args, '--json']);
    assert.equal(ran.code, 0, ran.stderr);
    return JSON.parse(ran.stdout);
  };

  before(async () => {
    const made = await workset(['synth', 'zipf', '--pages', '1024', '--seconds', '2', '--rate', '2e4', '-o', trace]);
    assert.equal(made.code, 0, made.stderr);
    assert.ok(made.stdout.endsWith(`next: workset replay '${trace}' -o results\n`), 'the suggested command is quoted');
  });
  after(() => rmSync(dir, { recursive: true, force: true }));

  test('convert: the ending decides the format, a part is a part, nothing is left of a failure', async () => {
    const csv = join(dir, 'a.csv');
    const all = (await json('convert', trace, '-o', csv)) as { rows: number; content: string };
    const rows = readFileSync(csv, 'utf8')
      .trim()
      .split('\n')
      .filter((line) => !line.startsWith('#'));
    assert.equal(rows.length - 1, all.rows);
    const part = (await json('convert', trace, '-o', join(dir, 'part.trace'), '--time', '500ms:1s')) as { rows: number; outside: number };
    assert.ok(part.rows > 0 && part.rows + part.outside === all.rows);
    assert.equal(((await json('info', join(dir, 'part.trace'))) as { kind: string }).kind, 'trace');
    const before = readdirSync(dir);
    for (const args of [
      ['x.foo'],
      ['x.csv', '--time', '1h:2h'],
      ['x.trace', '--compact', '1500us'],
      ['x.trace', '--compact', '2ms', '--pid', '1'],
    ]) {
      const { code, stderr } = await workset(['convert', trace, '-o', join(dir, args[0]!), ...args.slice(1)]);
      assert.equal(code, 2, `${args.join(' ')}: ${stderr}`);
    }
    assert.equal((await workset(['convert', trace, '-o', join(dir, 'x.json')])).code, 1, 'no reports, nothing for damo');
    assert.deepEqual(readdirSync(dir), before);
  });

  test('convert --compact: fewer touches, the same pages', async () => {
    const whole = (await json('info', trace)) as { spaces: { nPages: number; nTouches: number }[] };
    const short = (await json('convert', trace, '-o', join(dir, 'c.trace'), '--compact', '20ms')) as typeof whole & { quantumNs: number };
    assert.equal(short.quantumNs, 20e6);
    assert.equal(short.spaces[0]!.nPages, whole.spaces[0]!.nPages);
    assert.ok(short.spaces[0]!.nTouches < whole.spaces[0]!.nTouches);
  });

  test('curve: misses fall with memory to the share of first touches; windows hold more the longer they are', async () => {
    const misses = (await json('curve', trace)) as { pages: number; miss_ratio: number }[];
    assert.ok(misses.every(({ miss_ratio }, i) => i === 0 || miss_ratio <= misses[i - 1]!.miss_ratio));
    const { spaces } = (await json('info', trace)) as { spaces: { nTouches: number }[] };
    const last = misses.at(-1)!;
    assert.ok(Math.abs(last.miss_ratio - last.pages / spaces[0]!.nTouches) < 1e-12);
    const held = (await json('curve', trace, '--kind', 'working-set')) as { pages: number }[];
    assert.ok(held.every(({ pages }, i) => i === 0 || pages >= held[i - 1]!.pages));
    assert.equal((await workset(['curve', trace, '--rate', '2'])).code, 2);
  });

  test('curve --out: rows of the table curves, for sql and chart, beside runs or without any', async () => {
    const out = join(dir, 'curves of it');
    const ask = (sql: string): Promise<unknown> => json('sql', out, '-c', sql);
    const { curves } = (await json('curve', trace, '-o', out, '--points', '9')) as { curves: { kind: string; points: number }[] };
    assert.deepEqual(curves.map(({ kind }) => kind), ['miss-ratio', 'working-set']); // prettier-ignore
    const shown = (await json('curve', trace, '--points', '9')) as { pages: number; miss_ratio: number }[];
    assert.deepEqual(
      await ask(`SELECT x AS pages, value AS miss_ratio FROM curves WHERE kind = 'miss-ratio' ORDER BY x`),
      shown.map(({ pages, miss_ratio }) => ({ pages, miss_ratio })),
    );
    const held = (await json('curve', trace, '--points', '9', '--kind', 'working-set')) as { window_ns: number; pages: number }[];
    assert.deepEqual(
      await ask(`SELECT x AS window_ns, value AS pages FROM curves WHERE kind = 'working-set' AND x_unit = 'ns' ORDER BY x`),
      held.map(({ window_ns, pages }) => ({ window_ns, pages })),
    );
    await json('curve', trace, '-o', out, '--points', '5', '--rate', '0.5', '--kind', 'miss-ratio');
    await json('curve', trace, '-o', out, '--points', '5', '--rate', '0.5', '--kind', 'miss-ratio');
    assert.deepEqual(
      await ask('SELECT method, rate, seed, count(*) AS n, min(error) >= 0 AS ok FROM curves GROUP BY ALL ORDER BY method'),
      [
        { method: 'exact', rate: 1, seed: null, n: 18, ok: true },
        { method: 'sampled', rate: 0.5, seed: 1, n: 5, ok: true },
      ],
    );
    for (const name of ['miss-ratio', 'working-set']) {
      const svg = join(dir, `${name}.svg`);
      assert.equal((await workset(['chart', out, name, '-o', svg])).code, 0);
      const words = readFileSync(svg, 'utf8').replaceAll(/<[^>]*>/g, ' ');
      assert.match(words, /gpa, exact/);
      assert.doesNotMatch(words, /No data/);
    }
    assert.equal((await workset(['replay', trace, '-o', out, '--window', '500ms', '--scheme', 'uffd-rwp'])).code, 0);
    assert.deepEqual(
      await ask('SELECT count(DISTINCT c.kind) AS kinds, count(DISTINCT run_id) AS runs FROM curves c JOIN runs USING (trace_id)'),
      [{ kinds: 2, runs: 1 }],
    );
  });

  test('eviction-window: RWP never refaults more than uffd-wp', async () => {
    const found = (await json('eviction-window', trace, '--window', '100ms')) as Record<string, number>;
    assert.ok(found['windows']! > 10);
    assert.equal(found['refaultsWp']! - found['refaultsRwp']!, found['refaultsUnseenRead']);
    assert.ok(found['refaultsUnseenRead']! >= 0);
  });

  test('replay --evict: refaults beside LRU and OPT, in score too', async () => {
    const out = join(dir, 'evicted');
    const args = ['replay', trace, '-o', out, '--window', '100ms', '--scheme', 'uffd-rwp', '--evict'];
    assert.equal((await workset([...args, 'uffd-wp:limit=50%'])).code, 0);
    const [row] = (await json('score', out)) as { eviction: Record<string, number> }[];
    assert.ok(row!.eviction['evictions']! > 0);
    assert.ok(row!.eviction['refaults']! >= row!.eviction['opt_refaults']!);
    assert.match((await workset(['score', out])).stdout, /^eviction: [\s\S]*^ {2}uffd-rwp +uffd-wp:limit=50% /m);
    const sweep = ['replay', trace, '-o', out, '--scheme', 'uffd-rwp:interval=100ms,200ms', '--evict', 'uffd-wp:limit=50%'];
    assert.equal((await workset(sweep)).code, 0);
    const table = (await workset(['score', out])).stdout;
    for (const interval of ['100ms', '200ms'])
      assert.match(table, new RegExp(`^eviction: [\\s\\S]*^ {2}uffd-rwp +interval=${interval} +uffd-wp:limit=50% `, 'm'));
    const impossible = await workset([...args, 'rwp-sync:limit=50%,backing=anon', '--json']);
    assert.equal(impossible.code, 2);
    assert.match(errorOf(impossible).message, /cannot evict anon memory/);
  });

  test('damo JSON from a DAMON trace', async () => {
    const out = join(dir, 'd.json');
    await json('convert', join(REPO, 'traces/redis-pti/A.ftrace.txt.gz'), '-o', out);
    assert.ok(Array.isArray(JSON.parse(readFileSync(out, 'utf8'))));
    assert.ok(!existsSync(`${out}.part`));
  });
});

test('races: a backing that the primitive cannot evict is refused, saying why', async () => {
  const { code, stdout, stderr } = await workset(['races', 'rwp-sync', '--backing', 'anon']);
  assert.deepEqual([code, stdout], [2, '']);
  assert.match(stderr, /rwp-sync cannot evict anon memory: .*waits for itself/);
});

test('races: the primitives that lose writes, with the schedule', async () => {
  const { code, stdout } = await workset(['races', 'punch-hole', '--accesses', '1']);
  assert.equal(code, 0);
  assert.match(stdout, /^punch-hole +mainline +shmem +1 +1 +present, unmapped +loses writes /m);
  assert.match(stdout, /^swapper \| copy-second store \. +punch-hole\nwrite +\| \. +\. +write/m);
  assert.match(
    (await workset(['races', 'uffd-move', '--accesses', '1'])).stdout,
    /^uffd-move +mainline +anon +2 +3 +present, armed +safe /m,
  );
});
