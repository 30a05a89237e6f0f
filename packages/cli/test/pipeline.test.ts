/** One small trace through every command: what goes to stdout, what to stderr, which exit code. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { tableFromIPC } from 'apache-arrow';

import { errorOf, workset, worksetBytes } from './run-cli.ts';

interface ScoreRow {
  readonly scheme: string;
  readonly scope: string;
  readonly recall: number;
  readonly truth_grade: string;
  readonly params: string;
}

const RUNS = ['--window', '500ms', '--scheme', 'uffd-rwp', '--scheme', 'idle-page'];

describe('synth → replay → score, sql, compare, chart, report, export', () => {
  const dir = mkdtempSync(join(tmpdir(), 'workset-cli-'));
  const trace = join(dir, 't.trace');
  const results = join(dir, 'results');

  before(async () => {
    const made = await workset(['synth', 'zipf', '--pages', '2048', '--seconds', '3', '--rate', '2e4', '-o', trace, '--json']);
    assert.equal(made.code, 0, made.stderr);
    assert.equal((JSON.parse(made.stdout) as { synthetic: boolean }).synthetic, true);
    const ran = await workset(['replay', trace, '-o', results, ...RUNS, '--jobs', '2', '--json']);
    assert.equal(ran.code, 0, ran.stderr);
    assert.equal((JSON.parse(ran.stdout) as { runs: unknown[] }).runs.length, 2);
  });
  after(() => rmSync(dir, { recursive: true, force: true }));

  test('--dry-run lists the runs and writes nothing', async () => {
    const out = join(dir, 'never');
    const { code, stdout } = await workset(['replay', trace, '-o', out, '--dry-run', '--scheme', 'uffd-rwp:interval=100ms:400ms:x2']);
    assert.equal(code, 0);
    for (const interval of ['100ms', '200ms', '400ms']) assert.match(stdout, new RegExp(`planned +uffd-rwp .*interval=${interval}`));
    assert.match(stdout, /nothing was written/);
    assert.ok(!existsSync(out));
  });

  test('a scheme that is named twice runs once', async () => {
    const twice = ['replay', trace, '--scheme', 'uffd-rwp:interval=1s,1000ms', '--scheme', 'uffd-rwp', '--json'];
    const { code, stdout, stderr } = await workset([...twice, '-o', join(dir, 'twice')]);
    assert.equal(code, 0, stderr);
    assert.equal((JSON.parse(stdout) as { runs: unknown[] }).runs.length, 1);
  });

  test("--memory-limit plans more passes, and is the database's too", async () => {
    const planned = async (...words: string[]): Promise<{ passes: number; memoryBytes: number }> =>
      JSON.parse((await workset(['replay', trace, '--dry-run', '--json', ...words])).stdout) as { passes: number; memoryBytes: number };
    const free = await planned();
    const { memoryBytes } = await planned('--memory-limit', '256M');
    assert.equal(free.passes, 1);
    assert.ok(memoryBytes <= 256 * 2 ** 20, `${memoryBytes} bytes`);
    const setting = ['sql', results, '-c', "SELECT current_setting('memory_limit')", '--format', 'csv'];
    assert.match((await workset([...setting, '--memory-limit', '1G'])).stdout, /864/);
    const tooLittle = await workset([...setting, '--memory-limit', '1M']);
    assert.equal(tooLittle.code, 2);
    assert.match(tooLittle.stderr, /--memory-limit: "1M" is too little/);
  });

  test('running again finds everything done', async () => {
    const { code, stdout } = await workset(['replay', trace, '-o', results, ...RUNS]);
    assert.equal(code, 0);
    assert.match(stdout, /^0 runs done, 2 were there already/m);
  });

  test('score: truth grade and prices in the heading, one row per run in its own scope', async () => {
    const { code, stdout, stderr } = await workset(['score', results]);
    assert.equal(code, 0);
    assert.match(stdout, /^zipf: against exact truth; overhead at the prices of x86-vm$/m);
    assert.match(stdout, /^ {2}scheme +stream +run +scope +windows +precision +recall +f1 +wss error +overhead$/m);
    assert.match(stdout, /^ {2}uffd-rwp +model +mapped +\d/m);
    assert.equal(stdout.match(/^ {2}\S+ +model /gm)?.length, 2);
    assert.ok(`${stdout}${stderr}`.split('\n').every((line) => line.length <= 100));
    assert.equal((JSON.parse((await workset(['score', results, '--json'])).stdout) as ScoreRow[]).length, 2);
    const rows = JSON.parse((await workset(['score', results, '--scope', 'all', '--json'])).stdout) as ScoreRow[];
    assert.equal(rows.length, 4, 'two schemes, two scopes');
    assert.ok(rows.every(({ truth_grade, recall }) => truth_grade === 'exact' && recall >= 0 && recall <= 1));
    // RWP faults on every first access: nothing mapped can be missed
    assert.equal(rows.find(({ scheme, scope }) => scheme === 'uffd-rwp' && scope === 'mapped')?.recall, 1);
  });

  test('a missed threshold is exit 4 and says which row', async () => {
    const met = await workset(['score', results, '--scheme', 'uffd-rwp', '--fail-under', 'recall=0.9']);
    assert.equal(met.code, 0, met.stderr);
    const missed = await workset(['score', results, '--scheme', 'uffd-rwp', '--fail-under', 'recall=1.01', '--json']);
    assert.equal(missed.code, 4);
    assert.equal(errorOf(missed).code, 'threshold');
    assert.match(errorOf(missed).message, /uffd-rwp, scope .*recall 1\.0000 is under 1\.01/);
    const unknown = await workset(['score', results, '--fail-under', 'recal=0.9']);
    assert.equal(unknown.code, 2);
    assert.match(unknown.stderr, /did you mean recall/);
    assert.equal(
      (await workset(['score', results, '--scheme', 'nobody', '--fail-under', 'recall=0'])).code,
      4,
      'nothing to compare is no success',
    );
    for (const [option, name] of [
      ['--scheme', 'uffd-rw'],
      ['--trace', 'nowhere'],
    ] as const) {
      const nobody = await workset(['score', results, option, name]);
      assert.equal(nobody.code, 2, nobody.stderr);
      assert.match(nobody.stderr, new RegExp(`no ${option.slice(2)} "${name}".*\n.*there are: `));
    }
  });

  test('compare: equal with itself, exit 4 when B is worse', async () => {
    const same = await workset(['compare', results, results, '--json']);
    assert.equal(same.code, 0, same.stderr);
    const { changes } = JSON.parse(same.stdout) as { changes: { difference: number | null; verdict: string }[] };
    assert.ok(changes.length > 0 && changes.every(({ difference, verdict }) => (difference ?? 0) === 0 && verdict === 'same'));
    const other = join(dir, 'other');
    assert.equal((await workset(['replay', trace, '-o', other, '--window', '100ms', '--scheme', 'uffd-rwp'])).code, 0);
    const apart = await workset(['compare', results, other]);
    assert.equal(apart.code, 1, 'other parameters are other runs');
    assert.match(apart.stderr, /no run in common/);
  });

  test('sql: formats, from stdin, read-only', async () => {
    const ask = (...args: string[]): ReturnType<typeof workset> => workset(['sql', results, ...args]);
    const question = 'SELECT scheme, n_windows FROM runs ORDER BY scheme';
    const csv = await ask('-c', question);
    assert.equal(csv.code, 0, csv.stderr);
    const windows = /^scheme,n_windows\r?\nidle-page,(\d+)\r?\nuffd-rwp,(\d+)\r?\n$/.exec(csv.stdout);
    assert.ok(windows !== null, csv.stdout);
    assert.deepEqual(JSON.parse((await ask('-c', question, '--json')).stdout), [
      { scheme: 'idle-page', n_windows: Number(windows[1]) },
      { scheme: 'uffd-rwp', n_windows: Number(windows[2]) },
    ]);
    assert.equal((await workset(['sql', results, '-'], { input: question })).stdout, csv.stdout);
    assert.match((await ask('-c', question, '--format', 'markdown')).stdout, /^\| scheme \| n_windows \|\n/);
    assert.equal((await ask('-c', `/* both; */ ${question}; SELECT 7 AS b; -- end`)).stdout, `${csv.stdout}\r\nb\r\n7\r\n`);
    assert.equal((await ask('-c', 'SELECT 1 AS a; SELECT 2 AS a', '--format', 'jsonl')).stdout, '{"a":1}\n{"a":2}\n');
    const two = await ask('-c', 'SELECT 1; SELECT 2', '-o', join(dir, 'two.csv'));
    assert.deepEqual([two.code, existsSync(join(dir, 'two.csv'))], [2, false]);
    const written = await ask('-c', 'DROP VIEW runs');
    assert.equal(written.code, 2);
    const file = join(dir, 'q.parquet');
    assert.equal((await ask('-c', question, '--format', 'parquet', '-o', file)).code, 0);
    assert.equal(readFileSync(file).subarray(0, 4).toString(), 'PAR1');
    assert.match((await ask('--schema')).stdout, /^ {2}recall +DOUBLE +\[ratio\]/m);
  });

  test('sql: arrow and parquet, to a file or through a pipe', async () => {
    const question = 'SELECT scheme, n_windows, NULL::DOUBLE AS unknown, sum(n_windows) OVER () AS total FROM runs ORDER BY scheme';
    const ask = (...args: string[]): ReturnType<typeof worksetBytes> => worksetBytes(['sql', results, '-c', question, ...args]);
    const expected = (await workset(['sql', results, '-c', question, '--json'])).stdout;
    const check = (bytes: Uint8Array): void => {
      const table = tableFromIPC(bytes);
      assert.deepEqual(
        [...table].map((row) => [String(row['scheme']), Number(row['n_windows']), row['unknown'], Number(row['total'])]),
        (JSON.parse(expected) as { scheme: string; n_windows: number; total: number }[]).map((row) => [
          row.scheme,
          row.n_windows,
          null,
          row.total,
        ]),
      );
    };
    for (const [name, magic] of [
      ['q.arrow', 'ARROW1'],
      ['q.arrows', '\uFFFD\uFFFD\uFFFD\uFFFD'],
    ] as const) {
      const file = join(dir, name);
      const { code, stderr } = await ask('--format', 'arrow', '-o', file);
      assert.equal(code, 0, stderr);
      assert.equal(
        readFileSync(file)
          .subarray(0, magic === 'ARROW1' ? 6 : 4)
          .toString(),
        magic,
      );
      assert.ok(!existsSync(`${file}.part`));
      check(readFileSync(file));
    }
    const piped = await ask('--format', 'arrow');
    assert.equal(piped.code, 0, piped.stderr);
    check(piped.stdout);
    const parquet = await ask('--format', 'parquet');
    assert.equal(parquet.code, 0, parquet.stderr);
    assert.deepEqual([parquet.stdout.subarray(0, 4).toString(), parquet.stdout.subarray(-4).toString()], ['PAR1', 'PAR1']);
    const broken = join(dir, 'broken.parquet');
    assert.equal((await workset(['sql', results, '-c', "SELECT error('no') FROM range(10)", '--format', 'parquet', '-o', broken])).code, 2);
    assert.ok(!existsSync(broken) && !existsSync(`${broken}.part`));
  });

  test('a script on stdin talks to the shell commands only on a terminal', async () => {
    const { code, stderr } = await workset(['sql', results], { input: '\\d' });
    assert.equal(code, 2);
    assert.match(stderr, /SQL/);
  });

  test('chart: the ending decides the format', async () => {
    const svg = join(dir, 'w.svg');
    const drawn = await workset(['chart', results, 'wss-over-time', '-o', svg]);
    assert.equal(drawn.code, 0, drawn.stderr);
    assert.equal(drawn.stdout, '');
    assert.match(readFileSync(svg, 'utf8'), /^<svg/);
    assert.ok(!existsSync(`${svg}.part`));
    assert.equal((await workset(['chart', results, 'wss-over-tim', '-o', svg])).code, 2);
    assert.equal((await workset(['chart', results, 'wss-over-time', '-o', join(dir, 'w.gif')])).code, 2);
    assert.match((await workset(['chart', '--list'])).stdout, /^wss-over-time /m);
  });

  test('report and export write whole files', async () => {
    const html = join(dir, 'r.html');
    const report = await workset(['report', results, '-o', html]);
    assert.equal(report.code, 0, report.stderr);
    assert.match(readFileSync(html, 'utf8'), /^<!doctype html>/i);
    const db = join(dir, 'r.duckdb');
    const exported = await workset(['export', results, '-o', db, '--json']);
    assert.equal(exported.code, 0, exported.stderr);
    assert.equal((JSON.parse(exported.stdout) as { tables: Record<string, number> }).tables['runs'], 2);
    assert.ok(statSync(db).size > 0 && !existsSync(`${db}.part`));
    assert.ok(
      (JSON.parse(exported.stdout) as { tables: Record<string, number> }).tables['latencies']! > 0,
      'computed for those who cannot',
    );
    const { DuckDBInstance } = await import('@duckdb/node-api');
    const instance = await DuckDBInstance.create(db, { access_mode: 'READ_ONLY' });
    const connection = await instance.connect();
    const rows = (await connection.runAndReadAll(`SELECT scheme FROM score_summary WHERE "scope" = 'mapped' ORDER BY 1`)).getRows();
    connection.closeSync();
    instance.closeSync();
    assert.deepEqual(rows, [['idle-page'], ['uffd-rwp']]);
  });

  test('info tells traces and results apart, and the next command', async () => {
    assert.match((await workset([trace])).stdout, /workset trace zipf[\s\S]*^next: workset replay /m);
    assert.match((await workset(['info', results])).stdout, /workset results, 2 runs over trace zipf[\s\S]*^next: workset score /m);
    assert.equal((await workset(['info', trace, '--verify'])).code, 0);
  });
});
