/**
 * Intervals whose touches all have one stamp: a bit for every slot that was touched, until somebody needs the stamps. Most questions are
 * about the last interval, and its bits answer them without a look at stamps, which are 32 times as many bytes.
 */
import { Arena } from './arena.ts';

const MAX_TABLES = 16;
const MAX_TABLE_BYTES = 16 << 20;
/** Of so many or more, one is for the bits of several intervals. */
const MIN_TABLES_FOR_UNION = 4;

/** Tables of `slots` bits: as many intervals are brought into the stamps at once, so that each stamp is written once for all of them. */
export function intervalTables(slots: number): number {
  return Math.max(1, Math.min(MAX_TABLES, Math.floor(MAX_TABLE_BYTES / (slots / 8))));
}

interface Interval {
  readonly first: number;
  readonly end: number;
  readonly bits: Int32Array;
}

export class AlikeIntervals {
  readonly #stamps: Int32Array;
  /** Of the stamps; undefined where vector loops cannot reach them. */
  readonly #arena: Arena | undefined;
  readonly #most: number;
  /** Oldest first. */
  readonly #kept: Interval[] = [];
  /** All zero. */
  readonly #spare: Int32Array[] = [];
  /** Addresses and stamps of what is brought into the stamps. */
  #list: Int32Array | undefined;
  #union: Int32Array | undefined;

  constructor(stamps: Int32Array) {
    this.#stamps = stamps;
    this.#arena = stamps.length % 32 === 0 ? Arena.loopsFor(stamps) : undefined;
    const tables = intervalTables(stamps.length);
    this.#most = tables < MIN_TABLES_FOR_UNION ? tables : tables - 1;
  }

  /** Zeros for the bits of an interval; undefined where vector loops cannot reach them. Once there were some, there always are. */
  take(): Int32Array | undefined {
    const arena = this.#arena;
    if (arena === undefined) return undefined;
    this.#list ??= arena.int32(2 * this.#most);
    if (!arena.owns(this.#list)) return undefined;
    if (this.#kept.length === this.#most) this.settle();
    const bits = this.#spare.pop() ?? arena.int32(this.#stamps.length / 32);
    if (arena.owns(bits)) return bits;
    this.settle();
    return this.#spare.pop();
  }
  /** Takes them back, all zero. */
  give(bits: Int32Array): void {
    this.#spare.push(bits);
  }
  /** Keeps an interval of frames [first, end) behind those that are kept; all older touches are in the stamps, or kept too. */
  keep(first: number, end: number, bits: Int32Array): void {
    this.#kept.push({ first, end, bits });
  }

  /** Brings all of them into the stamps. */
  settle(): void {
    if (this.#kept.length === 0) return;
    const { loops } = this.#arena!;
    const list = this.#list!;
    // Newest first.
    this.#kept.toReversed().forEach(({ bits, end }, i) => list.set([bits.byteOffset, end], 2 * i));
    loops.settleBits(list.byteOffset, this.#kept.length, this.#stamps.byteOffset, this.#stamps.length / 32);
    for (const { bits } of this.#kept.splice(0)) {
      loops.fill(bits.byteOffset, Math.ceil(bits.length / 32), 0);
      this.#spare.push(bits);
    }
  }

  /** The slots touched after the first `after` frames, as bits, until the next call; undefined when the stamps have to be asked. */
  since(after: number): Int32Array | undefined {
    const kept = this.#kept;
    // What is older than the oldest is in the stamps alone, and no bit says when in its interval a touch was.
    if (kept.length === 0 || after < kept[0]!.first || kept.some(({ first, end }) => first < after && after < end)) return undefined;
    const wanted = kept.filter(({ first }) => first >= after);
    if (wanted.length < 2) return wanted[0]?.bits;
    return this.#unionOf(wanted);
  }

  #unionOf(intervals: readonly Interval[]): Int32Array | undefined {
    const arena = this.#arena!;
    if (this.#most < MIN_TABLES_FOR_UNION - 1) return undefined;
    const union = (this.#union ??= arena.int32(this.#stamps.length / 32));
    if (!arena.owns(union)) return undefined;
    union.set(intervals[0]!.bits);
    for (const { bits } of intervals.slice(1)) arena.loops.orBits(union.byteOffset, bits.byteOffset, union.length);
    return union;
  }
}
