/** `workset sql DIR`: questions in SQL, as a command or in a shell. */
import { readFileSync } from 'node:fs';

import type { Format, Results } from '@workset/analyze';
import { UsageError } from '@workset/model';

import type { Args, CommandContext, CommandSpec } from '../command.ts';
import { printSchema, readSchema } from '../schema.ts';
import { BINARY_FORMATS, binaryPart, FORMATS, writeBinary, writeRows } from '../sql-format.ts';
import type { BinaryFormat, Destination } from '../sql-format.ts';
import { statementsOf } from '../shell/statement.ts';
import { withResults } from '../with-results.ts';

export const sql: CommandSpec = {
  name: 'sql',
  summary: 'query results; a shell on a terminal',
  about: [
    'Read-only. Start with FROM score_summary; --schema lists tables, views, columns with units, and macros. NULL means unknown, never 0.',
    'parquet and arrow go to a file or a pipe; arrow is an IPC file with -o FILE.arrow, a stream with -o FILE.arrows or in a pipe. Sums of integers are decimals there (HUGEINT has no type in either): ::BIGINT makes them plain integers.',
    'Without -c, -f or - a shell opens on a terminal (\\? for help); input that is not a terminal is read as SQL.',
  ],
  positionals: { usage: 'DIR [-]', min: 1, max: 2 },
  options: [
    { name: 'command', alias: 'c', value: 'SQL', help: 'run this' },
    { name: 'file', alias: 'f', value: 'FILE', help: 'run the statements of this file, one after the other; - is stdin' },
    {
      name: 'format',
      value: 'FORMAT',
      help: 'how rows are written; default: table on a terminal, csv elsewhere',
      choices: [...FORMATS, ...BINARY_FORMATS],
    },
    { name: 'csv', help: 'short for --format csv' },
    { name: 'out', alias: 'o', value: 'FILE', help: 'write there instead of stdout' },
    { name: 'schema', help: 'print tables, views, columns with units, and macros' },
    { name: 'no-score', help: 'do not bring the table scores up to date first' },
  ],
  examples: [
    'workset sql results -c "FROM score_summary"',
    'workset sql results --csv -c "SELECT scheme, recall FROM score_summary" > recall.csv',
    'workset sql results -c "FROM wss_over_time" --format parquet -o wss.parquet',
    'workset sql results -c "FROM scores" --format arrow -o scores.arrow',
    'workset sql results',
  ],
  async run(args, ctx) {
    const dir = args.positionals[0]!;
    const format = formatOf(args, ctx);
    const out = args.text('out');
    if (isBinary(format) && (out === undefined || out === '-') && ctx.out.streams.stdout.isTTY === true)
      throw new UsageError(`--format ${format} is not for a terminal`, `add -o FILE.${format}, or a pipe`);
    const question = questionOf(args);
    const part = binaryPart(format, out);
    const options = { unscored: args.off('score'), ...(part === undefined ? {} : { allowFiles: [part] }) };
    await withResults(dir, ctx, (results) => answer(results, question, format, part, args, ctx), options);
  },
};

async function answer(
  results: Results,
  question: string | undefined,
  format: Format | BinaryFormat,
  part: string | undefined,
  args: Args,
  ctx: CommandContext,
): Promise<void> {
  if (args.flag('schema')) {
    const schema = await readSchema(results);
    if (ctx.json) ctx.out.json(schema);
    else printSchema(schema, ctx.out);
  } else if (question === undefined) await openShell(results, ctx);
  else {
    const destination = { out: ctx.out, path: args.text('out'), part, signal: ctx.signal };
    const statements = statementsOf(question);
    if (statements.length > 1 && (isBinary(format) || isFile(destination.path)))
      throw new UsageError(`${statements.length} statements, and one answer to a file`, 'leave -o out, or ask one thing at a time');
    if (isBinary(format)) await writeBinary(results, question, format, destination);
    else if (statements.length < 2) await writeRows(await results.stream(question), format, destination);
    else await writeEach(results, statements, format, destination);
  }
}

/** Answers one below the other, as the shell gives them; a blank line between them where one would run into the next. */
async function writeEach(results: Results, statements: readonly string[], format: Format, destination: Destination): Promise<void> {
  for (const [i, statement] of statements.entries()) {
    if (i > 0 && format !== 'jsonl' && format !== 'json') destination.out.raw(format === 'csv' ? '\r\n' : '\n');
    await writeRows(await results.stream(statement), format, destination);
  }
}

function isFile(path: string | undefined): boolean {
  return path !== undefined && path !== '-';
}

function isBinary(format: Format | BinaryFormat): format is BinaryFormat {
  return (BINARY_FORMATS as readonly string[]).includes(format);
}

async function openShell(results: Results, ctx: CommandContext): Promise<void> {
  const [{ runShell }, { historyFile }] = await Promise.all([import('../shell/shell.ts'), import('../shell/history.ts')]);
  await runShell({
    results,
    out: ctx.out,
    input: process.stdin,
    historyFile: historyFile(),
    formats: FORMATS,
    execute: async (statement, format) =>
      writeRows(await results.stream(statement), format as Format, { out: ctx.out, signal: ctx.signal }),
  });
}

/** undefined = the shell. */
function questionOf(args: Args): string | undefined {
  const [command, file, dash] = [args.text('command'), args.text('file'), args.positionals[1]];
  if (dash !== undefined && dash !== '-')
    throw new UsageError(`unexpected ${JSON.stringify(dash)}`, 'put SQL behind -c: workset sql DIR -c "SELECT …"');
  if ([command, file, dash].filter((each) => each !== undefined).length > 1) throw new UsageError('only one of -c, -f and - can be given');
  if (args.flag('schema')) return undefined;
  if (command !== undefined) return command;
  if (file !== undefined && file !== '-') return readFileSync(file, 'utf8');
  if (file === '-' || dash === '-' || !process.stdin.isTTY) return readFileSync(0, 'utf8');
  return undefined;
}

function formatOf(args: Args, ctx: CommandContext): Format | BinaryFormat {
  const chosen = [args.text('format'), args.flag('csv') ? 'csv' : undefined, ctx.json ? 'json' : undefined].filter(
    (each) => each !== undefined,
  );
  if (new Set(chosen).size > 1) throw new UsageError(`formats ${chosen.join(' and ')} at once`);
  return (chosen[0] as Format | BinaryFormat | undefined) ?? (ctx.out.streams.stdout.isTTY === true ? 'table' : 'csv');
}
