/** The 32-bit xxHash that LZ4 frames are summed with, seed 0. */
const P1 = 0x9e3779b1;
const P2 = 0x85ebca77;
const P3 = 0xc2b2ae3d;
const P4 = 0x27d4eb2f;
const P5 = 0x165667b1;

export class Xxh32 {
  #a = (P1 + P2) | 0;
  #b = P2 | 0;
  #c = 0;
  #d = -P1 | 0;
  #total = 0;
  /** Bytes that fill no stripe of 16 yet. */
  #rest: Buffer = Buffer.alloc(0);

  static of(bytes: Uint8Array): number {
    return new Xxh32().update(bytes).digest();
  }

  update(bytes: Uint8Array): this {
    this.#total += bytes.length;
    let from = 0;
    if (this.#rest.length > 0) {
      from = Math.min(16 - this.#rest.length, bytes.length);
      this.#rest = Buffer.concat([this.#rest, bytes.subarray(0, from)]);
      if (this.#rest.length < 16) return this;
      this.#stripes(this.#rest, 0, 16);
    }
    const end = from + ((bytes.length - from) & ~15);
    this.#stripes(bytes, from, end);
    this.#rest = Buffer.from(bytes.subarray(end));
    return this;
  }

  /** As an unsigned number. */
  digest(): number {
    const rest = this.#rest;
    let h = this.#total >= 16 ? (rotate(this.#a, 1) + rotate(this.#b, 7) + rotate(this.#c, 12) + rotate(this.#d, 18)) | 0 : P5;
    h = (h + this.#total) | 0;
    let i = 0;
    for (; i + 4 <= rest.length; i += 4) h = Math.imul(rotate((h + Math.imul(rest.readInt32LE(i), P3)) | 0, 17), P4);
    for (; i < rest.length; i++) h = Math.imul(rotate((h + Math.imul(rest[i]!, P5)) | 0, 11), P1);
    h = Math.imul(h ^ (h >>> 15), P2);
    h = Math.imul(h ^ (h >>> 13), P3);
    return (h ^ (h >>> 16)) >>> 0;
  }

  #stripes(bytes: Uint8Array, from: number, end: number): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    let [a, b, c, d] = [this.#a, this.#b, this.#c, this.#d];
    for (let i = from; i < end; i += 16) {
      a = round(a, view.getInt32(i, true));
      b = round(b, view.getInt32(i + 4, true));
      c = round(c, view.getInt32(i + 8, true));
      d = round(d, view.getInt32(i + 12, true));
    }
    this.#a = a;
    this.#b = b;
    this.#c = c;
    this.#d = d;
  }
}

function round(lane: number, word: number): number {
  return Math.imul(rotate((lane + Math.imul(word, P2)) | 0, 13), P1);
}

function rotate(word: number, by: number): number {
  return (word << by) | (word >>> (32 - by));
}
