/** Rows of a query to stdout or a file, batch by batch where the format allows it. */
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';

import type { Format, QueryRow, QueryStream } from '@workset/analyze';
import { throwIfAborted } from '@workset/model';

import type { Output } from './output.ts';

/** As @workset/analyze has them; named here so that help needs no DuckDB (a test compares the two). */
export const FORMATS = ['table', 'csv', 'json', 'jsonl', 'markdown'] as const satisfies readonly Format[];
/** Written by DuckDB itself, to a file. */
export const FILE_FORMATS = ['parquet'] as const;

/** A table needs all its rows at once, and nobody reads more. */
const TABLE_ROWS = 10_000;

export interface Destination {
  readonly out: Output;
  /** A file instead of stdout. */
  readonly path?: string | undefined;
  readonly signal: AbortSignal;
}

export async function writeRows(stream: QueryStream, format: Format, destination: Destination): Promise<void> {
  const { formatStream } = await import('@workset/analyze');
  const { out, path } = destination;
  const limited = format === 'table' ? new FirstRows(stream.rows, TABLE_ROWS) : undefined;
  const width = path === undefined && out.streams.stdout.isTTY === true ? out.width : 0;
  const texts = formatStream({ columns: stream.columns, rows: limited ?? stream.rows }, format, { width });
  if (path === undefined || path === '-') await toStdout(texts, destination);
  else await toFile(texts, path, destination.signal);
  if (limited?.cut === true) out.note(`only the first ${TABLE_ROWS} rows are shown: --csv or --format jsonl write all`);
}

async function toStdout(texts: AsyncIterable<string>, { out, signal }: Destination): Promise<void> {
  for await (const text of texts) {
    throwIfAborted(signal);
    out.raw(text);
    // a reader that went away is told by an event: give it a turn
    await new Promise((resolve) => setImmediate(resolve));
  }
}

async function toFile(texts: AsyncIterable<string>, path: string, signal: AbortSignal): Promise<void> {
  const part = `${path}.part`;
  const file = createWriteStream(part, { flush: true });
  await once(file, 'open');
  try {
    for await (const text of texts) {
      throwIfAborted(signal);
      if (!file.write(text)) await once(file, 'drain');
    }
    file.end();
    await once(file, 'close');
    await rename(part, path);
  } catch (error) {
    file.destroy();
    await rm(part, { force: true });
    throw error;
  }
}

/** The first rows of a stream; `cut` tells whether there were more. */
class FirstRows implements AsyncIterable<readonly QueryRow[]> {
  cut = false;
  readonly #rows: AsyncIterable<readonly QueryRow[]>;
  readonly #limit: number;

  constructor(rows: AsyncIterable<readonly QueryRow[]>, limit: number) {
    this.#rows = rows;
    this.#limit = limit;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<readonly QueryRow[]> {
    let left = this.#limit;
    for await (const batch of this.#rows) {
      this.cut = batch.length > left;
      yield this.cut ? batch.slice(0, left) : batch;
      left -= batch.length;
      if (left < 0) return;
    }
  }
}
