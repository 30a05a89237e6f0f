/** Opens a trace directory: columns of frames and blocks in memory, touches batch by batch from disk, everything checked as it is read. */
import assert from 'node:assert/strict';
import { closeSync, openSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { BLOCK_SHIFT, TraceFormatError, UsageError } from '@workset/model';
import type { Observation, SpaceId, SpaceInfo } from '@workset/model';
import { columnsAt, type ArrowColumns, type NumberColumns } from './columns.ts';
import { readFully, readWhole, sha256, sha256File } from './files.ts';
import { INGEST_AGAIN, readManifest } from './manifest.ts';
import type { BatchEntry, FileEntry, TraceFile } from './manifest.ts';
import { OBSERVATIONS, OBSERVED_REGIONS, OBSERVED_SETS, readObservations } from './observation-log.ts';
import { NO_REMAPS, readRemaps, remapFileName } from './remap-log.ts';
import { BATCH_ROWS, bytesOf, framingHash, touchFileName } from './touch-file.ts';
import { sumsOf } from './touch-room.ts';
import type { FrameColumns, RemapColumns, SpaceReader, SumTouches, TouchPlaces, TraceManifest, TraceReader } from './types.ts';

/**
 * Opens the trace at `path`. Checks trace.json and the presence and size of every file now; contents when they are read.
 * Throws UnreadableInputError (not a trace, newer version) or TraceFormatError (damaged).
 */
export async function openTrace(path: string): Promise<TraceReader> {
  const trace = readManifest(path);
  for (const entry of trace.files) checkSize(path, entry);
  return new DirectoryTraceReader(path, trace, needsArrow(trace) ? (await import('./arrow.ts')).readArrow : undefined);
}

/** Reports of trackers have columns of every type; frames and blocks say in trace.json where their numbers are. */
function needsArrow({ streams, files }: TraceFile): boolean {
  return streams.length > 0 || files.some(({ batches, columns }) => batches === undefined && columns === undefined);
}

/** Recomputes every checksum; returns the manifest. Throws TraceFormatError naming the first file that differs. */
export function verifyTrace(path: string): TraceManifest {
  const trace = readManifest(path);
  for (const entry of trace.files) {
    checkSize(path, entry);
    const file = join(path, entry.name);
    if (entry.framing === undefined ? sha256File(file) !== entry.sha256 : !verifiesTouches(file, entry))
      throw new TraceFormatError(`${file} does not have the SHA-256 in trace.json`, { file }, INGEST_AGAIN);
  }
  return trace;
}

/** True when all of a touch file but its values is as it was written. Throws TraceFormatError when its values are not. */
function verifiesTouches(file: string, { framing, batches = [] }: FileEntry): boolean {
  const fd = openSync(file, 'r');
  try {
    const touches = new Int32Array(BATCH_ROWS);
    batches.forEach((batch, i) => readTouches(fd, file, i, batch, touches, sumsOf));
    return framingHash(fd, batches) === framing;
  } finally {
    closeSync(fd);
  }
}

/** Reads one batch into the start of `into` and checks it. */
function readTouches(
  fd: number,
  file: string,
  i: number,
  { offset, rows, sums, crc32: crc }: BatchEntry,
  into: Int32Array,
  sum: SumTouches,
): void {
  const fail = (message: string, byteOffset: number): never => {
    throw new TraceFormatError(`${file}${message}`, { file, byteOffset }, INGEST_AGAIN);
  };
  if (!(rows <= into.length)) fail(`: batch ${i} has ${rows} rows in trace.json, more than ${into.length}`, offset);
  const got = readFully(fd, into, rows * 4, offset);
  if (got < rows * 4) fail(` ends inside batch ${i}`, offset + got);
  const touches = into.subarray(0, rows);
  if (sums !== undefined && sum(touches) !== sums) fail(`: batch ${i} does not have the sums in trace.json`, offset);
  if (sums === undefined && crc32(bytesOf(touches)) !== crc) fail(`: batch ${i} does not have the CRC-32 in trace.json`, offset);
}

function checkSize(path: string, { name, bytes }: FileEntry): void {
  const file = join(path, name);
  const size = statSync(file, { throwIfNoEntry: false })?.size;
  if (size === undefined) throw new TraceFormatError(`${file} is missing`, { file }, INGEST_AGAIN);
  if (size !== bytes)
    throw new TraceFormatError(
      `${file} has ${size} bytes instead of ${bytes}${size < bytes ? ': it is truncated' : ''}`,
      { file },
      INGEST_AGAIN,
    );
}

type Decode = (bytes: Uint8Array) => ArrowColumns;

class DirectoryTraceReader implements TraceReader {
  readonly path: string;
  readonly manifest: TraceFile;
  readonly #decode: Decode | undefined;
  readonly #spaces = new Map<SpaceId, ColumnSpaceReader>();
  #observations: Map<string, Observation[]> | undefined;

  constructor(path: string, manifest: TraceFile, decode: Decode | undefined) {
    this.path = path;
    this.manifest = manifest;
    this.#decode = decode;
  }

  space(id: SpaceId): SpaceReader {
    const known = this.#spaces.get(id);
    if (known !== undefined) return known;
    const info = this.manifest.spaces.find((space) => space.id === id);
    if (info === undefined) {
      const names = this.manifest.spaces.map((space) => space.id).join(', ');
      throw new UsageError(`trace ${this.manifest.name} has no space ${id}`, names === '' ? 'it holds no touches' : `it has ${names}`);
    }
    const touches = this.#entry(touchFileName(id));
    const space = new ColumnSpaceReader(
      info,
      this.#numbers(`blocks.${id}.arrow`),
      this.#numbers(`frames.${id}.arrow`),
      join(this.path, touches.name),
      touches.batches ?? [],
    );
    this.#spaces.set(id, space);
    return space;
  }

  remaps(id: SpaceId): RemapColumns {
    const { info } = this.space(id);
    if ((info.nRemaps ?? 0) === 0) return NO_REMAPS;
    const name = remapFileName(id);
    const file = join(this.path, name);
    const remaps = readRemaps(this.#numbers(name), (what) => new TraceFormatError(`${file}: ${what}`, { file }, INGEST_AGAIN));
    if (remaps.n !== info.nRemaps)
      throw new TraceFormatError(`${file} has ${remaps.n} rows, trace.json says ${info.nRemaps}`, { file }, INGEST_AGAIN);
    return remaps;
  }

  observations(stream: string): readonly Observation[] {
    if (!this.manifest.streams.some((known) => known.stream === stream)) {
      const names = this.manifest.streams.map((known) => known.stream).join(', ');
      throw new UsageError(`trace ${this.manifest.name} has no stream ${stream}`, names === '' ? 'it holds no reports' : `it has ${names}`);
    }
    this.#observations ??= this.#readObservations();
    return this.#observations.get(stream) ?? [];
  }

  close(): void {
    for (const space of this.#spaces.values()) space.close();
    this.#spaces.clear();
  }

  #readObservations(): Map<string, Observation[]> {
    if (!this.manifest.files.some((entry) => entry.name === OBSERVATIONS)) return new Map();
    return readObservations(this.#columns(OBSERVATIONS), this.#columns(OBSERVED_SETS), this.#columns(OBSERVED_REGIONS));
  }

  #entry(name: string): FileEntry {
    const entry = this.manifest.files.find((file) => file.name === name);
    if (entry === undefined) throw new TraceFormatError(`${this.path}/trace.json does not list ${name}`, { file: this.path }, INGEST_AGAIN);
    return entry;
  }

  #columns(name: string): ArrowColumns {
    return this.#decode!(this.#bytes(this.#entry(name)));
  }

  #numbers(name: string): NumberColumns {
    const entry = this.#entry(name);
    const bytes = this.#bytes(entry);
    if (entry.columns === undefined) return this.#decode!(bytes);
    return columnsAt(
      bytes,
      entry.columns,
      () =>
        new TraceFormatError(`${this.path}/trace.json gives wrong places for the columns of ${name}`, { file: this.path }, INGEST_AGAIN),
    );
  }

  #bytes(entry: FileEntry): Uint8Array<ArrayBuffer> {
    const file = join(this.path, entry.name);
    const bytes = readWhole(file);
    if (sha256(bytes) !== entry.sha256)
      throw new TraceFormatError(`${file} does not have the SHA-256 in trace.json`, { file }, INGEST_AGAIN);
    return bytes;
  }
}

class ColumnSpaceReader implements SpaceReader {
  readonly info: SpaceInfo;
  readonly blocks: Float64Array;
  readonly frames: FrameColumns;
  readonly batchRows = BATCH_ROWS;
  readonly #file: string;
  readonly #batches: readonly BatchEntry[];
  #fd: number | undefined;

  constructor(info: SpaceInfo, blocks: NumberColumns, frames: NumberColumns, file: string, batches: readonly BatchEntry[]) {
    this.info = info;
    this.blocks = blocks.numbers('block');
    this.frames = {
      n: frames.rows,
      t0Ns: frames.numbers('t0_ns'),
      t1Ns: frames.numbers('t1_ns'),
      rowStart: withEnd(frames.numbers('row_start'), info.nTouches),
      nAccesses: frames.numbers('n_accesses'),
      span: frames.int32('span'),
    };
    this.#file = file;
    this.#batches = batches;
  }

  get nBatches(): number {
    return this.#batches.length;
  }

  readBatch(i: number, into: Int32Array, sum: SumTouches = sumsOf): number {
    const batch = this.#batches[i];
    assert(batch !== undefined, `batch ${i} of ${this.#batches.length}`);
    readTouches(this.#open(), this.#file, i, batch, into, sum);
    return batch.rows;
  }

  touchPlaces(): TouchPlaces | undefined {
    const sums = this.#batches.flatMap((batch) => batch.sums ?? []);
    if (sums.length < this.#batches.length) return undefined;
    return { fd: this.#open(), offsets: Float64Array.from(this.#batches, ({ offset }) => offset), sums };
  }

  #open(): number {
    return (this.#fd ??= openSync(this.#file, 'r'));
  }

  pageOf(id: number): number {
    return this.blocks[id >>> BLOCK_SHIFT]! * 512 + (id & 511);
  }

  idOf(page: number): number {
    const block = Math.floor(page / 512);
    const { blocks } = this;
    // Most memory has no holes.
    let low = Math.max(0, block - blocks[0]!);
    if (blocks[low] === block) return low * 512 + (page - block * 512);
    low = 0;
    let high = blocks.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (blocks[middle]! < block) low = middle + 1;
      else high = middle;
    }
    return blocks[low] === block ? low * 512 + (page - block * 512) : -1;
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }
}

/** The starts of all frames and, last, the end of the last one. */
function withEnd(starts: Float64Array, end: number): Float64Array {
  const all = new Float64Array(starts.length + 1);
  all.set(starts);
  all[starts.length] = end;
  return all;
}
