/** The records of a quantum: plain ones in WebAssembly (vmgt-code.ts), all others one by one here, with every check. */
import { BLOCK_PAGES, BLOCK_SHIFT, type CodedTouches, type TraceFormatError } from '@workset/model';
import { FrameBlocks, VirtualBlocks } from './vmgt-blocks.ts';
import { CALL_RECORDS, INPUT_BYTES, PLACE, RECORD_BYTES_MAX } from './vmgt-code.ts';
import { DAMAGED, MORE, type VmgtCursor } from './vmgt-cursor.ts';
import { CLASS_MASK, type VmgtMemory } from './vmgt-memory.ts';

/** What most records take, and a margin: more is copied when it was not enough. */
const LIKELY_BYTES = 4;
const PFN_MAX = 0x7fffffff;
/** User halves have at most 56 address bits. */
const VPN_MAX = 2 ** 44;

/** A growing column of touches. */
class Column {
  n = 0;
  touch = new Int32Array(0);

  append(touches: Int32Array): void {
    const n = this.n + touches.length;
    if (n > this.touch.length) {
      const touch = new Int32Array(2 * n);
      touch.set(this.touch.subarray(0, this.n));
      this.touch = touch;
    }
    this.touch.set(touches, this.n);
    this.n = n;
  }
}

/** Touches by frame and by virtual page of the quanta read since `clear`. */
export class VmgtRecords {
  readonly #memory: VmgtMemory;
  readonly #frames: FrameBlocks;
  readonly #blocks: VirtualBlocks;
  #stamp = 0;
  /** Frame and virtual page of the last record. */
  #pfn = 0;
  #vpn = 0;
  /** Touches in the memory's columns, and how many of them are of whole quanta. */
  #k = 0;
  #v = 0;
  #wholeK = 0;
  #wholeV = 0;
  /** Of one quantum that does not fit the memory's columns. */
  #large: { readonly byFrame: Column; readonly byVirtual: Column } | undefined;

  /** @param memory for these records and their bytes alone */
  constructor(memory: VmgtMemory) {
    this.#memory = memory;
    this.#frames = new FrameBlocks(memory);
    this.#blocks = new VirtualBlocks(memory);
  }

  /** Numbers of touches of whole quanta. */
  get nByFrame(): number {
    return this.#large?.byFrame.n ?? this.#wholeK;
  }
  get nByVirtual(): number {
    return this.#large?.byVirtual.n ?? this.#wholeV;
  }
  /** Valid until the next call of `read`. */
  get byFrame(): CodedTouches {
    return { touch: this.#large?.byFrame.touch ?? this.#memory.byFrame, blocks: this.#frames.list.blocks };
  }
  get byVirtual(): CodedTouches {
    return { touch: this.#large?.byVirtual.touch ?? this.#memory.byVirtual, blocks: this.#blocks.list.blocks };
  }

  /** Whether a quantum of n records may be read into what is left of the columns; into empty ones always. */
  hasRoom(n: number): boolean {
    if (this.#large !== undefined) return false;
    if (this.#wholeK === 0) return true;
    return this.#wholeK + 4 * n <= 4 * CALL_RECORDS && this.#wholeV + 2 * n <= 2 * CALL_RECORDS;
  }

  clear(): void {
    this.#wholeK = this.#wholeV = 0;
    this.#large = undefined;
  }

  /**
   * n of { uv pfn_delta, u8 flags, [zv user_vpn_delta], [u8 first, u8 last], [u8 cpumask] }; n is not trusted.
   * `skip` bytes follow each. Frames ascend, so each is new; a virtual page may come again, and then only its new classes are kept.
   * When it throws, nothing of the quantum is kept.
   */
  read(cursor: VmgtCursor, n: number, skip: number): void {
    this.#stamp = this.#blocks.nextStamp();
    this.#pfn = this.#vpn = 0;
    this.#k = this.#wholeK;
    this.#v = this.#wholeV;
    if (n > CALL_RECORDS) return this.#readLarge(cursor, n, skip);
    this.#readPiece(cursor, n, skip, true);
    this.#wholeK = this.#k;
    this.#wholeV = this.#v;
  }

  #readLarge(cursor: VmgtCursor, n: number, skip: number): void {
    const large = { byFrame: new Column(), byVirtual: new Column() };
    for (let i = 0; i < n; i += CALL_RECORDS) {
      this.#k = this.#v = 0;
      this.#readPiece(cursor, Math.min(n - i, CALL_RECORDS), skip, i === 0);
      large.byFrame.append(this.#memory.byFrame.subarray(0, this.#k));
      large.byVirtual.append(this.#memory.byVirtual.subarray(0, this.#v));
    }
    this.#large = large;
  }

  #readPiece(cursor: VmgtCursor, records: number, skip: number, isFirst: boolean): void {
    for (let left = this.#plain(cursor, records, skip); left > 0; left = this.#plain(cursor, left - 1, skip)) {
      this.#one(cursor, skip, isFirst && left === records);
    }
  }

  /** Reads up to a record that is not plain, or to the last bytes at hand. Returns how many of `left` records are left. */
  #plain(cursor: VmgtCursor, left: number, skip: number): number {
    if (left === 0) return 0;
    if (cursor.isInMemory) return this.#run(cursor, PLACE.window + cursor.at, PLACE.window + cursor.end, left, skip);
    for (;;) {
      const bytes = Math.min(cursor.end - cursor.at, INPUT_BYTES, LIKELY_BYTES * left + 2 * RECORD_BYTES_MAX);
      this.#memory.input.set(cursor.bytes.subarray(cursor.at, cursor.at + bytes));
      const from = cursor.at;
      left = this.#run(cursor, PLACE.input, PLACE.input + bytes, left, skip);
      const isCut = cursor.at - from > bytes - RECORD_BYTES_MAX;
      if (left === 0 || !isCut || bytes <= RECORD_BYTES_MAX) return left;
    }
  }

  /** The same of the bytes [start, end) of the memory. */
  #run(cursor: VmgtCursor, start: number, end: number, left: number, skip: number): number {
    const { state } = this.#memory;
    state[4] = this.#vpn;
    state[5] = Math.floor(this.#vpn / 2 ** 32);
    const k = PLACE.byFrame + 4 * this.#k;
    const v = PLACE.byVirtual + 4 * this.#v;
    const isLeft = this.#memory.plain(start, end - RECORD_BYTES_MAX, left, skip, this.#stamp << 2, this.#pfn, k, v);
    cursor.at += state[0]! - start;
    this.#pfn = state[1]!;
    this.#k = (state[2]! - PLACE.byFrame) >> 2;
    this.#v = (state[3]! - PLACE.byVirtual) >> 2;
    this.#vpn = state[5]! * 2 ** 32 + (state[4]! >>> 0);
    return isLeft;
  }

  #one(cursor: VmgtCursor, skip: number, isFirst: boolean): void {
    const delta = cursor.varint();
    if (delta > PFN_MAX) throw outOfRange(cursor, delta);
    if (delta === 0 && !isFirst) throw cursor.error('a page occurs twice in one quantum', DAMAGED, cursor.at - 1);
    const pfn = this.#pfn + delta;
    if (pfn > PFN_MAX) throw outOfRange(cursor, pfn);
    const flags = cursor.byte();
    if (flags === 0 || flags > 63) throw cursor.error(`record flags 0x${flags.toString(16)}`, DAMAGED, cursor.at - 1);
    if ((flags & 7) !== 0) {
      const zigzag = cursor.varint();
      const vpn = this.#vpn + (zigzag % 2 === 0 ? zigzag / 2 : -(zigzag + 1) / 2);
      if (vpn < 0 || vpn > VPN_MAX) throw cursor.error(`page number out of range (frame ${pfn}, virtual page ${vpn})`, DAMAGED, cursor.at);
      this.#vpn = vpn;
    }
    // a number cut by the end of the bytes names a block that is not there
    if (cursor.at + skip > cursor.end) throw MORE;
    cursor.at += skip;
    this.#pfn = pfn;
    const mask = CLASS_MASK[flags]!;
    if ((flags & 7) !== 0) this.#touchVirtual(mask & 3);
    const touch = (this.#frames.base(pfn >>> BLOCK_SHIFT) + (pfn & (BLOCK_PAGES - 1))) << 2;
    for (let cls = 0; cls < 4; cls++) if ((mask & (1 << cls)) !== 0) this.#memory.byFrame[this.#k++] = touch | cls;
  }

  #touchVirtual(mask: number): void {
    const block = Math.floor(this.#vpn / BLOCK_PAGES);
    const id = this.#blocks.base(block) + (this.#vpn - block * BLOCK_PAGES);
    const { seen, byVirtual } = this.#memory;
    const state = seen[id]!;
    const known = state >> 2 === this.#stamp ? state & 3 : 0;
    seen[id] = (this.#stamp << 2) | known | mask;
    for (let cls = 0; cls < 2; cls++) if ((mask & ~known & (1 << cls)) !== 0) byVirtual[this.#v++] = (id << 2) | cls;
  }
}

function outOfRange(cursor: VmgtCursor, pfn: number): TraceFormatError {
  return cursor.error(`page number out of range (frame ${pfn})`, DAMAGED, cursor.at);
}
