/** The SQL shell over streams: statements, commands, history, completion. */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import type { TestContext } from 'node:test';

import type { Results } from '@workset/analyze';
import { UsageError } from '@workset/model';

import { Output } from '../src/output.ts';
import type { Schema } from '../src/schema.ts';
import { completer } from '../src/shell/complete.ts';
import { readHistory, writeHistory } from '../src/shell/history.ts';
import { runShell } from '../src/shell/shell.ts';
import { scratch } from './run-cli.ts';

/** Answers the three questions that describe a schema of one table. */
const RESULTS = {
  dir: 'results',
  interrupt() {},
  async query(sql: string) {
    if (sql.includes('duckdb_views')) return { rows: [{ name: 'runs', comment: 'one row per run' }] };
    if (sql.includes('duckdb_columns'))
      return { rows: [{ table_name: 'runs', name: 'scheme', type: 'VARCHAR', comment: 'tracking scheme' }] };
    return { rows: [{ name: 'hex', parameters: ['n'], comment: 'a number as 0x…' }] };
  },
} as unknown as Results;

async function typed(t: TestContext, lines: readonly string[]): Promise<{ ran: string[]; stdout: string; stderr: string }> {
  const [input, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
  const ran: string[] = [];
  input.end(`${lines.join('\n')}\n`);
  await runShell({
    results: RESULTS,
    out: new Output({ stdout, stderr } as unknown as ConstructorParameters<typeof Output>[0], { quiet: false, color: false }),
    input: input as unknown as NodeJS.ReadStream,
    historyFile: join(scratch(t), 'history'),
    formats: ['table', 'csv'],
    async execute(sql, format) {
      if (sql === 'bad') throw new UsageError('SQL: bad', 'try again');
      ran.push(`${format}: ${sql}`);
    },
  });
  return { ran, stdout: String(stdout.read()), stderr: String(stderr.read() ?? '') };
}

test('a statement runs at its semicolon, over lines, and an error ends nothing', async (t) => {
  const { ran, stderr } = await typed(t, ['SELECT 1,', '2; bad; SELECT 3;', '\\f csv', 'SELECT 4;', '\\q', 'SELECT 5;']);
  assert.deepEqual(ran, ['table: SELECT 1,\n2', 'table: SELECT 3', 'csv: SELECT 4']);
  assert.match(stderr, /^workset: SQL: bad\n {2}hint: try again\n$/);
});

test('\\d describes tables and columns, \\? helps, an unknown command helps too', async (t) => {
  const { stdout } = await typed(t, ['\\d', '\\d runs', '\\d nothing', '\\?', '\\x']);
  assert.match(stdout, /runs +one row per run/);
  assert.match(stdout, /scheme +VARCHAR +tracking scheme/);
  assert.match(stdout, /no table or view nothing/);
  assert.match(stdout, /unknown command \\x/);
});

test('history survives a session, newest first, and a broken file is no error', (t) => {
  const file = join(scratch(t), 'deep/history');
  assert.deepEqual(readHistory(file), []);
  writeHistory(file, ['newest', 'oldest']);
  assert.equal(readFileSync(file, 'utf8'), 'oldest\nnewest\n');
  assert.deepEqual(readHistory(file), ['newest', 'oldest']);
  const blocked = join(scratch(t), 'file');
  writeFileSync(blocked, '');
  writeHistory(join(blocked, 'x'), ['a']);
  mkdirSync(`${blocked}.d`);
  assert.deepEqual(readHistory(`${blocked}.d`), []);
});

test('completion: tables after FROM, columns after a table and a dot, commands after a backslash', () => {
  const schema: Schema = {
    tables: [{ name: 'score_summary', comment: '', columns: [{ name: 'recall', type: 'DOUBLE', comment: '' }] }],
    macros: [{ name: 'hex', parameters: ['n'], comment: '' }],
  };
  const complete = completer(schema);
  assert.deepEqual(complete('SELECT 1 FROM sc'), [['score_summary'], 'sc']);
  assert.deepEqual(complete('SELECT score_summary.re'), [['score_summary.recall'], 'score_summary.re']);
  assert.deepEqual(complete('SELECT rec'), [['recall'], 'rec']);
  assert.deepEqual(complete('\\d sc'), [['score_summary'], 'sc']);
  assert.ok(complete('\\')[0].includes('\\q'));
});
