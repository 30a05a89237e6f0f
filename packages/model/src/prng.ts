/** xoshiro128** on int32 words (Blackman & Vigna): fast enough for hot loops, and the same on every machine. */
export class Prng {
  #a: number;
  #b: number;
  #c: number;
  #d: number;
  /** @param seed any string or integer; equal seeds give equal streams, different names give independent ones */
  constructor(seed: string | number) {
    let h = 0x811c9dc5;
    for (const char of String(seed)) h = Math.imul(h ^ char.codePointAt(0)!, 0x01000193);
    const next = (): number => {
      // splitmix32 finaliser
      h = (h + 0x9e3779b9) | 0;
      let z = h;
      z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
      z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
      return (z ^ (z >>> 16)) | 0;
    };
    this.#a = next();
    this.#b = next();
    this.#c = next();
    this.#d = next() | 1;
  }
  /** Uniform in [0, 2^32). */
  u32(): number {
    const x = Math.imul(this.#b, 5);
    const result = Math.imul((x << 7) | (x >>> 25), 9) >>> 0;
    const t = this.#b << 9;
    this.#c ^= this.#a;
    this.#d ^= this.#b;
    this.#b ^= this.#c;
    this.#a ^= this.#d;
    this.#c ^= t;
    this.#d = (this.#d << 11) | (this.#d >>> 21);
    return result;
  }
  /** The same as `n` calls of u32(), several times as fast. */
  fill(words: Uint32Array, n: number): void {
    let a = this.#a;
    let b = this.#b;
    let c = this.#c;
    let d = this.#d;
    for (let i = 0; i < n; i++) {
      const x = Math.imul(b, 5);
      words[i] = Math.imul((x << 7) | (x >>> 25), 9);
      const t = b << 9;
      c ^= a;
      d ^= b;
      b ^= c;
      a ^= d;
      c ^= t;
      d = (d << 11) | (d >>> 21);
    }
    this.#a = a;
    this.#b = b;
    this.#c = c;
    this.#d = d;
  }
  /** Uniform in [0, 1) with 53 bits. */
  unit(): number {
    return (this.u32() * 2097152 + (this.u32() >>> 11)) / 9007199254740992;
  }
  /** Uniform integer in [0, n), n up to 2^53. */
  below(n: number): number {
    return Math.floor(this.unit() * n);
  }
}
