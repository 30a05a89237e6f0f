/** What a path on the command line is, before anything heavy is loaded. */
import { readdirSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';

import { UnreadableInputError, UsageError } from '@workset/model';
import { isResults, isTrace } from '@workset/store';

export type InputKind = 'trace' | 'results' | 'capture';

/** Throws UnreadableInputError for a missing path and for a directory that is neither trace nor results. */
export function kindOf(path: string): InputKind {
  if (path === '-') return 'capture';
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats === undefined) throw new UnreadableInputError(`${path}: no such file or directory`, { file: path });
  if (!stats.isDirectory()) return 'capture';
  if (isTrace(path)) return 'trace';
  if (isResults(path)) return 'results';
  throw new UnreadableInputError(`${path} is a directory, but neither a trace nor results`, { file: path }, directoryHint(path));
}

function directoryHint(path: string): string {
  const files = readdirSync(path, { withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ name }) => name);
  if (files.length === 0) return 'a trace holds trace.json, results hold workset.json; this one holds no files';
  return `to make a trace of the captures in it, name the files: workset ingest ${join(path, '*')} -o vm.trace`;
}

/** The one trace directory a command works on. */
export function tracePath(path: string): string {
  const kind = kindOf(path);
  if (kind === 'trace') return path;
  if (kind === 'results') throw new UsageError(`${path} holds results, a trace is needed`, `try: workset score ${path}`);
  throw new UsageError(`${path} is a capture, a trace is needed`, `make one first: workset ingest ${path} -o vm.trace`);
}

/** The one results directory a command works on. */
export function resultsPath(path: string): string {
  const kind = kindOf(path);
  if (kind === 'results') return path;
  if (kind === 'trace')
    throw new UsageError(`${path} is a trace, results are needed`, `make them first: workset replay ${path} -o results`);
  throw new UsageError(
    `${path} is a capture, results are needed`,
    `first: workset ingest ${path} -o vm.trace && workset replay vm.trace -o results`,
  );
}

/** An output that would overwrite one of its own inputs is refused. */
export function refuseOverwrite(out: string, inputs: readonly string[]): void {
  const clash = inputs.find((input) => resolve(input) === resolve(out));
  if (clash !== undefined) throw new UsageError(`--out ${out} is also an input`);
}
