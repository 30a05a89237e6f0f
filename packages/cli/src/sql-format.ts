/** Rows of a query to stdout or a file, batch by batch where the format allows it. */
import { randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';

import type { Format, QueryRow, QueryStream, Results } from '@workset/analyze';
import { throwIfAborted } from '@workset/model';

import type { Output } from './output.ts';
import { writeAll } from './write-whole.ts';

/** As @workset/analyze has them; named here so that help needs no DuckDB (a test compares the two). */
export const FORMATS = ['table', 'csv', 'json', 'jsonl', 'markdown'] as const satisfies readonly Format[];
/** Not for a terminal: to a file, or to a program through a pipe. */
export const BINARY_FORMATS = ['parquet', 'arrow'] as const;
export type BinaryFormat = (typeof BINARY_FORMATS)[number];

/** A table needs all its rows at once, and nobody reads more. */
const TABLE_ROWS = 10_000;

export interface Destination {
  readonly out: Output;
  /** A file instead of stdout. */
  readonly path?: string | undefined;
  /** From `binaryPart`. */
  readonly part?: string | undefined;
  readonly signal: AbortSignal;
}

export async function writeRows(stream: QueryStream, format: Format, destination: Destination): Promise<void> {
  const { formatStream } = await import('@workset/analyze');
  const { out, path } = destination;
  const limited = format === 'table' ? new FirstRows(stream.rows, TABLE_ROWS) : undefined;
  const width = path === undefined && out.streams.stdout.isTTY === true ? out.width : 0;
  const texts = formatStream({ columns: stream.columns, rows: limited ?? stream.rows }, format, { width });
  if (path === undefined || path === '-') await toStdout(texts, destination);
  else await writeAll(texts, path, destination.signal);
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

/** The answer of `sql` as Arrow (a file; on stdout a stream) or Parquet. @param results opened with `part` in allowFiles */
export async function writeBinary(
  results: Results,
  sql: string,
  format: BinaryFormat,
  { out, path, part, signal }: Destination,
): Promise<void> {
  const { stdout } = out.streams;
  const piped = path === undefined || path === '-';
  if (format === 'arrow') {
    const bytes = await results.arrow(sql, piped || path.endsWith('.arrows') ? 'stream' : 'file');
    return piped ? pipeline(bytes, stdout, { end: false, signal }) : writeAll(bytes, path, signal);
  }
  if (part === undefined) throw new TypeError('DuckDB needs a file to write to');
  try {
    await results.copyTo(sql, part);
    if (piped) await pipeline(createReadStream(part), stdout, { end: false, signal });
    else await publish(part, path);
  } finally {
    await rm(part, { force: true });
  }
}

/** Where DuckDB writes before the file is complete. */
export function binaryPart(format: string, path: string | undefined): string | undefined {
  if (format !== 'parquet') return undefined;
  return path === undefined || path === '-' ? join(tmpdir(), `workset-${randomUUID()}.parquet`) : `${path}.part`;
}

async function publish(part: string, path: string): Promise<void> {
  const file = await open(part, 'r+');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(part, path);
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
