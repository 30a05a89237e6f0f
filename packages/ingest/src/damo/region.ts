/** One element of a snapshot's `regions`, read without allocating: a recording holds millions of them. */
import { JsonDamage, NEED_MORE } from './cursor.ts';
import type { JsonCursor } from './cursor.ts';
import { damoBytes, damoCount, damoTimeNs } from './quantity.ts';
import { NumberPlaces, RegionTemplate } from './region-template.ts';

const QUOTE = 34;
const ZERO = 48;
const NINE = 57;
const COMMA = 44;
/** Places of the template's numbers. */
const [START, END, SAMPLES, INTERVALS, NOWHERE] = [0, 1, 2, 3, -1];
/** Digits that a double surely holds. */
const SAFE_DIGITS = 15;

/** Fields of the region read last. */
export class DamoRegion {
  startPage = 0;
  endPage = 0;
  /** Bounds were not multiples of 4096. */
  unaligned = false;
  /** -1 = null or absent. */
  samples = -1;
  percent = -1;
  ageIntervals = -1;
  ageUs = -1;
  #number = 0;
  readonly #template = new RegionTemplate();
  readonly #places = new NumberPlaces();

  /** Reads the object at the cursor; `view` is of the cursor's bytes. Throws NEED_MORE or JsonDamage. */
  read(cursor: JsonCursor, view: DataView): void {
    const from = cursor.pos;
    const to = this.#template.read(view, from, cursor.end);
    if (to > 0 && this.#takeValues()) {
      cursor.pos = to;
      return;
    }
    this.#places.clear();
    this.#readObject(cursor);
    this.#template.learn(cursor.bytes, from, cursor.pos, this.#places);
  }

  /** False when a bound is not that of a page. */
  #takeValues(): boolean {
    const { values } = this.#template;
    const start = values[0]! / 4096;
    const end = values[1]! / 4096;
    if (start !== Math.floor(start) || end !== Math.floor(end)) return false;
    this.startPage = start;
    this.endPage = end;
    this.samples = values[2]!;
    this.ageIntervals = values[3]!;
    this.percent = this.ageUs = -1;
    this.unaligned = false;
    return true;
  }

  #readObject(cursor: JsonCursor): void {
    this.startPage = this.endPage = -1;
    this.samples = this.percent = this.ageIntervals = this.ageUs = -1;
    this.unaligned = false;
    cursor.expect(123);
    for (let first = true; cursor.next(first, 125); first = false) {
      const from = cursor.skipString();
      const length = cursor.pos - 1 - from;
      const initial = cursor.bytes[from]!;
      cursor.expect(58);
      if (length === 5 && initial === 115) this.startPage = this.#page(cursor, START);
      else if (length === 3 && initial === 101) this.endPage = this.#page(cursor, END);
      else if (length === 11 && initial === 110) this.#pair(cursor, true);
      else if (length === 3 && initial === 97) this.#pair(cursor, false);
      else cursor.skipValue();
    }
    if (this.startPage < 0 || this.endPage < 0) throw new JsonDamage('a region without start and end');
  }

  /** nr_accesses {samples, percent} or age {usec, aggr_intervals}. */
  #pair(cursor: JsonCursor, accesses: boolean): void {
    if (cursor.peek() !== 123) {
      cursor.skipValue();
      return;
    }
    cursor.pos++;
    for (let first = true; cursor.next(first, 125); first = false) {
      const from = cursor.skipString();
      const initial = cursor.bytes[from]!;
      cursor.expect(58);
      if (accesses && initial === 115) this.samples = this.#count(cursor, SAMPLES);
      else if (accesses && initial === 112) this.percent = this.#other(this.#count(cursor, NOWHERE));
      else if (!accesses && initial === 97) this.ageIntervals = this.#count(cursor, INTERVALS);
      else if (!accesses && initial === 117) this.ageUs = this.#other(this.#age(cursor));
      else cursor.skipValue();
    }
  }

  /** A value that the template has no place for. */
  #other(value: number): number {
    if (value >= 0) this.#places.isOdd = true;
    return value;
  }

  /** Digits with commas, in quotes or not, up to SAFE_DIGITS; false leaves the cursor where it was. `place` is theirs in the template. */
  #plain(cursor: JsonCursor, place: number): boolean {
    const { bytes, end } = cursor;
    const quoted = cursor.peek() === QUOTE;
    let at = quoted ? cursor.pos + 1 : cursor.pos;
    let value = 0;
    let digits = 0;
    let byte = 0;
    for (; at < end; at++) {
      byte = bytes[at]!;
      if (byte >= ZERO && byte <= NINE) {
        value = value * 10 + (byte - ZERO);
        digits++;
      } else if (byte !== COMMA || !quoted) {
        break;
      }
    }
    if (at >= end) throw NEED_MORE;
    if (digits === 0 || digits > SAFE_DIGITS) return false;
    if (quoted ? byte !== QUOTE : byte === 46 || (byte | 32) === 101) return false;
    if (place !== NOWHERE) this.#places.add(place, quoted ? cursor.pos + 1 : cursor.pos, at);
    cursor.pos = quoted ? at + 1 : at;
    this.#number = value;
    return true;
  }

  #page(cursor: JsonCursor, place: number): number {
    const roundUp = place === END;
    if (this.#plain(cursor, place)) {
      const page = Math.floor(this.#number / 4096);
      if (page * 4096 === this.#number) return page;
      this.unaligned = true;
      return roundUp ? page + 1 : page;
    }
    const bytes = damoBytes(scalar(cursor) ?? '');
    if (bytes === null) throw new JsonDamage('a region bound that is no number');
    if ((bytes & 4095n) === 0n) return Number(bytes >> 12n);
    // 2^64-1 means the end of the address space
    if (bytes !== 2n ** 64n - 1n) this.unaligned = true;
    return Number((bytes + (roundUp ? 4095n : 0n)) >> 12n);
  }

  #count(cursor: JsonCursor, place: number): number {
    cursor.peek();
    if (cursor.skipNull()) return -1;
    if (this.#plain(cursor, place)) return this.#number;
    const text = scalar(cursor);
    if (text === null) return -1;
    const count = damoCount(text);
    if (count === null) throw new JsonDamage(`a count expected, found ${JSON.stringify(text)}`);
    return count;
  }

  #age(cursor: JsonCursor): number {
    cursor.peek();
    if (cursor.skipNull()) return -1;
    const text = scalar(cursor);
    if (text === null) return -1;
    const ns = damoTimeNs(text, 'us');
    if (ns === null) throw new JsonDamage(`a time expected, found ${JSON.stringify(text)}`);
    return Number(ns) / 1000;
  }
}

/** A string or number as text; null for null. */
function scalar(cursor: JsonCursor): string | null {
  const value = cursor.value();
  if (value === null || typeof value === 'string') return value;
  if (typeof value === 'object' && 'digits' in value) return value.digits;
  throw new JsonDamage('a number expected');
}
