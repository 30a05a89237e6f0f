/** Memory that trackers watch: it exists even where the trace has no touch of it. */
import type { Observation, SpaceId } from '@workset/model';

/** A range larger than this is a mistake: 4 TiB. */
export const RANGE_PAGES_MAX = 2 ** 30;

type Declare = (space: SpaceId, startPage: number, nPages: number) => void;
type Reported = Pick<Observation, 'reported' | 'eligible' | 'regions'>;

export class WatchedMemory {
  readonly #declare: Declare;
  /** Of virtual address spaces: declared at the end, and only when there are no touches to tell which pages exist. */
  readonly #virtual = new Map<SpaceId, Intervals>();

  constructor(declare: Declare) {
    this.#declare = declare;
  }

  /** Physical regions tile the memory of the machine; virtual ones have holes that nobody maps, and bits begin where a dump does. */
  add(space: SpaceId, { reported, eligible, regions }: Reported): void {
    if (space === 'gpa') {
      for (let i = 0; i < (regions?.startPage.length ?? 0); i++) this.#declareOne(space, regions!.startPage[i]!, regions!.nPages[i]!);
      return;
    }
    let seen = this.#virtual.get(space);
    if (seen === undefined) this.#virtual.set(space, (seen = new Intervals()));
    for (let i = 0; i < (regions?.startPage.length ?? 0); i++)
      seen.add(regions!.startPage[i]!, regions!.startPage[i]! + regions!.nPages[i]!);
    for (const bits of [reported, eligible]) if (bits !== null) seen.add(bits.startPage, bits.startPage + bits.nPages);
  }

  /** @param touched spaces that have touches */
  finish(touched: { has(space: SpaceId): boolean }): void {
    for (const [space, seen] of this.#virtual) {
      if (touched.has(space)) continue;
      for (const [start, end] of seen) this.#declareOne(space, start, end - start);
    }
  }

  #declareOne(space: SpaceId, startPage: number, nPages: number): void {
    if (nPages > 0 && nPages <= RANGE_PAGES_MAX) this.#declare(space, startPage, nPages);
  }
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

  *[Symbol.iterator](): IterableIterator<[start: number, end: number]> {
    for (let i = 0; i < this.#starts.length; i++) yield [this.#starts[i]!, this.#ends[i]!];
  }
}
