/**
 * Exact LRU stack distances in one pass: how many different pages were touched since the last touch of this one, itself included.
 *
 * Every page has one slot on a time axis, that of its last touch; a bitmap says which slots are in use, a Fenwick tree counts them by
 * groups of 128 (Bennett and Kruskal 1975, with the axis renumbered when it is full, so memory does not grow with the trace).
 */
import { popcount } from '@workset/model';

/** Slots per page: more slots, fewer renumberings. */
const SLOTS_PER_PAGE = 4;
const SLOTS_MIN = 1 << 12;
const GROUP_SHIFT = 7;
const GROUP_MASK = (1 << GROUP_SHIFT) - 1;
/** Touches counted in 32 bits before they are added to the wide counts. */
const RECENT_MAX = 2 ** 30;
const SLOTS_MAX = 2 ** 30;

export class StackDistances {
  readonly #counts: Float64Array;
  /** First touches: distance infinite. */
  cold = 0;
  touches = 0;
  readonly #slots: number;
  /** 1 + slot of each page's last touch; 0 = none. */
  readonly #slotOf: Int32Array;
  readonly #pageOf: Int32Array;
  readonly #used: Int32Array;
  /** Fenwick tree, from index 1, over the groups of slots that time has filled. */
  readonly #tree: Int32Array;
  readonly #one = new Int32Array(1);
  #distance = 0;
  #now = 0;
  /** Slots in use in those groups. */
  #counted = 0;
  #fresh = 0;
  readonly #recent: Int32Array;
  #nRecent = 0;

  /** @param nPages page ids are below this */
  constructor(nPages: number) {
    this.#slots = Math.max(SLOTS_MIN, Math.min(SLOTS_MAX, 2 ** Math.ceil(Math.log2(SLOTS_PER_PAGE * nPages + 1))));
    this.#slotOf = new Int32Array(nPages);
    this.#pageOf = new Int32Array(this.#slots);
    this.#used = new Int32Array(this.#slots >>> 5);
    this.#tree = new Int32Array((this.#slots >>> GROUP_SHIFT) + 1);
    this.#counts = new Float64Array(nPages + 1);
    this.#recent = new Int32Array(nPages + 1);
  }

  /** counts[d] touches had distance d, 1 <= d <= pages. */
  get counts(): Float64Array {
    this.#flush();
    return this.#counts;
  }

  /** Takes touches [from, to); a page id is `touch >>> shift`. */
  push(touches: Int32Array, from: number, to: number, shift: number): void {
    for (let i = from | 0; i < to;) {
      if (this.#now === this.#slots) this.#renumber();
      const n = Math.min(to - i, this.#slots - this.#now) | 0;
      this.#pushSome(touches, i, (i + n) | 0, shift | 0);
      i = (i + n) | 0;
    }
    this.touches += to - from;
    this.#nRecent += to - from;
    if (this.#nRecent > RECENT_MAX) this.#flush();
  }

  #flush(): void {
    for (let d = 0; d < this.#recent.length; d++) this.#counts[d]! += this.#recent[d]!;
    this.#recent.fill(0);
    this.#nRecent = 0;
  }

  /** Takes one touch; returns its distance, 0 for a first touch. */
  next(page: number): number {
    const { cold } = this;
    this.#one[0] = page;
    this.push(this.#one, 0, 1, 0);
    return this.cold > cold ? 0 : this.#distance;
  }

  #pushSome(touches: Int32Array, from: number, to: number, shift: number): void {
    const slotOf = this.#slotOf;
    const pageOf = this.#pageOf;
    const used = this.#used;
    const tree = this.#tree;
    const size = tree.length | 0;
    const counts = this.#recent;
    let now = this.#now | 0;
    let counted = this.#counted | 0;
    /** Slots in use in the group being filled. */
    let fresh = this.#fresh | 0;
    let cold = 0;
    let distance = 0;
    for (let i = from | 0; i < to; i = (i + 1) | 0) {
      const page = touches[i]! >>> shift;
      const slot = (slotOf[page]! - 1) | 0;
      if (slot < 0) cold = (cold + 1) | 0;
      else {
        const word = slot >>> 5;
        const bits = used[word]!;
        distance = popcount(bits >>> (slot & 31));
        used[word] = bits & ~(1 << (slot & 31));
        for (let k = (word + 1) | 0, end = (word | 3) + 1; k < end; k = (k + 1) | 0) distance = (distance + popcount(used[k]!)) | 0;
        const group = slot >>> GROUP_SHIFT;
        if (group === now >>> GROUP_SHIFT) fresh = (fresh - 1) | 0;
        else {
          distance = (distance + counted + fresh) | 0;
          for (let k = (group + 1) | 0; k > 0; k = k & (k - 1)) distance = (distance - tree[k]!) | 0;
          for (let k = (group + 1) | 0; k < size; k = (k + (k & -k)) | 0) tree[k] = (tree[k]! - 1) | 0;
          counted = (counted - 1) | 0;
        }
        counts[distance] = (counts[distance]! + 1) | 0;
      }
      used[now >>> 5]! |= 1 << (now & 31);
      pageOf[now] = page;
      now = (now + 1) | 0;
      slotOf[page] = now;
      fresh = (fresh + 1) | 0;
      if ((now & GROUP_MASK) === 0) {
        for (let k = now >>> GROUP_SHIFT; k < size; k = (k + (k & -k)) | 0) tree[k] = (tree[k]! + fresh) | 0;
        counted = (counted + fresh) | 0;
        fresh = 0;
      }
    }
    this.#now = now;
    this.#counted = counted;
    this.#fresh = fresh;
    this.#distance = distance;
    this.cold += cold;
  }

  /** Moves the slots in use to the start of the axis, in order. */
  #renumber(): void {
    const used = this.#used;
    const pageOf = this.#pageOf;
    let next = 0;
    for (let word = 0; word < used.length; word = (word + 1) | 0) {
      for (let bits = used[word]!; bits !== 0; bits &= bits - 1) {
        const page = pageOf[(word << 5) + (31 - Math.clz32(bits & -bits))]!;
        pageOf[next] = page;
        next = (next + 1) | 0;
        this.#slotOf[page] = next;
      }
    }
    used.fill(0);
    used.fill(-1, 0, next >>> 5);
    if ((next & 31) !== 0) used[next >>> 5] = (1 << (next & 31)) - 1;
    const tree = this.#tree;
    tree.fill(0);
    for (let k = 1; k < tree.length; k = (k + 1) | 0) {
      tree[k]! += k <= next >>> GROUP_SHIFT ? 1 << GROUP_SHIFT : 0;
      const up = (k + (k & -k)) | 0;
      if (up < tree.length) tree[up]! += tree[k]!;
    }
    this.#now = next;
    this.#counted = next & ~GROUP_MASK;
    this.#fresh = next & GROUP_MASK;
  }
}
