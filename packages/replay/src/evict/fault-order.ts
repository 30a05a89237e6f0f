/** Resident pages in the order they were faulted in: a ring of dense ids through slot nPages. */
export class FaultOrder {
  readonly #next: Int32Array;
  readonly #prev: Int32Array;
  readonly #head: number;

  constructor(nPages: number) {
    this.#head = nPages;
    this.#next = new Int32Array(nPages + 1).fill(-1);
    this.#prev = new Int32Array(nPages + 1).fill(-1);
    this.#next[nPages] = this.#prev[nPages] = nPages;
  }

  has(id: number): boolean {
    return this.#prev[id]! >= 0;
  }
  /** Adds a page as the newest; it must not be in the ring. */
  append(id: number): void {
    const newest = this.#prev[this.#head]!;
    this.#next[newest] = id;
    this.#prev[id] = newest;
    this.#next[id] = this.#head;
    this.#prev[this.#head] = id;
  }
  remove(id: number): void {
    this.#next[this.#prev[id]!] = this.#next[id]!;
    this.#prev[this.#next[id]!] = this.#prev[id]!;
    this.#next[id] = this.#prev[id] = -1;
  }
  /** The page faulted in after `id` (default: the oldest of all), -1 at the end. */
  after(id: number = this.#head): number {
    const next = this.#next[id]!;
    return next === this.#head ? -1 : next;
  }
}
