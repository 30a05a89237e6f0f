/**
 * The fast way through a trace text: most lines begin like one of the last few, apart from the digits of the time.
 *
 *          toucher  3332 [001]   751.584279: exceptions:page_fault_user: address=0x7f12..
 *   [------- before -----------]  digits   [------- between -----------]^ body
 */
import { digits, isComparable, keepBytes, nineDigits, sameBytes, shortNumber, sixDigits } from './digits.ts';
import type { HeadReader } from './head.ts';

/** Threads that take turns; a line that fits none costs a glance at each. */
const SLOTS = 16;
const MAX_BEFORE = 96;
const MAX_BETWEEN = 96;
/** Digits of seconds: the most a signed 32-bit number holds. */
const SECONDS_MAX = 9;

interface Layout {
  /** What is before the time, then the seconds and the dot of the line it was learned from or matched last. */
  readonly before: DataView;
  beforeLength: number;
  secondDigits: number;
  seconds: number;
  decimals: number;
  readonly between: DataView;
  betweenLength: number;
  kind: number;
  tid: number;
  cpu: number;
}

/** Remembers the layouts of the last lines that `HeadReader` could read. */
export class LayoutCache {
  /** Time of the last match. */
  timeNs = 0;
  /** Event kind, thread and CPU of the last match: those of the line it was learned from. */
  kind = -1;
  tid = -1;
  cpu = -1;
  #view: DataView = new DataView(new ArrayBuffer(0));
  readonly #slots: Layout[] = [];
  #current = 0;
  #oldest = 0;
  /** Lines name their events: one that does not is damaged, and would fit those that do. */
  #isNamed = false;

  /** The bytes of the following matches. */
  get view(): DataView {
    return this.#view;
  }
  bind(bytes: Uint8Array): void {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  /** @returns where the body begins, or -1; bytes[end - 1] must be a line feed */
  match(bytes: Uint8Array, from: number, end: number): number {
    const slots = this.#slots;
    let at = this.#current;
    for (let tries = slots.length; tries > 0; tries--) {
      const body = this.#try(slots[at]!, bytes, from, end);
      if (body >= 0) {
        this.#current = at;
        return body;
      }
      at = at + 1 === slots.length ? 0 : at + 1;
    }
    return -1;
  }

  #try(layout: Layout, bytes: Uint8Array, from: number, end: number): number {
    const { beforeLength, secondDigits, decimals, betweenLength } = layout;
    const view = this.#view;
    const dot = from + beforeLength + secondDigits;
    const colon = dot + decimals + 1;
    if (colon + betweenLength >= end || bytes[colon] !== 58) return -1;
    if (!sameBytes(layout.before, view, from, beforeLength + secondDigits + 1) && !this.#nextSecond(layout, bytes, from, dot)) return -1;
    const fraction = decimals === 6 ? sixDigits(view, dot + 1) : nineDigits(view, dot + 1);
    if (fraction < 0 || !sameBytes(layout.between, view, colon + 1, betweenLength)) return -1;
    this.timeNs = layout.seconds * 1e9 + (decimals === 6 ? fraction * 1000 : fraction);
    this.kind = layout.kind;
    this.tid = layout.tid;
    this.cpu = layout.cpu;
    return colon + 1 + betweenLength;
  }

  /** The line's seconds into the layout, when the rest before the dot is the same. */
  #nextSecond(layout: Layout, bytes: Uint8Array, from: number, dot: number): boolean {
    const { beforeLength, secondDigits } = layout;
    const start = dot - secondDigits;
    if (bytes[dot] !== 46 || !sameBytes(layout.before, this.#view, from, beforeLength)) return false;
    const seconds = shortNumber(this.#view, start, dot + 1);
    if (seconds < 0 || digits.end !== dot) return false;
    layout.seconds = seconds;
    for (let i = 0; i < secondDigits; i++) layout.before.setUint8(beforeLength + i, bytes[start + i]!);
    return true;
  }

  /** Keeps the layout of the line `head` has just read. */
  learn(head: HeadReader, bytes: Uint8Array, from: number, kind: number): void {
    const { timeFrom, timeColon, body, eventFrom, eventTo } = head;
    // a line torn behind the name or inside it fits others, too
    if ((eventFrom === eventTo && this.#isNamed) || bytes[body - 1] !== 32) return;
    if (eventFrom < eventTo && !this.#isNamed) {
      this.#isNamed = true;
      this.#slots.length = this.#current = this.#oldest = 0;
    }
    let dot = timeFrom;
    while (bytes[dot] !== 46) dot++;
    const beforeLength = timeFrom - from;
    const betweenLength = body - timeColon - 1;
    const secondDigits = dot - timeFrom;
    if (beforeLength > MAX_BEFORE || betweenLength > MAX_BETWEEN || betweenLength < 1 || secondDigits > SECONDS_MAX) return;
    if (!isComparable(bytes, from, timeFrom) || !isComparable(bytes, timeColon, body)) return;
    const seconds = shortNumber(this.#view, timeFrom, dot + 1);
    if (seconds < 0 || digits.end !== dot) return;
    const slot = this.#freeSlot();
    keepBytes(slot.before, bytes, from, dot + 1);
    slot.seconds = seconds;
    slot.beforeLength = beforeLength;
    slot.secondDigits = secondDigits;
    slot.decimals = timeColon - dot - 1;
    keepBytes(slot.between, bytes, timeColon + 1, body);
    slot.betweenLength = betweenLength;
    slot.kind = kind;
    slot.tid = head.tid;
    slot.cpu = head.cpu;
  }

  #freeSlot(): Layout {
    if (this.#slots.length < SLOTS) {
      const fresh = {
        before: new DataView(new ArrayBuffer(MAX_BEFORE + SECONDS_MAX + 1)),
        beforeLength: 0,
        secondDigits: 0,
        seconds: 0,
        decimals: 0,
        between: new DataView(new ArrayBuffer(MAX_BETWEEN)),
        betweenLength: 0,
        kind: -1,
        tid: -1,
        cpu: -1,
      };
      this.#slots.push(fresh);
      return fresh;
    }
    this.#oldest = (this.#oldest + 1) % SLOTS;
    return this.#slots[this.#oldest]!;
  }
}

/** Offset of the next line feed, which is expected near. bytes[end - 1] must be one. */
export function lineFeedFrom(bytes: Buffer, from: number): number {
  const near = from + 24;
  let pos = from;
  while (pos < near) {
    if (bytes[pos] === 10) return pos;
    pos++;
  }
  return bytes.indexOf(10, pos);
}
