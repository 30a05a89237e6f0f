/** A trace as plain objects: small enough to print, slow enough to be obvious. */
import { ACTORS, BLOCK_PAGES, WRITE, type Actor, type TraceSpan } from '@workset/model';

/** One touch by one actor; `cls` is an access class of @workset/model (0 read, 1 write, 2 kernel read, 3 kernel write, 4 and 5 a device's, ...). */
export interface PlainTouch {
  readonly page: number;
  readonly cls: number;
}

/** A quantum [t0Ns, t1Ns). Several frames may share one interval (a marker split the quantum). */
export interface PlainFrame {
  readonly t0Ns: number;
  readonly t1Ns: number;
  readonly touches: readonly PlainTouch[];
}

export interface PlainTrace {
  /** Pages 0 .. nPages-1 exist even if never touched. */
  readonly nPages: number;
  /** What a touch records: 0 nothing, 1 read or write, 2 also user or kernel, 3 also device or host, 4 all actors. */
  readonly classBits: 0 | 1 | 2 | 3 | 4;
  readonly quantumNs: number;
  /** t0Ns and t1Ns never fall from one frame to the next. */
  readonly frames: readonly PlainFrame[];
  readonly spans: readonly TraceSpan[];
}

/** Nanoseconds of a frame of a grid trace: 1 ms. */
export const QUANTUM_NS = 1_000_000;

/** What the log can say of a touch: without class bits every touch may have been a write through the user's mapping. */
export function meaningOf(trace: PlainTrace, { cls }: PlainTouch): { writes: boolean; mapped: boolean; actor: Actor } {
  const actor = trace.classBits < 2 ? 'user' : ACTORS[cls >> 1]!;
  return { writes: trace.classBits === 0 || (cls & WRITE) !== 0, mapped: actor === 'user', actor };
}

/** Numbers of the 512-page blocks the trace holds, ascending. */
export function blocksOf(trace: PlainTrace): number[] {
  const blocks = new Set<number>();
  for (let page = 0; page < trace.nPages; page += BLOCK_PAGES) blocks.add(page / BLOCK_PAGES);
  for (const frame of trace.frames) for (const { page } of frame.touches) blocks.add(Math.floor(page / BLOCK_PAGES));
  return [...blocks].sort((a, b) => a - b);
}

/** Every page number the trace holds: whole blocks, ascending. */
export function pagesOf(trace: PlainTrace): number[] {
  return blocksOf(trace).flatMap((block) => Array.from({ length: BLOCK_PAGES }, (_, i) => block * BLOCK_PAGES + i));
}
