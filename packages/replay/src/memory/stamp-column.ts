/**
 * A column of stamps behind a table of bytes: a touch stores a byte, 1 + the frames since the column was last settled, which is a quarter
 * of the memory to scatter stores over. Settling brings the bytes into the stamps, at the latest every 255 frames. Where nobody asks
 * for the frames of an interval, a touch sets a bit instead, and all touches of the interval get one stamp (alike-intervals.ts).
 */
import assert from 'node:assert/strict';
import type { PageBitmap, SpaceInfo } from '@workset/model';
import type { PageRange } from '../scheme.ts';
import { AlikeIntervals } from './alike-intervals.ts';
import { Arena } from './arena.ts';
import { addNewer, addRecent, fillFromBits, fillFromPairs, fillTouchedAndWritten } from './bit-loops.ts';
import { isWhole } from './page-sets.ts';

/** Frames that a byte can tell apart: as many can be applied to settled stamps before they are settled again. */
export const RECENT_FRAMES = 255;
/** Slots that one round of the settling loop takes. */
const ROUND = 32;
/** Settling bytes takes as long as stamping touches in this share of the slots, or less. */
const WORTH_SETTLING = 1 / 4;
/** Touches in this share of the slots, or more, are worth bits where these are looked at instead of all stamps. */
const WORTH_BITS = 1 / 32;

/** True when bytes save more than settling them costs, by the mean number of touches per frame. */
export function isWorthBuffering({ nTouches, nFrames }: Pick<SpaceInfo, 'nTouches' | 'nFrames'>, slots: number): boolean {
  return (nTouches / Math.max(1, nFrames)) * RECENT_FRAMES >= slots * WORTH_SETTLING;
}

export class StampColumn {
  /** Older than the bytes; exact once settled. */
  readonly #stamps: Int32Array;
  readonly #arena: Arena;
  #recent: Uint8Array | undefined;
  readonly #alike: AlikeIntervals;
  readonly #worthBits: number;
  /** Of the interval that is applied. */
  #bits: Int32Array | undefined;
  /** Frames applied when the bytes were last all zero: a byte b stands for the stamp #base + b. */
  #base = 0;
  #isSettled = true;

  /** @param classBits with more than one, bits answer nothing, and come into the stamps at the next question */
  constructor(stamps: Int32Array, arena: Arena, classBits = 1) {
    this.#worthBits = classBits < 2 ? WORTH_BITS : WORTH_SETTLING;
    this.#stamps = stamps;
    this.#arena = arena;
    this.#alike = new AlikeIntervals(stamps);
  }

  get length(): number {
    return this.#stamps.length;
  }
  /** The stamps themselves, up to date; write them only while nothing is applied. */
  get stamps(): Int32Array {
    this.settle();
    return this.#stamps;
  }

  /** Puts a table of bytes before the stamps from now on, where vector loops can reach both. */
  buffer(): void {
    if (this.#recent !== undefined || this.length % ROUND !== 0) return;
    [this.#recent] = this.tables(1);
  }
  /** Further tables of bytes, all zero: who stamps into them settles them into `stamps`. None where vector loops cannot reach them. */
  tables(n: number): Uint8Array[] {
    if (Arena.loopsFor(this.#stamps) === undefined) return [];
    const rooms = Array.from({ length: n }, () => this.#arena.int32(this.length / 4));
    if (!rooms.every((room) => this.#arena.owns(room))) return [];
    return rooms.map((room) => new Uint8Array(room.buffer, room.byteOffset, this.length));
  }
  get isBuffered(): boolean {
    return this.#recent !== undefined;
  }

  /**
   * Applies frames of one batch: rows [from, to) of `touches`, whose row 0 is row `base` of the trace. Frame f has the rows
   * rowStart[f] .. rowStart[f+1]-1; `from` lies in frame `first`. Frames come in ascending order. The hot loop.
   */
  apply(touches: Int32Array, base: number, from: number, to: number, rowStart: Float64Array, first: number): void {
    const arena = Arena.loopsFor(touches, this.#stamps);
    const isBuffered = this.#recent !== undefined && arena !== undefined;
    this.#alike.settle();
    let i = from | 0;
    for (let f = first | 0; i < to; f = (f + 1) | 0) {
      const stop = Math.min(to, rowStart[f + 1]! - base) | 0;
      if (isBuffered) this.#stampBytes(touches, i, stop, f);
      else stampAll(arena, touches, i, stop, this.#stamps, (f + 1) | 0);
      i = stop;
    }
  }

  /** True when so many touches of an interval that is stamped alike are worth a bit for each slot. */
  isWorthBits(touches: number): boolean {
    return touches >= this.length * this.#worthBits;
  }
  /** Begins an interval of which nobody will ask in which frame a touch was: all touches get the stamp `end`, or set bits when there are enough. */
  beginInterval(touches: number): void {
    this.#bits = this.isWorthBits(touches) ? this.takeBits() : undefined;
  }
  /** Applies rows [from, to) of the interval. */
  applyAlike(touches: Int32Array, from: number, to: number, end: number): void {
    const bits = this.#bits;
    const arena = Arena.loopsFor(touches, this.#stamps);
    if (bits === undefined || arena === undefined) return stampAll(arena, touches, from | 0, to | 0, this.stamps, end | 0);
    const eights = (to - from) >> 3;
    if (eights > 0) arena.loops.stampBits(touches.byteOffset + 4 * from, eights, bits.byteOffset);
    for (let i = (from + 8 * eights) | 0; i < to; i = (i + 1) | 0) bits[touches[i]! >>> 5]! |= 1 << (touches[i]! & 31);
  }
  /** All frames [first, end) of the interval have been applied. */
  endInterval(first: number, end: number): void {
    if (this.#bits !== undefined) this.keepBits(first, end, this.#bits);
    this.#bits = undefined;
  }
  /** Whether intervals can be kept as bits; if so, there is room for one from now on. */
  reserveBits(): boolean {
    const bits = this.takeBits();
    if (bits !== undefined) this.#alike.give(bits);
    return bits !== undefined;
  }
  /** Zeros for the bits of an interval that comes next, of all slots; undefined where vector loops cannot reach them. */
  takeBits(): Int32Array | undefined {
    this.#settleBytes();
    return this.#alike.take();
  }
  keepBits(first: number, end: number, bits: Int32Array): void {
    this.#alike.keep(first, end, bits);
  }

  /** Last stamp among the slots from `slot` on whose bits are set in `mask`. */
  lastOf(slot: number, mask: number): number {
    this.#alike.settle();
    const byte = this.#isSettled ? 0 : newestByte(this.#recent!, slot, mask);
    return byte > 0 ? this.#base + byte : newest(this.#stamps, slot, mask);
  }

  /** The same of the slots of pages ids[0, n), each `1 << classBits` slots; 0 for ids below 0. */
  lastOfAll(ids: Int32Array, n: number, classBits: number, mask: number, out: Int32Array): void {
    this.#alike.settle();
    const isSettled = this.#isSettled;
    const recent = this.#recent;
    const stamps = this.#stamps;
    for (let i = 0; i < n; i = (i + 1) | 0) {
      const id = ids[i]!;
      const byte = id < 0 || isSettled ? 0 : newestByte(recent!, id << classBits, mask);
      out[i] = byte > 0 ? this.#base + byte : id < 0 ? 0 : newest(stamps, id << classBits, mask);
    }
  }

  /** Brings what bytes and bits know into the stamps. */
  settle(): void {
    this.#settleBytes();
    this.#alike.settle();
  }
  /** Bytes and bits are not there at the same time. */
  #settleBytes(): void {
    if (this.#isSettled) return;
    this.#arena.loops.settle(this.#recent!.byteOffset, this.#stamps.byteOffset, this.length / ROUND, this.#base);
    this.#isSettled = true;
  }

  /** Of two classes (read, write): pages touched, and pages written, with stamps greater than `after`, into sets that are empty. */
  fillTouchedAndWritten(range: PageRange, after: number, touched: PageBitmap, written: PageBitmap): void {
    const bits = isWhole(range, this.length >>> 1) ? this.#alike.since(after) : undefined;
    if (bits !== undefined) return fillFromPairs(bits, this.#arena, touched, written);
    this.#alike.settle();
    // Bytes alone say it when all they do not know is older.
    if (this.#isSettled || after < this.#base) fillTouchedAndWritten(this.#stamps, range, after, touched, written);
    if (!this.#isSettled) addRecent(this.#recent!, this.#arena, range, Math.max(0, after - this.#base), touched, written);
  }

  /** Of one class: all pages with stamps greater than `after`, into a set that is empty. */
  fillTouched(after: number, touched: PageBitmap): void {
    const bits = this.#alike.since(after);
    if (bits !== undefined) fillFromBits(bits, touched);
    else addNewer(this.stamps, { from: 0, to: this.length }, after, touched);
  }

  #stampBytes(touches: Int32Array, from: number, to: number, frame: number): void {
    if (!this.#isSettled && frame - this.#base >= RECENT_FRAMES) this.#settleBytes();
    if (this.#isSettled) this.#base = frame;
    this.#isSettled = false;
    const recent = this.#recent!;
    const byte = frame + 1 - this.#base;
    assert(byte > 0 && byte <= RECENT_FRAMES, 'frames are applied in order');
    const eights = (to - from) >> 3;
    if (eights > 0) this.#arena.loops.stampBytes(touches.byteOffset + 4 * from, eights, recent.byteOffset, byte);
    for (let i = (from + 8 * eights) | 0; i < to; i = (i + 1) | 0) recent[touches[i]!] = byte;
  }
}

function newest(stamps: Int32Array, slot: number, mask: number): number {
  let last = 0;
  for (let rest = mask; rest !== 0; rest >>>= 1, slot++) if ((rest & 1) === 1 && stamps[slot]! > last) last = stamps[slot]!;
  return last;
}
/** The same of bytes. Not one function for both: it would be slower on either. */
function newestByte(recent: Uint8Array, slot: number, mask: number): number {
  let last = 0;
  for (let rest = mask; rest !== 0; rest >>>= 1, slot++) if ((rest & 1) === 1 && recent[slot]! > last) last = recent[slot]!;
  return last;
}

function stampAll(arena: Arena | undefined, touches: Int32Array, from: number, to: number, stamps: Int32Array, stamp: number): void {
  const eights = arena === undefined ? 0 : (to - from) >> 3;
  if (eights > 0) arena!.loops.stampRows(touches.byteOffset + 4 * from, eights, stamps.byteOffset, stamp);
  for (let i = (from + 8 * eights) | 0; i < to; i = (i + 1) | 0) stamps[touches[i]!] = stamp;
}
