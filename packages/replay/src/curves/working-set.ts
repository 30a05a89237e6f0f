/** Denning's working-set curve, exact and in one pass: how many different pages a window of each length holds on average. */
import type { SpaceReader } from '@workset/store';
import { eachBatch, type CurveOptions } from './miss-ratio.ts';

export interface WorkingSetCurve {
  readonly frames: number;
  /**
   * Mean number of pages touched in the last `window` frames, over all frames of the trace; windows at its start are cut short. Frames are
   * counted, not nanoseconds: with a fixed quantum a window of t ns has t / quantum frames.
   */
  pages(window: number): number;
}

/** Memory: 4 bytes per page, 16 per frame. Throws TraceFormatError, InterruptedError. */
export function workingSetCurve(space: SpaceReader, options: CurveOptions = {}): WorkingSetCurve {
  const { n, rowStart } = space.frames;
  const { nPages, classBits } = space.info;
  const last = new Int32Array(nPages).fill(-1);
  /** gaps[g]: touched frames of a page that were followed by the next one g frames later, or by the end of the trace. */
  const gaps = new Float64Array(n + 1);
  let frame = 0;
  eachBatch(space, options.signal, (batch, rows, base) => {
    for (let i = 0; i < rows;) {
      while (rowStart[frame + 1]! <= base + i) frame++;
      const stop = Math.min(rows, rowStart[frame + 1]! - base);
      addGaps(batch, i, stop, classBits, frame, last, gaps);
      i = stop;
    }
  });
  for (const at of last) if (at >= 0) gaps[n - at]! += 1;
  const held = pagesHeld(gaps);
  return { frames: n, pages: (window) => (n === 0 ? 0 : held[Math.max(0, Math.min(n, Math.floor(window)))]! / n) };
}

function addGaps(touches: Int32Array, from: number, to: number, shift: number, frame: number, last: Int32Array, gaps: Float64Array): void {
  for (let i = from | 0; i < to; i = (i + 1) | 0) {
    const page = touches[i]! >>> shift;
    const before = last[page]!;
    last[page] = frame;
    if (before >= 0) gaps[frame - before]! += 1;
  }
}

/** held[w]: sum over touched frames of min(w, gap): the page-frames that windows of length w hold. A gap of 0 holds nothing. */
function pagesHeld(gaps: Float64Array): Float64Array {
  const held = new Float64Array(gaps.length);
  let longer = 0;
  for (let g = 1; g < gaps.length; g++) longer += gaps[g]!;
  for (let w = 1; w < gaps.length; w++) {
    held[w] = held[w - 1]! + longer;
    longer -= gaps[w]!;
  }
  return held;
}
