/** Stores a trace again with longer quanta: each page and class once per quantum, and how many accesses that stands for. */
import { REMAP_KINDS, SPACES, throwIfAborted, UsageError, type SpaceId, type SpaceInfo } from '@workset/model';
import { createTraceWriter, openTrace, type SpaceReader, type TraceManifest, type TraceReader, type TraceWriter } from '@workset/store';
import { VERSION } from './version.ts';

export interface CompactOptions {
  /** Directory of the trace to write. */
  readonly out: string;
  /** Length of the new quanta, ns; a multiple of the trace's own. */
  readonly quantumNs: number;
  readonly signal?: AbortSignal;
  readonly argv?: readonly string[];
}

/**
 * Merges the frames of each quantum, counted from the start of its span. A scheme all of whose ticks are multiples of the quantum sees
 * exactly what it saw before; event sampling (PEBS) and a TLB, which look inside a quantum, do not.
 * @throws UsageError when the quantum is not a multiple of the trace's; UnreadableInputError, TraceFormatError, InterruptedError
 */
export async function compactTrace(path: string, options: CompactOptions): Promise<TraceManifest> {
  const trace = await openTrace(path);
  try {
    const { manifest } = trace;
    checkQuantum(manifest.quantumNs, options.quantumNs);
    const ids = SPACES.filter((id) => manifest.spaces.some((space) => space.id === id));
    const classBits = Math.max(0, ...manifest.spaces.map((space) => space.classBits)) as SpaceInfo['classBits'];
    const writer = await createTraceWriter({ out: options.out, classBits });
    try {
      for (const id of ids) compactSpace(trace.space(id), id, writer, options);
      for (const id of ids) copyRemaps(trace, id, writer);
      copyReports(trace, writer);
      const { spaces, streams: _streams, format: _format, version: _version, traceId, ...kept } = manifest;
      return await writer.close({
        ...kept,
        quantumNs: options.quantumNs,
        notes: { ...manifest.notes, compactedFrom: traceId },
        producer: { version: VERSION, argv: options.argv ?? [] },
        mapTime: (ns) => ns,
        truthOf: Object.fromEntries(spaces.map((space) => [space.id, space.truth])),
      });
    } catch (error) {
      await writer.abort();
      throw error;
    }
  } finally {
    trace.close();
  }
}

function checkQuantum(own: number | null, wanted: number): void {
  if (!(wanted > 0) || (own !== null && Math.abs(wanted / own - Math.round(wanted / own)) > 1e-9))
    throw new UsageError(`a quantum of ${wanted} ns does not fit the trace's of ${own} ns`, 'choose a multiple of it');
}

function copyRemaps(trace: TraceReader, id: SpaceId, writer: TraceWriter): void {
  const { n, tNs, page, kind } = trace.remaps(id);
  for (let i = 0; i < n; i++) writer.remap(id, tNs[i]!, page[i]!, REMAP_KINDS[kind[i]!]!);
}

function copyReports(trace: TraceReader, writer: TraceWriter): void {
  for (const stream of trace.manifest.streams) {
    writer.stream(stream);
    for (const observation of trace.observations(stream.stream)) writer.observation(observation);
  }
}

function compactSpace(space: SpaceReader, id: SpaceId, writer: TraceWriter, { quantumNs, signal }: CompactOptions): void {
  const { frames } = space;
  for (const block of space.blocks) writer.declareRange(id, block * 512, 512);
  const merged = new MergedFrame(space, id, writer);
  const rows = new RowReader(space);
  for (let f = 0, first = 0; f < frames.n; f++) {
    if (frames.span[f] !== frames.span[first]) first = f;
    // Counted from the first frame of the span, as trackers count; half a nanosecond for rounded times.
    const cell = Math.floor((frames.t0Ns[f]! + 0.5 - frames.t0Ns[first]!) / quantumNs);
    merged.open(`${frames.span[f]} ${cell}`, frames.t0Ns[f]!);
    rows.each(frames.rowStart[f]!, frames.rowStart[f + 1]!, (touches, from, to) => merged.add(touches, from, to));
    merged.extend(frames.t1Ns[f]!, frames.nAccesses[f]!);
    if ((f & 1023) === 0) throwIfAborted(signal);
  }
  merged.flush();
}

/** Rows of a space by their numbers, through one batch. */
class RowReader {
  readonly #space: SpaceReader;
  readonly #buffer: Int32Array;
  #batch = -1;

  constructor(space: SpaceReader) {
    this.#space = space;
    this.#buffer = new Int32Array(space.batchRows);
  }
  each(from: number, to: number, visit: (touches: Int32Array, from: number, to: number) => void): void {
    const { batchRows } = this.#space;
    for (let row = from; row < to;) {
      const batch = Math.floor(row / batchRows);
      if (batch !== this.#batch) this.#space.readBatch((this.#batch = batch), this.#buffer);
      const stop = Math.min(to, (batch + 1) * batchRows);
      visit(this.#buffer, row - batch * batchRows, stop - batch * batchRows);
      row = stop;
    }
  }
}

/** The frame being filled: first touches only, in the order they came. */
class MergedFrame {
  readonly #space: SpaceReader;
  readonly #id: SpaceId;
  readonly #writer: TraceWriter;
  /** Number of the merged frame in which each page and class was last seen. */
  readonly #seen: Int32Array;
  #number = 0;
  #key: string | undefined;
  #t0Ns = 0;
  #t1Ns = 0;
  #accesses = 0;
  #n = 0;
  #page = new Float64Array(1024);
  #cls = new Uint8Array(1024);

  constructor(space: SpaceReader, id: SpaceId, writer: TraceWriter) {
    this.#space = space;
    this.#id = id;
    this.#writer = writer;
    this.#seen = new Int32Array(space.info.nPages << space.info.classBits);
  }

  /** Starts a new frame unless this is the one being filled. */
  open(key: string, t0Ns: number): void {
    if (key === this.#key) return;
    this.flush();
    this.#key = key;
    this.#number++;
    this.#t0Ns = t0Ns;
  }
  extend(t1Ns: number, accesses: number): void {
    this.#t1Ns = Math.max(this.#t1Ns, t1Ns);
    this.#accesses += accesses;
  }
  add(touches: Int32Array, from: number, to: number): void {
    const { info, blocks } = this.#space;
    const mask = (1 << info.classBits) - 1;
    for (let i = from; i < to; i++) {
      const touch = touches[i]!;
      if (this.#seen[touch] === this.#number) continue;
      this.#seen[touch] = this.#number;
      if (this.#n === this.#page.length) this.#grow();
      const page = touch >>> info.classBits;
      this.#page[this.#n] = blocks[page >>> 9]! * 512 + (page & 511);
      this.#cls[this.#n++] = touch & mask;
    }
  }
  flush(): void {
    if (this.#key === undefined) return;
    this.#writer.frame(this.#id, this.#t0Ns, this.#t1Ns, this.#n, this.#page, this.#cls, this.#accesses);
    this.#n = 0;
    this.#accesses = 0;
    this.#key = undefined;
  }
  #grow(): void {
    const page = new Float64Array(2 * this.#n);
    page.set(this.#page);
    this.#page = page;
    const cls = new Uint8Array(2 * this.#n);
    cls.set(this.#cls);
    this.#cls = cls;
  }
}
