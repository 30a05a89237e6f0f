/** The command line: finds the command, parses its words, runs it, and turns what it throws into an exit code. */
import { existsSync } from 'node:fs';

import { EXIT, InterruptedError, UsageError, nearest } from '@workset/model';

import { COMMANDS, COMMAND_NAMES } from './commands.ts';
import type { CommandContext, CommandSpec } from './command.ts';
import { commandHelp, mainHelp } from './help-text.ts';
import { Output } from './output.ts';
import type { Streams } from './output.ts';
import { ProgressLine } from './progress.ts';
import { errorText, reportOf } from './report-error.ts';
import { watchProcess } from './signals.ts';
import { memoryLimit, named } from './values.ts';
import { version } from './version.ts';

/** Runs the process: main() plus signals, broken pipes and the exit. Called by bin/workset.js. */
export async function runProcess(): Promise<void> {
  const watch = watchProcess();
  const code = await main(process.argv.slice(2), process, watch.signal);
  await new Promise((resolve) => process.stdout.write('', resolve));
  process.exit(watch.exitCode(code));
}

/** One command line → exit code. Never throws. */
export async function main(argv: readonly string[], streams: Streams, signal: AbortSignal): Promise<number> {
  try {
    await dispatch(argv, streams, signal);
    return EXIT.ok;
  } catch (error) {
    const { report, exit } = reportOf(signal.aborted && !(error instanceof InterruptedError) ? new InterruptedError() : error);
    if (process.env['WORKSET_DEBUG'] === '1') streams.stderr.write(`${(error as Error)?.stack ?? String(error)}\n`);
    if (!(signal.aborted && exit === EXIT.interrupted && signal.reason === 'closed')) {
      streams.stderr.write(errorText(report, wants(argv, '--json')));
    }
    return exit;
  }
}

async function dispatch(argv: readonly string[], streams: Streams, signal: AbortSignal): Promise<void> {
  const at = argv.findIndex((word) => !word.startsWith('-') || word === '-');
  const name = argv[at];
  if (name === undefined) return withoutCommand(argv, streams);
  const known = COMMANDS.find((entry) => entry.name === name);
  // `workset FILE` is `workset info FILE`
  const entry = known ?? (looksLikePath(name) ? COMMANDS[0]! : unknownCommand(name));
  const words = known === undefined ? [...argv] : argv.toSpliced(at, 1);
  const command = await entry.load();
  if (wants(words, '--help', '-h')) streams.stdout.write(commandHelp(command));
  else await run(command, words, argv, streams, signal);
}

async function run(
  command: CommandSpec,
  words: readonly string[],
  argv: readonly string[],
  streams: Streams,
  signal: AbortSignal,
): Promise<void> {
  const { parseArgs } = await import('./parse-args.ts');
  const args = await parseArgs(command, words);
  const quiet = args.flag('quiet');
  const color = wants(words, '--color') ? true : wants(words, '--no-color') ? false : undefined;
  const out = new Output(streams, { quiet, color });
  const lines = streams.stderr.isTTY === true && !quiet && !wants(words, '--no-progress');
  const ctx: CommandContext = {
    out,
    json: args.flag('json'),
    memoryLimitBytes: named('memory-limit', args.text('memory-limit'), memoryLimit),
    signal,
    argv,
    progress: (label) => new ProgressLine(streams.stderr, label, lines),
  };
  await command.run(args, ctx);
}

function withoutCommand(argv: readonly string[], streams: Streams): void {
  if (wants(argv, '--version', '-V')) {
    streams.stdout.write(`workset ${version()}\n`);
    return;
  }
  const stray = argv.find((word) => !['--help', '-h', '--json', '--quiet', '-q', '--no-progress', '--color', '--no-color'].includes(word));
  if (stray !== undefined) throw new UsageError(`no option ${stray} without a command`, 'see: workset help');
  if (wants(argv, '--help', '-h')) streams.stdout.write(mainHelp());
  else throw new UsageError('a command or a file is needed', 'see: workset help, or try: workset list schemes');
}

function looksLikePath(name: string): boolean {
  return name === '-' || /[./\\]/.test(name) || existsSync(name);
}

function unknownCommand(name: string): never {
  const near = nearest(name, COMMAND_NAMES);
  throw new UsageError(
    `no command ${JSON.stringify(name)}, and no such file`,
    (near.length > 0 ? `did you mean ${near.join(' or ')}? ` : '') + `commands: ${COMMAND_NAMES.join(', ')}`,
  );
}

/** Is one of these switches given, before any `--`? */
function wants(words: readonly string[], ...switches: readonly string[]): boolean {
  const end = words.indexOf('--');
  return (end === -1 ? words : words.slice(0, end)).some((word) => switches.includes(word));
}
