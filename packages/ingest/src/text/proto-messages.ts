/** Length-prefixed protobuf messages with small varint fields, as gem5 writes them. */

/** Varint fields 0..15 of the last message: as number (inexact above 2^53), and as page and offset (exact). Absent = 0. */
export interface ProtoFields {
  readonly number: Float64Array;
  readonly page: Float64Array;
  readonly low: Int32Array;
}

/** Longer messages are damage: gem5's header is below 64 KiB, a packet below 100 bytes. */
const MAX_MESSAGE = 1 << 20;
const FIELDS = 16;

export class ProtoMessages {
  /** Why reading stopped. */
  broken: string | undefined;
  /** Stream offset of the next unread message. */
  offset: number;
  #bytes: Uint8Array = new Uint8Array(0);
  #pos = 0;
  #skip: number;
  readonly #fields: ProtoFields = { number: new Float64Array(FIELDS), page: new Float64Array(FIELDS), low: new Int32Array(FIELDS) };
  #number = 0;
  #page = 0;
  #low = 0;

  /** @param skip bytes of magic before the first message */
  constructor(skip: number) {
    this.#skip = skip;
    this.offset = skip;
  }

  /** Bytes of an unfinished message. */
  get pending(): number {
    return this.#bytes.length - this.#pos;
  }

  push(chunk: Uint8Array): void {
    const fresh = chunk.subarray(Math.min(this.#skip, chunk.length));
    this.#skip -= chunk.length - fresh.length;
    this.#bytes = Buffer.concat([this.#bytes.subarray(this.#pos), fresh]);
    this.#pos = 0;
  }

  /** The next whole message; undefined when more bytes are needed or `broken` is set. The same object every time. */
  next(): ProtoFields | undefined {
    if (this.broken !== undefined) return undefined;
    const body = this.#varint(this.#pos);
    if (body < 0) return undefined;
    const length = this.#number;
    if (length > MAX_MESSAGE) return this.#break(`a message of ${length} bytes`);
    if (body + length > this.#bytes.length) return undefined;
    this.#fields.number.fill(0);
    this.#fields.page.fill(0);
    this.#fields.low.fill(0);
    if (!this.#read(body, body + length)) return this.#break('an unknown field type');
    this.offset += body + length - this.#pos;
    this.#pos = body + length;
    return this.#fields;
  }

  #break(why: string): undefined {
    this.broken = why;
    return undefined;
  }

  #read(from: number, to: number): boolean {
    let pos = from;
    while (pos < to) {
      pos = this.#varint(pos);
      if (pos < 0) return false;
      const field = Math.floor(this.#number / 8);
      const type = this.#number % 8;
      if (type === 0) {
        pos = this.#varint(pos);
        if (pos < 0) return false;
        if (field < FIELDS) this.#keep(field);
      } else if (type === 2) {
        pos = this.#varint(pos);
        if (pos < 0) return false;
        pos += this.#number;
      } else if (type === 1 || type === 5) pos += type === 1 ? 8 : 4;
      else return false;
    }
    return pos === to;
  }

  #keep(field: number): void {
    this.#fields.number[field] = this.#number;
    this.#fields.page[field] = this.#page;
    this.#fields.low[field] = this.#low;
  }

  /** Reads one varint of up to 64 bits; the offset behind it, or -1 when bytes are missing. */
  #varint(from: number): number {
    let high = 0;
    let low = 0;
    for (let i = 0; i < 10; i++) {
      const byte = this.#bytes[from + i];
      if (byte === undefined) return -1;
      const bits = byte & 127;
      if (i < 4) low |= bits << (7 * i);
      else if (i === 4) {
        low |= bits << 28;
        high = bits >>> 4;
      } else high |= bits << (7 * i - 32);
      if (byte < 128) {
        this.#number = (high >>> 0) * 2 ** 32 + (low >>> 0);
        this.#page = (high >>> 0) * 2 ** 20 + (low >>> 12);
        this.#low = low & 4095;
        return from + i + 1;
      }
    }
    this.broken = 'a number of more than 10 bytes';
    return -1;
  }
}
