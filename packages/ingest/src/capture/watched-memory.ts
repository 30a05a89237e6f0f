/** Memory that trackers watch: it exists even where the trace has no touch of it. */
import { BLOCK_PAGES, type Observation, type PageRangeBits, type SpaceId } from '@workset/model';

/** A range larger than this is a mistake: 4 TiB. */
export const RANGE_PAGES_MAX = 2 ** 30;

/** Reported memory beyond the touched one is declared up to so much of it: 64 GiB. */
const REPORTED_PAGES_MAX = 2 ** 24;

type Declare = (space: SpaceId, startPage: number, nPages: number) => void;
type Reported = Pick<Observation, 'reported' | 'eligible' | 'regions'>;

export class WatchedMemory {
  readonly #declare: Declare;
  /** All that is watched; of virtual address spaces it counts only when there are no touches to tell which pages exist. */
  readonly #watched = new Map<SpaceId, Intervals>();
  /** What was said to be accessed: it counts in every space, for a page outside the trace's memory is a page wrongly reported. */
  readonly #reported = new Map<SpaceId, Intervals>();

  constructor(declare: Declare) {
    this.#declare = declare;
  }

  /** Physical regions tile the memory of the machine; virtual ones have holes that nobody maps, and bits begin where a dump does. */
  add(space: SpaceId, { reported, eligible, regions }: Reported): void {
    const watched = intervalsOf(this.#watched, space);
    const hot = intervalsOf(this.#reported, space);
    for (let i = 0; i < (regions?.startPage.length ?? 0); i++) {
      const start = regions!.startPage[i]!;
      const end = start + regions!.nPages[i]!;
      watched.add(start, end);
      if (regions!.nrAccesses[i]! > 0) hot.add(start, end);
    }
    if (reported !== null) addBits(hot, reported);
    if (space !== 'gpa')
      for (const bits of [reported, eligible]) if (bits !== null) watched.add(bits.startPage, bits.startPage + bits.nPages);
  }

  /**
   * @param touched spaces that have touches
   * @returns spaces where the reported pages are too many to be declared, and what that means
   */
  finish(touched: { has(space: SpaceId): boolean }): [space: SpaceId, why: string][] {
    const left: [SpaceId, string][] = [];
    for (const [space, watched] of this.#watched) {
      if (space === 'gpa' || !touched.has(space)) this.#declareAll(space, watched);
      const reported = intervalsOf(this.#reported, space);
      if (reported.pages <= REPORTED_PAGES_MAX) this.#declareAll(space, reported);
      else if (touched.has(space))
        left.push([space, `${reported.pages} reported pages of ${space} are far more than were touched: those elsewhere are not scored`]);
    }
    return left;
  }

  #declareAll(space: SpaceId, intervals: Intervals): void {
    for (const [start, end] of intervals) this.#declare(space, start, end - start);
  }
}

function intervalsOf(all: Map<SpaceId, Intervals>, space: SpaceId): Intervals {
  let intervals = all.get(space);
  if (intervals === undefined) all.set(space, (intervals = new Intervals()));
  return intervals;
}

/** The blocks of 512 pages that hold a set bit. */
function addBits(to: Intervals, { startPage, nPages, bits }: PageRangeBits): void {
  for (let i = 0; i < nPages;) {
    const stop = Math.min(nPages, i + BLOCK_PAGES - ((startPage + i) % BLOCK_PAGES));
    if (isAnySet(bits, i, stop)) to.add(startPage + i, startPage + stop);
    i = stop;
  }
}

function isAnySet(bits: Uint8Array, from: number, to: number): boolean {
  for (let i = from; i < to;) {
    if ((i & 7) === 0 && to - i >= 8 && bits[i >> 3] === 0) i += 8;
    else if (((bits[i >> 3]! >> (i & 7)) & 1) !== 0) return true;
    else i++;
  }
  return false;
}

/** A union of half-open ranges; the same regions come again and again, and cost one search each. */
class Intervals {
  readonly #starts: number[] = [];
  readonly #ends: number[] = [];

  add(start: number, end: number): void {
    if (end <= start || end - start > RANGE_PAGES_MAX) return;
    // The first range that ends at `start` or behind it.
    let first = 0;
    for (let high = this.#ends.length; first < high;) {
      const middle = (first + high) >>> 1;
      if (this.#ends[middle]! >= start) high = middle;
      else first = middle + 1;
    }
    if (first < this.#starts.length && this.#starts[first]! <= start && this.#ends[first]! >= end) return;
    let last = first;
    while (last < this.#starts.length && this.#starts[last]! <= end) last++;
    const from = last > first ? Math.min(start, this.#starts[first]!) : start;
    const to = last > first ? Math.max(end, this.#ends[last - 1]!) : end;
    this.#starts.splice(first, last - first, from);
    this.#ends.splice(first, last - first, to);
  }

  get pages(): number {
    return this.#ends.reduce((sum, end, i) => sum + end - this.#starts[i]!, 0);
  }

  *[Symbol.iterator](): IterableIterator<[start: number, end: number]> {
    for (let i = 0; i < this.#starts.length; i++) yield [this.#starts[i]!, this.#ends[i]!];
  }
}
