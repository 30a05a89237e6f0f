/** The touches of one quantum: pages with class masks (bit `1 << class`, model/src/access.ts), each page once, in order of first touch. */

import { ACTORS } from '@workset/model';

export class TouchSet {
  n = 0;
  page = new Float64Array(1024);
  mask = new Uint16Array(1024);
  /** Hash table with open addressing, at most half full: `#base + index`, in use when >= #base, so clear() costs nothing. */
  #slots = new Int32Array(4096);
  #base = 1;

  clear(): void {
    this.#base += this.n;
    this.n = 0;
    if (this.#base > 0x3fffffff) {
      this.#slots.fill(0);
      this.#base = 1;
    }
  }

  add(page: number, mask: number): void {
    if (this.n === this.page.length) this.#grow();
    const slots = this.#slots;
    const base = this.#base;
    const last = slots.length - 1;
    let slot = slotOf(page) & last;
    for (;;) {
      const at = slots[slot]! - base;
      if (at < 0) break;
      if (this.page[at] === page) {
        this.mask[at]! |= mask;
        return;
      }
      slot = (slot + 1) & last;
    }
    slots[slot] = base + this.n;
    this.page[this.n] = page;
    this.mask[this.n++] = mask;
  }

  #grow(): void {
    const { page, mask, n } = this;
    const size = 2 * page.length;
    this.page = new Float64Array(size);
    this.page.set(page);
    this.mask = new Uint16Array(size);
    this.mask.set(mask);
    const slots = new Int32Array(4 * size);
    const last = slots.length - 1;
    for (let i = 0; i < n; i++) {
      let slot = slotOf(page[i]!) & last;
      while (slots[slot] !== 0) slot = (slot + 1) & last;
      slots[slot] = this.#base + i;
    }
    this.#slots = slots;
  }
}

/** Neighbours get neighbouring slots: pages come in runs, and runs then never collide with themselves. */
function slotOf(page: number): number {
  const low = page | 0;
  return low ^ Math.imul(low >>> 12, 0x9e3779b1);
}

/** Reads and writes of every actor. */
const CLASSES = 2 * ACTORS.length;

/** Columns of touches, one row per page and class; reused from quantum to quantum. */
export class TouchColumns<Pages extends Float64Array | Uint32Array> {
  n = 0;
  page: Pages;
  cls = new Uint8Array(4096);
  readonly #make: (n: number) => Pages;

  constructor(make: (n: number) => Pages) {
    this.#make = make;
    this.page = make(4096);
  }

  /** Makes room for every class of `pages` more pages. */
  reserve(pages: number): void {
    const need = this.n + CLASSES * pages + 1;
    if (need <= this.cls.length) return;
    const size = Math.max(need, 2 * this.cls.length);
    const page = this.#make(size);
    page.set(this.page.subarray(0, this.n));
    this.page = page;
    const cls = new Uint8Array(size);
    cls.set(this.cls.subarray(0, this.n));
    this.cls = cls;
  }

  /** Replaces the rows by those of a set. */
  fill(touches: TouchSet): void {
    this.n = 0;
    this.reserve(touches.n);
    const { page, cls } = this;
    const from = touches.page;
    const masks = touches.mask;
    let k = 0;
    for (let i = 0; i < touches.n; i++) {
      const mask = masks[i]!;
      const p = from[i]!;
      if (mask > 15) {
        k = this.#everyClass(k, p, mask);
        continue;
      }
      // Written whether the class is there or not, kept only if it is: no branch to mispredict.
      page[k] = p;
      cls[k] = 0;
      k += mask & 1;
      page[k] = p;
      cls[k] = 1;
      k += (mask >> 1) & 1;
      if (mask < 4) continue;
      page[k] = p;
      cls[k] = 2;
      k += (mask >> 2) & 1;
      page[k] = p;
      cls[k] = 3;
      k += mask >> 3;
    }
    this.n = k;
  }

  /** A page that actors beyond the kernel touched. Returns the next row. */
  #everyClass(row: number, page: number, mask: number): number {
    for (let cls = 0; mask >> cls > 0; cls++) {
      if (((mask >> cls) & 1) === 0) continue;
      this.page[row] = page;
      this.cls[row++] = cls;
    }
    return row;
  }
}
