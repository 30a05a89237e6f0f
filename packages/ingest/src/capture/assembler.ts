/** Puts the batches of all inputs of a capture into one trace. */
import { TRUTH_GRADES, type CodedQuanta, type IngestBatch, type Observation, type SpaceId, type TraceSpan } from '@workset/model';
import type { TraceFinal, TraceWriter } from '@workset/store';
import { eachQuantum, lastPage } from '../coded-touches.ts';
import { Arenas } from './arenas.ts';
import { CaptureClocks, type InputClock } from './clocks.ts';
import { FrameMoves } from './frame-moves.ts';
import { HugePages } from './huge-pages.ts';
import { InputLog } from './input-log.ts';
import type { CaptureInput } from './inputs.ts';
import { Quanta } from './quanta.ts';
import { OVERLAPPING, type Reading, type SpaceState } from './reading.ts';
import { Timeline } from './timeline.ts';
import { ReportTimes } from './report-times.ts';
import { RANGE_PAGES_MAX, WatchedMemory } from './watched-memory.ts';

type Batch<Kind extends IngestBatch['kind']> = Extract<IngestBatch, { kind: Kind }>;

export interface AssemblerOptions {
  /** Whether the trace has the two class bits of coded touches, which are then taken as they are. */
  readonly codes: boolean;
  readonly strict: boolean;
  readonly quantumNs: number;
  /** Only what lies in [from, to) on the trace clock is kept. */
  readonly timeRange: readonly [number, number] | undefined;
  readonly signal: AbortSignal | undefined;
}

export class Assembler {
  readonly clocks = new CaptureClocks();
  readonly logs: InputLog[] = [];
  /** Releases of the kernels that the inputs say they are of. */
  readonly kernels = new Set<string>();
  readonly #writer: TraceWriter;
  readonly #options: AssemblerOptions;
  readonly #arenas = new Arenas();
  readonly #timeline = new Timeline();
  readonly #huge = new HugePages();
  readonly #moves = new FrameMoves();
  readonly #watched: WatchedMemory;
  readonly #reportTimes = new ReportTimes();
  readonly #spaces = new Map<SpaceId, SpaceState>();
  readonly #streamNames = new Set<string>();
  /** The clock that frames are written on: that of the first input with touches. */
  #frameClock: InputClock | undefined;
  #quantumNs: number | null = null;
  /** Highest physical page of the frames; they are sorted in the logs that have them. */
  #highestPage = -1;
  /** As the exact log says; CPU numbers seen in other logs may be the host's. */
  #vcpus: number | undefined;
  #frames = 0;
  #reports = 0;

  constructor(writer: TraceWriter, options: AssemblerOptions) {
    this.#writer = writer;
    this.#watched = new WatchedMemory((space, startPage, nPages) => writer.declareRange(space, startPage, nPages));
    this.#options = options;
  }

  /** Starts the next input. Its batches follow through the function returned; end() must follow the last one. */
  begin(input: CaptureInput): { readonly log: InputLog; readonly take: (batch: IngestBatch) => void; readonly end: () => void } {
    const clock = this.clocks.of(input.ingestor.descriptor.clock, input.clockOffsetNs);
    const log = new InputLog(input, clock, this.#options.strict, this.#options.signal);
    this.logs.push(log);
    const reading: Reading = {
      log,
      times: this.#timeline.input(clock),
      quanta: new Map(),
      dump: undefined,
      isCut: false,
      isRefused: false,
      stayed: 0,
      migrated: 0,
      streams: new Map(),
    };
    if (input.isByName) {
      log.reasons.add(
        'taken-by-name',
        `read as ${input.ingestor.descriptor.id} because of its name: such a dump has no header to know it by`,
        { severity: 'info' },
      );
    }
    return { log, take: (batch) => this.#take(reading, batch), end: () => this.#end(reading) };
  }

  /** True when there is nothing to replay and nothing to compare with. */
  get isEmpty(): boolean {
    return this.#frames + this.#reports === 0;
  }

  /** What close() of the writer needs, but for what only the caller knows. */
  final(): Omit<TraceFinal, 'name' | 'diagnostics' | 'notes' | 'producer'> {
    for (const [space, why] of this.#watched.finish(this.#spaces))
      this.logs.findLast((log) => log.space === space)?.reasons.add('reported-untouched', why);
    const spans = this.#timeline.spans((span) => this.#clip(span));
    this.#reportTimes.tell(spans);
    const hugeBlocks = this.#huge.finish();
    const inputs = this.logs.map((log) => log.row());
    const truthOf = Object.fromEntries([...this.#spaces].map(([id, { truth }]) => [id, truth]));
    const grades = Object.values(truthOf).sort((a, b) => TRUTH_GRADES.indexOf(a) - TRUTH_GRADES.indexOf(b));
    const vcpus = this.#vcpus ?? Math.max(0, ...inputs.map((input) => input.vcpus ?? 0));
    return {
      clock: this.clocks.traceClock,
      epochNs: this.clocks.epochNs,
      quantumNs: this.#quantumNs,
      vcpus: vcpus > 0 ? vcpus : null,
      truth: grades[0] ?? 'observed',
      synthetic: false,
      spans,
      markers: this.#timeline.markers().filter(({ tNs }) => this.#inRange(tNs, tNs)),
      inputs,
      ...(hugeBlocks.length > 0 ? { hugeBlocks } : {}),
      mapTime: (ns) => this.#frameClock?.toTrace(ns) ?? ns,
      truthOf,
    };
  }

  #take(reading: Reading, batch: IngestBatch): void {
    if (reading.isRefused) return;
    switch (batch.kind) {
      case 'touches':
        return this.#touches(reading, batch);
      case 'quanta':
        return this.#quanta(reading, batch);
      case 'accesses':
        return this.#accesses(reading, batch);
      case 'machine':
        if (batch.kernel !== undefined) this.kernels.add(batch.kernel);
        if (batch.vcpus !== undefined) reading.log.machine(batch.vcpus);
        this.#vcpus ??= batch.vcpus;
        return;
      case 'grade':
        reading.log.truth = batch.truth;
        return;
      case 'sync':
        if (!this.clocks.sync(reading.log.clock, batch.tNs, batch.clock, batch.otherNs)) {
          reading.log.reasons.add('sync-point', 'a point that relates two clocks goes back in time; it is not used');
        }
        return;
      case 'span':
        this.clocks.use(reading.log.clock);
        reading.times.edges.push({ begin: batch.edge === 'begin', tNs: batch.tNs, label: batch.label });
        return;
      case 'marker':
        this.#timeline.marker(reading.log.clock, batch.tNs, batch.code, batch.label);
        return;
      case 'range':
        if (reading.log.input.isByName && batch.startPage + batch.nPages <= this.#highestPage) {
          reading.isRefused = true;
          reading.log.reasons.add(
            'name-misleads',
            `the name says that it has one entry per frame of the guest, but it has ${batch.nPages} and frame ${this.#highestPage} was touched; it is not used`,
          );
        } else if (batch.nPages <= RANGE_PAGES_MAX) this.#writer.declareRange(batch.space, batch.startPage, batch.nPages);
        else reading.log.reasons.add('range-too-large', `a range of ${batch.nPages} pages is not declared`);
        return;
      case 'huge':
        this.#huge.flagged(reading.log.input, batch.space, batch.blocks, batch.source);
        return;
      case 'mapping':
        return this.#mapping(reading, batch);
      case 'stream':
        return this.#stream(reading, batch);
      case 'report':
        return this.#report(reading, batch.report);
      case 'sizes':
        if (batch.tNs !== null) reading.log.at(batch.tNs);
        reading.log.reasons.add(
          'sizes-only',
          'rows that hold sizes without pages: nothing in a trace can be compared with them (workset info shows them)',
          { severity: 'info' },
        );
        return;
    }
  }

  #end(reading: Reading): void {
    for (const quanta of reading.quanta.values()) quanta.flush();
    if (reading.migrated > reading.stayed) {
      reading.log.reasons.add(
        'most-pages-migrated',
        'most pages have another frame than in the dump before: if the dumps are of two processes, give each a segment of its own in the manifest',
        { count: reading.migrated, severity: 'warning' },
      );
    }
    this.clocks.tellAssumed(reading.log.clock, reading.log.reasons);
  }

  #touches(reading: Reading, batch: Batch<'touches'>): void {
    const { space, t0Ns, t1Ns, n } = batch;
    this.#quantumNs ??= t1Ns - t0Ns;
    const start = this.#place(reading, space, t0Ns, t1Ns, n);
    if (start === undefined) return;
    this.#writer.frame(space, start, start + t1Ns - t0Ns, n, batch.page, batch.cls);
    if (space === 'gpa' && n > 0) this.#upTo(batch.page[n - 1]!);
  }

  #quanta(reading: Reading, batch: CodedQuanta): void {
    const { space, n, t0Ns, t1Ns, end, coded } = batch;
    const starts = new Float64Array(n);
    let kept = 0;
    for (let q = 0; q < n; q++) {
      this.#quantumNs ??= t1Ns[q]! - t0Ns[q]!;
      const touches = end[q]! - (q === 0 ? 0 : end[q - 1]!);
      const start = this.#place(reading, space, t0Ns[q]!, t1Ns[q]!, touches);
      starts[q] = start ?? Number.NaN;
      if (start === undefined) continue;
      kept++;
      if (space === 'gpa' && touches > 0) this.#upTo(lastPage(coded, end[q]!));
    }
    if (kept < n) reading.isCut = true;
    const t1 = starts.map((start, q) => start + t1Ns[q]! - t0Ns[q]!);
    if (this.#options.codes && !reading.isCut) return this.#writer.codedFrames(space, { n, t0Ns: starts, t1Ns: t1, end }, coded);
    let q = 0;
    for (const { n: touches, page, cls } of eachQuantum(batch)) {
      if (!Number.isNaN(starts[q]!)) this.#writer.frame(space, starts[q]!, t1[q]!, touches, page, cls);
      q++;
    }
  }

  #accesses(reading: Reading, { space, n, timeNs, page, cls, cpu }: Batch<'accesses'>): void {
    let quanta = reading.quanta.get(space);
    if (quanta === undefined) {
      this.#quantumNs ??= this.#options.quantumNs;
      quanta = new Quanta(this.#options.quantumNs, ({ t0Ns, t1Ns, nAccesses, touches }) => {
        const { n, page, cls } = touches;
        const start = this.#place(reading, space, t0Ns, t1Ns, nAccesses);
        if (start === undefined) return;
        this.#writer.frame(space, start, start + t1Ns - t0Ns, n, page, cls, nAccesses);
        if (space === 'gpa' && n > 0) this.#upTo(page[n - 1]!);
      });
      reading.quanta.set(space, quanta);
    }
    let late = 0;
    for (let i = 0; i < n; i++) {
      if (!quanta.add(timeNs[i]!, page[i]!, cls[i]!)) late++;
    }
    if (cpu !== undefined) for (let i = 0; i < n; i++) reading.log.cpu(cpu[i]!);
    if (late > 0) reading.log.reasons.add('out-of-order', 'accesses that are much older than the ones before them', { count: late });
  }

  /** Where a frame of `nAccesses` goes on the frame clock; undefined when it has no place, which is counted. */
  #place(reading: Reading, space: SpaceId, t0Ns: number, t1Ns: number, nAccesses: number): number | undefined {
    const { log, times } = reading;
    this.clocks.use(reading.log.clock);
    log.at(t0Ns);
    log.at(t1Ns);
    log.space ??= space;
    if (this.#options.timeRange !== undefined && !this.#inRange(log.clock.toTrace(t0Ns), log.clock.toTrace(t1Ns))) {
      this.#outside(reading, nAccesses);
      return undefined;
    }
    const state = this.#spaces.get(space);
    if (state !== undefined && TRUTH_GRADES.indexOf(state.truth) < TRUTH_GRADES.indexOf(log.truth)) {
      log.reasons.add(
        'lower-grade',
        `${space} has ${state.truth} touches already, so accesses of grade ${log.truth} are not added to them`,
        { count: nAccesses, severity: 'info' },
      );
      return undefined;
    }
    this.#frameClock ??= log.clock;
    const shift = this.#frameClock === log.clock ? 0 : this.#frameClock.fromTrace(log.clock.toTrace(t0Ns)) - t0Ns;
    const start = t0Ns + shift;
    if (state !== undefined && start < state.lastNs) {
      if (state.log === log) log.reasons.add('out-of-order', 'quanta that lie before the ones already in the trace', { count: nAccesses });
      else log.reasons.add('overlapping-log', OVERLAPPING, { count: nAccesses, severity: 'error' });
      return undefined;
    }
    this.#frames++;
    if (state === undefined) this.#spaces.set(space, { truth: log.truth, lastNs: start, log });
    else [state.lastNs, state.log] = [start, log];
    if (t0Ns < times.firstNs) times.firstNs = t0Ns;
    if (t1Ns > times.lastNs) times.lastNs = t1Ns;
    return start;
  }

  #upTo(page: number): void {
    if (page > this.#highestPage) this.#highestPage = page;
  }

  #mapping(reading: Reading, batch: Batch<'mapping'>): void {
    if (!batch.arena) return this.#dumped(reading, batch);
    const { vPage, n, frame } = batch;
    // A dump of many pages comes in several batches; the first one has the arena's start.
    const isFirst = reading.dump === undefined;
    reading.dump ??= this.#huge.dump(reading.log);
    const changed = reading.dump(vPage, n, frame);
    if (changed > 0)
      reading.log.reasons.add(
        'frames-changed',
        'pages that have another frame than in the other dump of this arena: page frames and addresses are not one to one over the segment',
        { count: changed, severity: 'info' },
      );
    if (isFirst && !this.#arenas.add(reading.log.input, vPage)) {
      reading.log.reasons.add('arena-moved', 'another file of this segment has the arena at another address; that one is used');
    }
  }

  /** One dump tells nothing that a trace has a place for; a later one of the same process tells which pages moved. */
  #dumped(reading: Reading, { space = 'gva', tNs, vPage, n, frame }: Batch<'mapping'>): void {
    const { log } = reading;
    if (tNs === null) {
      log.reasons.add('mapping-unused', 'pages whose frames are known, but not when: with the option end, several dumps tell which moved', {
        count: n,
        severity: 'info',
      });
      return;
    }
    const moved = { migrate: 0, swap: 0 };
    const { left, stayed } = this.#moves.take(log.input, log.clock.toTrace(tNs), vPage, n, frame, (ns, page, kind) => {
      if (!this.#inRange(ns, ns)) return;
      this.#writer.remap(space, this.#frameClock?.fromTrace(ns) ?? ns, page, kind);
      moved[kind]++;
    });
    reading.stayed += stayed;
    reading.migrated += moved.migrate;
    const info = (code: string, message: string, count: number) => count > 0 && log.reasons.add(code, message, { count, severity: 'info' });
    info('pages-migrated', 'pages that have another frame than in the dump before: moved half-way between the two', moved.migrate);
    info('pages-swapped', 'pages in swap that were in memory in the dump before: swapped out half-way between the two', moved.swap);
    info('moves-not-followed', 'pages beyond the first 4 Mi of all dumps, whose moves are not followed', left);
  }

  #stream(reading: Reading, { stream, arenaRelative }: Batch<'stream'>): void {
    const { log } = reading;
    const basePage = arenaRelative ? this.#arenas.pageFor(log.input) : 0;
    if (basePage === undefined) {
      const { segment } = log.input;
      const prefix = segment === '' ? '' : `${segment}.`;
      log.reasons.add(
        'arena-unknown',
        `reports of ${stream.stream} count pages from an arena whose address no input tells: add ${prefix}pagemap.bin or ${prefix}phases.log, or set arena: in a manifest`,
        { severity: 'error' },
      );
      reading.streams.set(stream.stream, undefined);
      return;
    }
    let name = stream.stream;
    for (let i = 2; this.#streamNames.has(name); i++) name = `${stream.stream}#${i}`;
    this.#streamNames.add(name);
    const range = stream.range === null ? null : { startPage: stream.range.startPage + basePage, nPages: stream.range.nPages };
    this.#writer.stream({ ...stream, stream: name, inputId: log.inputId, range });
    if (range !== null && arenaRelative) this.#writer.declareRange(stream.space, range.startPage, range.nPages);
    reading.streams.set(stream.stream, { name, basePage, space: stream.space });
    log.space = stream.space;
    if (stream.notes['hugepages'] === 'madvise') this.#huge.asked(log.input, name);
    this.clocks.use(reading.log.clock);
  }

  #report(reading: Reading, report: Observation): void {
    const { log } = reading;
    const stream = reading.streams.get(report.stream);
    for (const ns of [report.setBeginNs, report.readEndNs]) if (Number.isFinite(ns)) log.at(ns);
    if (stream === undefined) {
      log.reasons.add('report-unplaced', 'reports of a stream that has no place in the trace', { severity: 'error' });
      return;
    }
    const { toTrace } = log.clock;
    const setBeginNs = toTrace(report.setBeginNs);
    const readEndNs = toTrace(report.readEndNs);
    if (!this.#inRange(setBeginNs, readEndNs)) return this.#outside(reading, 1);
    const placed = (bits: Observation['reported']) => (bits === null ? null : { ...bits, startPage: bits.startPage + stream.basePage });
    const placedReport: Observation = {
      ...report,
      stream: stream.name,
      setBeginNs,
      setEndNs: toTrace(report.setEndNs),
      readBeginNs: toTrace(report.readBeginNs),
      readEndNs,
      reported: placed(report.reported),
      eligible: placed(report.eligible),
    };
    this.#writer.observation(placedReport);
    this.#watched.add(stream.space, placedReport);
    this.#reportTimes.add(log, stream.name, setBeginNs, readEndNs);
    this.#reports++;
  }

  #inRange(t0Ns: number, t1Ns: number): boolean {
    const { timeRange } = this.#options;
    return timeRange === undefined || (t0Ns >= timeRange[0] && t1Ns <= timeRange[1]);
  }

  #clip(span: TraceSpan): TraceSpan | undefined {
    const { timeRange } = this.#options;
    if (timeRange === undefined) return span;
    const t0Ns = Math.max(span.t0Ns, timeRange[0]);
    const t1Ns = Math.min(span.t1Ns, timeRange[1]);
    return t1Ns > t0Ns ? { ...span, t0Ns, t1Ns } : undefined;
  }

  #outside(reading: Reading, count: number): void {
    reading.log.reasons.add('outside-time-range', 'outside the time range that was asked for', { count, severity: 'info' });
  }
}
