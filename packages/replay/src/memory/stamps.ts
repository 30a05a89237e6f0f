/**
 * Last-touch stamps: the one state that the ground truth and every scheme share (docs/adr/0002).
 *
 * Slot `denseId << classBits | class` holds 1 + the number of the last frame in which the page was touched in that class
 * (0 = never), so one store per touch serves everybody: a bit that hardware would have set since time t is `last > framesAt(t)`.
 */
import type { PageBitmap, Scope, Target } from '@workset/model';
import type { PageRange } from '../scheme.ts';

export class StampMemory {
  readonly nPages: number;
  readonly classBits: 0 | 1 | 2;
  readonly stamps: Int32Array;
  /** Frames applied so far; a touch stamped later has a larger stamp. */
  framesApplied = 0;
  readonly #cache = new Map<string, { frames: number; last: Int32Array }>();

  constructor(nPages: number, classBits: 0 | 1 | 2) {
    this.nPages = nPages;
    this.classBits = classBits;
    this.stamps = new Int32Array(nPages << classBits);
  }

  /** Applies rows [from, to) of `touches` as part of frame `frame` (0-based). The hot loop. */
  apply(touches: Int32Array, from: number, to: number, frame: number): void {
    const { stamps } = this;
    const stamp = (frame + 1) | 0;
    for (let i = from | 0, end = to | 0; i < end; i = (i + 1) | 0) stamps[touches[i]!] = stamp;
  }

  /** Last stamp of one page. `mapped` leaves kernel touches out; `written` leaves reads out. */
  lastOf(id: number, scope: Scope, target: Target): number {
    const { stamps, classBits } = this;
    if (classBits === 0) return stamps[id]!;
    const slot = id << classBits;
    let last = stamps[slot + 1]!;
    if (target === 'touched') last = Math.max(last, stamps[slot]!);
    if (classBits === 2 && scope === 'any') {
      last = Math.max(last, stamps[slot + 3]!);
      if (target === 'touched') last = Math.max(last, stamps[slot + 2]!);
    }
    return last;
  }

  /** Last stamps of all pages, shared by everyone who asks before the next frame is applied. Read only. */
  last(scope: Scope, target: Target): Int32Array {
    if (this.classBits === 0) return this.stamps;
    const key = `${this.classBits === 1 ? 'any' : scope} ${target}`;
    const hit = this.#cache.get(key);
    if (hit !== undefined && hit.frames === this.framesApplied) return hit.last;
    const last = hit?.last ?? new Int32Array(this.nPages);
    fillLast(this.stamps, this.classBits, scope, target, last);
    this.#cache.set(key, { frames: this.framesApplied, last });
    return last;
  }

  /** True when `any` and `mapped` cannot differ in this trace. */
  get scopesAgree(): boolean {
    return this.classBits < 2;
  }
}

function fillLast(stamps: Int32Array, classBits: number, scope: Scope, target: Target, last: Int32Array): void {
  const n = last.length | 0;
  const touched = target === 'touched';
  if (classBits === 1) {
    if (!touched) for (let p = 0; p < n; p = (p + 1) | 0) last[p] = stamps[(p << 1) + 1]!;
    else
      for (let p = 0; p < n; p = (p + 1) | 0) {
        const r = stamps[p << 1]!;
        const w = stamps[(p << 1) + 1]!;
        last[p] = r > w ? r : w;
      }
    return;
  }
  const kernel = scope === 'any';
  for (let p = 0; p < n; p = (p + 1) | 0) {
    const s = p << 2;
    let max = stamps[s + 1]!;
    if (touched && stamps[s]! > max) max = stamps[s]!;
    if (kernel) {
      if (stamps[s + 3]! > max) max = stamps[s + 3]!;
      if (touched && stamps[s + 2]! > max) max = stamps[s + 2]!;
    }
    last[p] = max;
  }
}

/** Adds to `out` the pages of the range whose stamp is greater than `after`. */
export function addNewer(last: Int32Array, range: PageRange, after: number, out: PageBitmap): void {
  const { words } = out;
  const { from, to } = range;
  let p = from;
  while (p < to) {
    const wordEnd = Math.min(to, (p | 31) + 1);
    const word = p >>> 5;
    let bits = 0;
    for (; p < wordEnd; p = (p + 1) | 0) bits |= ((after - last[p]!) >>> 31) << (p & 31);
    words[word]! |= bits;
  }
}
