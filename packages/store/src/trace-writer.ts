/** Writes a trace directory as `<out>.part` and renames it at the end, so `<out>` is never half a trace. */
import assert from 'node:assert/strict';
import { rmSync, statSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { SPACES, TRACE_FORMAT, TRACE_VERSION, UsageError } from '@workset/model';
import type { CodedTouches, Observation, ObservationStream, RemapKind, SpaceId, SpaceInfo } from '@workset/model';
import type { ArrowFileWriter } from './arrow.ts';
import { makeDirectory, replaceDirectory, syncPath } from './files.ts';
import { isTrace, MANIFEST_NAME, traceIdOf } from './manifest.ts';
import type { FileEntry, TraceFile } from './manifest.ts';
import { ObservationLog } from './observation-log.ts';
import { SpaceWriter } from './space-writer.ts';
import type { CreateFile } from './space-writer.ts';
import type { CodedFrames, TraceFinal, TraceManifest, TraceWriter, TraceWriterOptions } from './types.ts';

/**
 * Starts a trace at `options.out`. A half-written `<out>.part` of an earlier try is removed.
 * Throws UsageError when something that is not a trace is in the way.
 */
export async function createTraceWriter(options: TraceWriterOptions): Promise<TraceWriter> {
  const out = resolve(options.out);
  refuseForeign(out);
  const arrow = await import('./arrow.ts');
  return new DirectoryTraceWriter(out, options.classBits ?? 2, arrow.ArrowFileWriter);
}

/** True when a trace is there already; throws UsageError when anything else is. */
function refuseForeign(out: string): boolean {
  if (statSync(out, { throwIfNoEntry: false }) === undefined) return false;
  if (isTrace(out)) return true;
  throw new UsageError(`${out} exists and is not a workset trace, so it is not replaced`, 'choose another --out, or remove it first');
}

class DirectoryTraceWriter implements TraceWriter {
  readonly #out: string;
  readonly #part: string;
  readonly #classBits: SpaceInfo['classBits'];
  readonly #FileWriter: typeof ArrowFileWriter;
  readonly #open: ArrowFileWriter[] = [];
  readonly #spaces = new Map<SpaceId, SpaceWriter>();
  readonly #streams: ObservationStream[] = [];
  readonly #observations: ObservationLog;

  constructor(out: string, classBits: SpaceInfo['classBits'], FileWriter: typeof ArrowFileWriter) {
    this.#out = out;
    this.#part = `${out}.part`;
    this.#classBits = classBits;
    this.#FileWriter = FileWriter;
    this.#observations = new ObservationLog(this.#create);
    rmSync(this.#part, { recursive: true, force: true });
    makeDirectory(this.#part);
  }

  frame(space: SpaceId, t0Ns: number, t1Ns: number, n: number, page: Float64Array | Uint32Array, cls: Uint8Array, nAccesses = n): void {
    this.#space(space).frame(t0Ns, t1Ns, n, page, cls, nAccesses);
  }

  codedFrames(space: SpaceId, frames: CodedFrames, coded: CodedTouches): void {
    this.#space(space).codedFrames(frames, coded);
  }

  remap(space: SpaceId, tNs: number, page: number, kind: RemapKind): void {
    this.#space(space).remap(tNs, page, kind);
  }

  declareRange(space: SpaceId, startPage: number, nPages: number): void {
    this.#space(space).declareRange(startPage, nPages);
  }

  stream(stream: ObservationStream): void {
    assert(!this.#streams.some((known) => known.stream === stream.stream), `stream ${stream.stream} is declared twice`);
    this.#streams.push(stream);
  }

  observation(observation: Observation): void {
    assert(
      this.#streams.some((known) => known.stream === observation.stream),
      `stream ${observation.stream} is not declared`,
    );
    this.#observations.add(observation);
  }

  async close(final: TraceFinal): Promise<TraceManifest> {
    const { mapTime, truthOf, ...described } = final;
    const spaces = SPACES.flatMap((id) => this.#spaces.get(id) ?? []).map((space) =>
      space.close(mapTime, final.spans, truthOf[space.id] ?? final.truth),
    );
    const files = [...spaces.flatMap((space) => space.files), ...this.#observations.close()].sort(byName);
    const body = {
      format: TRACE_FORMAT,
      version: TRACE_VERSION,
      ...described,
      spaces: spaces.map(({ info }) => info),
      streams: this.#streams,
      files,
    } as const;
    const trace: TraceFile = { ...body, traceId: traceIdOf(body) };
    this.#publish(trace);
    const { files: _files, ...manifest } = trace;
    return manifest;
  }

  async abort(): Promise<void> {
    for (const file of this.#open) file.abort();
    rmSync(this.#part, { recursive: true, force: true });
  }

  #publish(trace: TraceFile): void {
    const path = join(this.#part, MANIFEST_NAME);
    writeFileSync(path, manifestText(trace));
    syncPath(path);
    syncPath(this.#part);
    replaceDirectory(this.#part, this.#out, refuseForeign(this.#out));
  }

  #space(id: SpaceId): SpaceWriter {
    let space = this.#spaces.get(id);
    if (space === undefined) this.#spaces.set(id, (space = new SpaceWriter(id, this.#part, this.#create, this.#classBits)));
    return space;
  }

  readonly #create: CreateFile = (name, types, metadata, hashed) => {
    const file = new this.#FileWriter(join(this.#part, name), types, metadata, hashed);
    this.#open.push(file);
    return file;
  };
}

function byName(a: FileEntry, b: FileEntry): number {
  return a.name < b.name ? -1 : 1;
}

/** Readable by people, with the identity first and the long file table last. */
function manifestText(trace: TraceFile): string {
  const { format, version, traceId, name, files, ...rest } = trace;
  return `${JSON.stringify({ format, version, traceId, name, ...rest, files }, null, 1)}\n`;
}
