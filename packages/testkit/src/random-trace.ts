/** fast-check arbitraries for plain traces: gaps, split quanta, clock drift, kernel touches, pages far apart. */
import fc from 'fast-check';
import { GUP, GUP_FAST, HOST, KERNEL, OTHER, PINNED, READ, WRITE, type TraceSpan } from '@workset/model';
import { QUANTUM_NS, type PlainFrame, type PlainTouch, type PlainTrace } from './trace.ts';

export interface RandomTraceOptions {
  /** True: whole quanta without drift, spans that begin and end with their frames. */
  readonly aligned?: boolean;
  readonly classBits?: 0 | 1 | 2 | 3 | 4;
  readonly maxFrames?: number;
}

interface Column {
  readonly step: 'next' | 'split' | 'gap';
  readonly driftNs: number;
  readonly spanBeginNs: number;
  readonly spanEndNs: number;
  readonly touches: readonly PlainTouch[];
}

/** Far below 1 percent of a quantum: clocks that are the same but for interpolation. */
const MAX_DRIFT_NS = QUANTUM_NS / 250;
const GAP_QUANTA = 3;
/** Neighbours in a word, ends of blocks, blocks with holes between them, page numbers above 2^32. */
const PAGES = [0, 1, 2, 31, 32, 33, 63, 510, 511, 512, 1023, 2560, 2561, 3071, 2 ** 33 + 511, 2 ** 33 + 512] as const;

export function arbitraryTrace(options: RandomTraceOptions = {}): fc.Arbitrary<PlainTrace> {
  const cls = options.classBits === undefined ? fc.constantFrom(0, 1, 2, 3) : fc.integer({ min: 0, max: 2 ** options.classBits - 1 });
  const classBits = options.classBits === undefined ? fc.constantFrom(2, 2, 1, 0) : fc.constant(options.classBits);
  const page = fc.constantFrom(...PAGES);
  const touch = options.classBits === 4 ? page.chain(touchByItsActors) : fc.record({ page, cls });
  const offset = options.aligned ? fc.constant(0) : fc.integer({ min: -QUANTUM_NS / 2, max: QUANTUM_NS / 2 });
  const column = fc.record({
    step: fc.oneof(
      { weight: 6, arbitrary: fc.constant('next') },
      { weight: 1, arbitrary: fc.constant('split') },
      { weight: 1, arbitrary: fc.constant('gap') },
    ),
    driftNs: options.aligned ? fc.constant(0) : fc.integer({ min: -MAX_DRIFT_NS, max: MAX_DRIFT_NS }),
    spanBeginNs: offset,
    spanEndNs: offset,
    touches: fc.uniqueArray(touch, { maxLength: 6, selector: (item) => `${item.page} ${item.cls}` }),
  }) as fc.Arbitrary<Column>;
  return fc
    .record({
      nPages: fc.constantFrom(0, 1, 40, 1025),
      classBits,
      columns: fc.array(column, { minLength: 1, maxLength: options.maxFrames ?? 24, size: 'max' }),
    })
    .map(({ nPages, classBits: bits, columns }) => build(nPages, bits as PlainTrace['classBits'], columns));
}

/**
 * A touch by one of the actors that share this page: between two looks the order of some actors would decide what is seen, and last
 * touches do not hold it (a fast GUP after, or before, somebody else's fault; a vCPU's write after, or before, the host's).
 */
const ACTORS_OF_A_PAGE = [
  [0, 1, 2, 3, GUP, GUP | WRITE, PINNED, PINNED | WRITE],
  [READ, KERNEL, HOST, HOST | WRITE],
  [READ, WRITE, OTHER, OTHER | WRITE],
  [GUP_FAST, GUP_FAST | WRITE, PINNED],
] as const;
function touchByItsActors(page: number): fc.Arbitrary<PlainTouch> {
  return fc.constantFrom(...ACTORS_OF_A_PAGE[PAGES.indexOf(page as 0) % ACTORS_OF_A_PAGE.length]!).map((cls) => ({ page, cls }));
}

function build(nPages: number, classBits: PlainTrace['classBits'], columns: readonly Column[]): PlainTrace {
  const frames: PlainFrame[] = [];
  const spans: TraceSpan[] = [];
  let edge = 0;
  let at = 0;
  for (const { step, driftNs, spanBeginNs, spanEndNs, touches: raw } of columns) {
    const touches = narrow(raw, classBits);
    const last = frames.at(-1);
    if (step === 'split' && last !== undefined) {
      frames.push({ ...last, touches });
      continue;
    }
    const isNewSpan = step === 'gap' || last === undefined;
    if (step === 'gap') at = edge = (edgeNumber(edge) + GAP_QUANTA) * QUANTUM_NS + driftNs;
    const t0Ns = at;
    edge = (edgeNumber(t0Ns) + 1) * QUANTUM_NS + driftNs;
    at = edge;
    frames.push({ t0Ns, t1Ns: edge, touches });
    if (isNewSpan) spans.push({ t0Ns: t0Ns + spanBeginNs, t1Ns: edge + spanEndNs, label: String(spans.length + 1) });
    else spans[spans.length - 1] = { ...spans.at(-1)!, t1Ns: edge + spanEndNs };
  }
  return { nPages, classBits, quantumNs: QUANTUM_NS, frames, spans };
}

function edgeNumber(ns: number): number {
  return Math.round(ns / QUANTUM_NS);
}

/** Leaves the class bits the trace records; each (page, class) stays at most once in a frame. */
function narrow(touches: readonly PlainTouch[], classBits: number): PlainTouch[] {
  const narrowed = touches.map(({ page, cls }) => ({ page, cls: cls & (2 ** classBits - 1) }));
  return narrowed.filter(({ page, cls }, i) => narrowed.findIndex((other) => other.page === page && other.cls === cls) === i);
}

/** Times of a real tracker's cycles, anywhere on the time line: each sets, then reads, before the next begins. */
export function arbitraryCycles(): fc.Arbitrary<
  { cycle: number; setBeginNs: number; setEndNs: number; readBeginNs: number; readEndNs: number }[]
> {
  const wait = fc.oneof(fc.integer({ min: 1, max: 3 * QUANTUM_NS }), fc.constantFrom(QUANTUM_NS, 2 * QUANTUM_NS));
  const pause = fc.oneof(fc.constant(0), wait);
  return fc.array(fc.tuple(pause, pause, wait, pause), { maxLength: 6 }).map((cycles) => {
    let t = 0;
    return cycles.map(([idle, set, sleep, read], cycle) => {
      const setBeginNs = t + idle;
      const setEndNs = setBeginNs + set;
      const readBeginNs = setEndNs + sleep;
      t = readBeginNs + read;
      return { cycle, setBeginNs, setEndNs, readBeginNs, readEndNs: t };
    });
  });
}
