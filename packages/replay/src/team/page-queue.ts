/** Pages of results on their way through compression, in slots of shared memory: whoever is free compresses, the leader fetches. */
import { compressed } from '@workset/store/touches';
import type { Arena } from '../memory/arena.ts';
import { AT, checkHelpers, LEADER_SPIN_MS, PAGE_SLOTS, Posts, Spinner, type Control } from './control.ts';

/** Smaller pages are compressed at once. */
const MIN_BYTES = 4096;

/** Room for what compression may add to bytes that cannot be compressed. */
export function pageRoomFor(rawBytes: number): number {
  return rawBytes + (rawBytes >>> 7) + 1024;
}

/** The side of those who compress. */
export class PageWork {
  readonly #control: Control;
  readonly #arena: Arena;
  readonly #posts: Posts;

  constructor(control: Control, arena: Arena) {
    this.#control = control;
    this.#arena = arena;
    this.#posts = new Posts(control, AT.pagesPosted, AT.pagesTaken);
  }

  get isWaiting(): boolean {
    return this.#posts.isWaiting;
  }

  /** Takes one page, compresses it in its slot; false when there is none. */
  work(): boolean {
    const n = this.#posts.take();
    if (n === undefined) return false;
    const slot = n % PAGE_SLOTS;
    const bytes = compressed(this.raw(n));
    const { ints } = this.#control;
    this.#arena.bytesAt(this.#addressOf(slot), bytes.length).set(bytes);
    ints[AT.pageBytes + slot] = bytes.length;
    Atomics.store(ints, AT.pageDone + slot, n + 1);
    return true;
  }

  /** What page n holds: bytes to compress, or compressed ones. */
  raw(n: number): Uint8Array {
    const slot = n % PAGE_SLOTS;
    return this.#arena.bytesAt(this.#addressOf(slot), this.#control.ints[AT.pageBytes + slot]!);
  }

  #addressOf(slot: number): number {
    const { ints } = this.#control;
    return (ints[AT.pageRoom]! >>> 0) + slot * ints[AT.pageRoomBytes]!;
  }
}

interface Posted {
  bytes: Uint8Array | undefined;
}

/** The side of the leader. */
export class PageQueue {
  readonly #control: Control;
  readonly #work: PageWork;
  readonly #wake: () => void;
  readonly #haveOtherWork: () => boolean;
  readonly #posted: Posted[] = [];
  readonly #spinner = new Spinner(LEADER_SPIN_MS);
  #fetched = 0;
  #slab = Buffer.alloc(0);
  #slabUsed = 0;

  /**
   * @param wake makes sleeping helpers look
   * @param haveOtherWork true when helpers would not come to a page soon: then bringing it to them and back costs more than it gains
   */
  constructor(control: Control, arena: Arena, wake: () => void, haveOtherWork: () => boolean) {
    this.#haveOtherWork = haveOtherWork;
    this.#control = control;
    this.#work = new PageWork(control, arena);
    this.#wake = wake;
  }

  /** Compresses a page that nobody has begun; false when there is none. */
  work(): boolean {
    return this.#work.work();
  }

  /** Compress of the results store. */
  readonly compress = (raw: Uint8Array): (() => Uint8Array) => {
    const { ints } = this.#control;
    if (raw.length < MIN_BYTES || pageRoomFor(raw.length) > ints[AT.pageRoomBytes]! || this.#haveOtherWork()) {
      const bytes = compressed(raw);
      return () => bytes;
    }
    if (this.#posted.length === PAGE_SLOTS) this.#fetch();
    const n = this.#fetched + this.#posted.length;
    const slot = n % PAGE_SLOTS;
    ints[AT.pageBytes + slot] = raw.length;
    this.#work.raw(n).set(raw);
    const page: Posted = { bytes: undefined };
    this.#posted.push(page);
    Atomics.store(ints, AT.pagesPosted, n + 1);
    this.#wake();
    return () => {
      while (page.bytes === undefined) this.#fetch();
      return page.bytes;
    };
  };

  /** Takes the oldest page out of its slot, as soon as it is compressed. */
  #fetch(): void {
    const { ints } = this.#control;
    const n = this.#fetched;
    const page = this.#posted.shift()!;
    // Rather than wait, this thread does what nobody has begun.
    while (Atomics.load(ints, AT.pageDone + (n % PAGE_SLOTS)) !== n + 1) if (!this.#work.work()) this.#waitFor(n);
    page.bytes = this.#kept(this.#work.raw(n));
    this.#fetched++;
  }

  /** A copy; many share an allocation. */
  #kept(bytes: Uint8Array): Uint8Array {
    if (this.#slabUsed + bytes.length > this.#slab.length) {
      this.#slab = Buffer.allocUnsafeSlow(Math.max(SLAB_BYTES, bytes.length));
      this.#slabUsed = 0;
    }
    const copy = this.#slab.subarray(this.#slabUsed, (this.#slabUsed += bytes.length));
    copy.set(bytes);
    return copy;
  }

  #waitFor(n: number): void {
    const { ints } = this.#control;
    const slot = AT.pageDone + (n % PAGE_SLOTS);
    const since = performance.now();
    while (!this.#spinner.until(() => Atomics.load(ints, slot) === n + 1)) {
      checkHelpers(this.#control, since);
      // Its owner does not say when it is ready.
      Atomics.wait(ints, slot, Atomics.load(ints, slot), 1);
    }
  }
}

const SLAB_BYTES = 1 << 20;
