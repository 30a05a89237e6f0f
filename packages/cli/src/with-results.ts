/** Opens results for one piece of work: scores brought up to date, an interrupt passed on, everything closed. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';

import type { Results, ResultsOptions } from '@workset/analyze';
import type { DataRow, QuerySource } from '@workset/charts';

import type { CommandContext } from './command.ts';
import { resultsPath } from './inputs.ts';

export interface WithResultsOptions extends ResultsOptions {
  /** Leave the table `scores` as it is. */
  readonly unscored?: boolean;
}

export async function withResults<T>(
  dir: string,
  ctx: CommandContext,
  work: (results: Results) => Promise<T>,
  options: WithResultsOptions = {},
): Promise<T> {
  const path = resultsPath(dir);
  const { Results, materialiseScores } = await import('@workset/analyze');
  if (options.unscored !== true) await bringUpToDate();
  const results = await Results.open(path, { ...databaseLimit(ctx), ...options });
  const interrupt = (): void => results.interrupt();
  ctx.signal.addEventListener('abort', interrupt);
  try {
    return await work(results);
  } finally {
    ctx.signal.removeEventListener('abort', interrupt);
    results.close();
  }

  /** Results that may only be read are used as they are, unless nothing was ever scored. */
  async function bringUpToDate(): Promise<void> {
    try {
      const limit = databaseBytes(ctx);
      await materialiseScores(path, { signal: ctx.signal, ...(limit !== undefined && { memoryLimitBytes: limit }) });
    } catch (error) {
      const readOnly = ['EACCES', 'EPERM', 'EROFS'].includes((error as NodeJS.ErrnoException).code ?? '');
      if (!readOnly || !existsSync(join(path, 'scores'))) throw error;
      ctx.out.note(`workset: the scores in ${path} cannot be brought up to date: ${(error as Error).message}`);
    }
  }
}

/** What the process needs beside its database. */
const PROCESS_BYTES = 160 << 20;

/** The database's part of `--memory-limit`. */
function databaseBytes({ memoryLimitBytes }: CommandContext): number | undefined {
  return memoryLimitBytes === undefined ? undefined : memoryLimitBytes - PROCESS_BYTES;
}

/** The same as the database reads it. */
function databaseLimit(ctx: CommandContext): { readonly memoryLimit?: string } {
  const bytes = databaseBytes(ctx);
  return bytes === undefined ? {} : { memoryLimit: `${Math.floor(bytes / 2 ** 20)}MiB` };
}

/** What schemes cannot see, by id, for captions. */
export async function blindSpots(): Promise<Record<string, readonly string[]>> {
  const { schemes } = await import('@workset/replay');
  return Object.fromEntries(schemes.all.map(({ descriptor }) => [descriptor.id, descriptor.blindSpots]));
}

/** Results as charts ask them; no query of theirs returns a list or struct. */
export function asSource(results: Results): QuerySource {
  return {
    async query(sql) {
      const { columns, rows } = await results.query(sql);
      return { columns, rows: rows as readonly DataRow[] };
    },
  };
}
