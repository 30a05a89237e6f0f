/** Directory recordings (perf record --threads): `data` with header and attrs, `data.N` bare record streams, merged by time. */
import { createReadStream } from 'node:fs';
import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { UnreadableInputError } from '@workset/model';
import type { ByteSource, IngestBatch, IngestContext } from '@workset/model';
import { ByteReader } from '../binary.ts';
import { PerfStream, readPerfRecords } from './stream.ts';
import { readFeaturesOfFile } from './features.ts';
import type { PerfFacts } from './features.ts';
import { perfMagic, readHeader } from './header.ts';
import { mergeByTime } from './merge.ts';

/** A perf recording in a directory. As a ByteSource it gives the bytes of its `data` file, so it can be sniffed. */
export interface PerfDirectorySource extends ByteSource {
  /** data.0, data.1, … */
  readonly parts: readonly ByteSource[];
}

const CHUNK_BYTES = 1 << 20;

/** Opens DIR with DIR/data. Throws UnreadableInputError when `data` is missing. */
export async function openPerfDirectory(path: string): Promise<PerfDirectorySource> {
  const names = await readdir(path).catch((error: Error) => {
    throw new UnreadableInputError(`cannot read the directory (${error.message})`, { file: path });
  });
  if (!names.includes('data')) {
    throw new UnreadableInputError(
      'the directory is not a perf recording: it has no file "data"',
      { file: path },
      'give the file or the directory that perf record wrote',
    );
  }
  const parts = names
    .filter((name) => /^data\.\d+$/.test(name))
    .sort((a, b) => Number(a.slice(5)) - Number(b.slice(5)))
    .map((name) => fileSource(join(path, name)));
  return { path, parts, chunks: fileSource(join(path, 'data')).chunks };
}

/** True when `path` is a directory that perf record --threads wrote: it has a file `data` that begins as perf.data does. */
export async function isPerfDirectory(path: string): Promise<boolean> {
  const file = await open(join(path, 'data'), 'r').catch(() => null);
  if (file === null) return false;
  try {
    const { bytesRead, buffer } = await file.read(new Uint8Array(8), 0, 8, 0);
    return bytesRead === 8 && perfMagic(buffer) !== null;
  } catch {
    return false;
  } finally {
    await file.close();
  }
}

export function isPerfDirectorySource(source: ByteSource): source is PerfDirectorySource {
  return 'parts' in source && Array.isArray(source.parts);
}

/** All streams of the recording, accesses merged by time. */
export async function* readPerfDirectory(source: PerfDirectorySource, ctx: IngestContext): AsyncGenerator<IngestBatch> {
  const reader = new ByteReader({ path: join(source.path, 'data'), chunks: () => source.chunks() }, ctx.signal);
  const header = await readHeader(reader);
  const facts: PerfFacts = { attrs: header.attrs, little: header.little, clock: null, timeBaseHigh: null };
  // the parts are decoded with the event descriptions of `data`
  if (header.dataSize > 0) await readFeaturesOfFile(reader.path, header, facts);
  const streams = [readPerfRecords(reader, header, facts, ctx), ...source.parts.map((part) => readBare(part, facts, ctx))];
  yield* mergeByTime(streams);
}

async function* readBare(source: ByteSource, facts: PerfFacts, ctx: IngestContext): AsyncGenerator<IngestBatch> {
  const stream = new PerfStream(source.path, facts, ctx);
  yield* stream.records(new ByteReader(source, ctx.signal));
  yield* stream.finish();
}

function fileSource(path: string): ByteSource {
  return {
    path,
    async *chunks() {
      yield* createReadStream(path, { highWaterMark: CHUNK_BYTES });
    },
  };
}
