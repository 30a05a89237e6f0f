/** The records of a quantum: the hot loop of the VMGT reader. */
import { BLOCK_PAGES, BLOCK_SHIFT, type TraceFormatError } from '@workset/model';
import { CodedColumn } from '../coded-touches.ts';
import { BLOCK_SLOTS, FrameBlocks, VirtualBlocks } from './vmgt-blocks.ts';
import { DAMAGED, MORE, type VmgtCursor } from './vmgt-cursor.ts';

/** More than three bytes of a page number can take away. */
const NO_BLOCK = 2 ** 24;
const PFN_MAX = 0x7fffffff;
/** User halves have at most 56 address bits. */
const VPN_MAX = 2 ** 44;

/** flags → mask of classes: user read or fetch 1, user write 2, kernel read or fetch 4, kernel write 8. */
const CLASS_MASK = Uint8Array.from(
  { length: 64 },
  (_, flags) => (flags & 5 ? 1 : 0) | (flags & 2 ? 2 : 0) | (flags & 40 ? 4 : 0) | (flags & 16 ? 8 : 0),
);

/** flags → mask of classes when all accesses went through the user address, else 0. */
const ONLY_USER = Uint8Array.from({ length: 256 }, (_, flags) => (flags > 7 ? 0 : CLASS_MASK[flags]!));
const LAST_IN_BLOCK = BLOCK_PAGES - 1;

/** Touches of the quantum read last, by frame and by virtual page. */
export class VmgtRecords {
  readonly gpa = new CodedColumn();
  readonly gva = new CodedColumn();
  readonly #frames = new FrameBlocks();
  readonly #blocks = new VirtualBlocks();

  get frameList(): FrameBlocks['list'] {
    return this.#frames.list;
  }
  get virtualList(): VirtualBlocks['list'] {
    return this.#blocks.list;
  }

  /**
   * n of { uv pfn_delta, u8 flags, [zv user_vpn_delta], [u8 first, u8 last], [u8 cpumask] }.
   * `skip` bytes follow each. Frames ascend, so each is new; a virtual page may come again, and then only its new classes are kept.
   */
  read(cursor: VmgtCursor, n: number, skip: number): void {
    const { bytes, end } = cursor;
    const blocks = this.#blocks;
    const frames = this.#frames;
    const stamp = blocks.nextStamp();
    const { slotFirst, slotBase } = blocks;
    let at = cursor.at;
    let pfn = -1;
    // The virtual page is `first + offset`; `first` is that of its block, whose pages have the ids from `base` on.
    // At first none: an offset so large is in no block, whatever is added to it.
    let first = -NO_BLOCK;
    let offset = NO_BLOCK;
    let base = 0;
    let seen = blocks.seen;
    let k = 0;
    let v = 0;
    let touches = this.gpa.touch;
    let vTouches = this.gva.touch;
    // The frame's block, and the first page id of it.
    let block = -1;
    let frameBase = 0;
    for (let i = 0; i < n; i++) {
      if ((i & 1023) === 0) {
        // n is not trusted: room is made as records are found.
        this.gpa.n = k;
        this.gpa.reserve(4 * 1024);
        touches = this.gpa.touch;
        this.gva.n = v;
        this.gva.reserve(2 * 1024);
        vTouches = this.gva.touch;
      }
      // The next frame through the next virtual page, by the user alone: what a walk through memory leaves.
      const flagsNext = bytes[at + 1]!;
      if (
        bytes[at] === 1 &&
        bytes[at + 2] === 2 &&
        ONLY_USER[flagsNext]! !== 0 &&
        (pfn & LAST_IN_BLOCK) !== LAST_IN_BLOCK &&
        offset < LAST_IN_BLOCK &&
        i > 0
      ) {
        pfn = (pfn + 1) | 0;
        offset = (offset + 1) | 0;
        at = (at + 3 + skip) | 0;
        const mask = ONLY_USER[flagsNext]!;
        const id = (base + offset) | 0;
        const state = seen[id]!;
        const known = state >> 2 === stamp ? state & 3 : 0;
        seen[id] = (stamp << 2) | known | mask;
        const fresh = mask & ~known;
        vTouches[v] = id << 2;
        v = (v + (fresh & 1)) | 0;
        vTouches[v] = (id << 2) | 1;
        v = (v + (fresh >> 1)) | 0;
        const touch = (frameBase + (pfn & LAST_IN_BLOCK)) << 2;
        touches[k] = touch;
        k = (k + (mask & 1)) | 0;
        touches[k] = touch | 1;
        k = (k + (mask >> 1)) | 0;
        if (at > end) throw MORE;
        continue;
      }
      let delta = bytes[at++]!;
      if (delta > 127) {
        const high = bytes[at]!;
        if (high < 128) {
          delta = (delta & 127) | (high << 7);
          at++;
        } else {
          cursor.at = at - 1;
          const wide = cursor.varint();
          at = cursor.at;
          if (wide > PFN_MAX) throw outOfRange(cursor, wide, at);
          delta = wide | 0;
        }
      }
      if (i === 0) pfn = delta;
      else if (delta === 0) throw at > end ? MORE : cursor.error('a page occurs twice in one quantum', DAMAGED, at - 1);
      else pfn = (pfn + delta) | 0;
      if (pfn < 0) throw at > end ? MORE : outOfRange(cursor, pfn + 2 ** 32, at);
      const flags = bytes[at++]!;
      if (flags === 0 || flags > 63) throw at > end ? MORE : cursor.error(`record flags 0x${flags.toString(16)}`, DAMAGED, at - 1);
      const mask = CLASS_MASK[flags]!;
      if ((flags & 7) !== 0) {
        let zigzag = bytes[at++]!;
        if (zigzag > 127) {
          const high = bytes[at]!;
          if (high < 128) {
            zigzag = (zigzag & 127) | (high << 7);
            at++;
          } else {
            const third = bytes[at + 1]!;
            if (third < 128) {
              zigzag = (zigzag & 127) | ((high & 127) << 7) | (third << 14);
              at += 2;
            } else {
              cursor.at = at - 1;
              const wide = cursor.varint();
              at = cursor.at;
              // Far away, perhaps by whole blocks: an offset that is in no block has it looked up.
              first += (wide % 2 === 0 ? wide / 2 : -(wide + 1) / 2) - BLOCK_PAGES;
              offset += BLOCK_PAGES;
              zigzag = 0;
            }
          }
        }
        offset = (offset + ((zigzag >> 1) ^ -(zigzag & 1))) | 0;
        if (offset >>> 0 >= BLOCK_PAGES) {
          const vpn = first + offset;
          if (vpn < 0 || vpn > VPN_MAX)
            throw at > end ? MORE : cursor.error(`page number out of range (frame ${pfn}, virtual page ${vpn})`, DAMAGED, at);
          offset = (vpn | 0) & (BLOCK_PAGES - 1);
          first = vpn - offset;
          const slot = ((vpn | 0) >>> 9) & (BLOCK_SLOTS - 1);
          if (slotFirst[slot] === first) base = slotBase[slot]!;
          else {
            // a number cut by the end of the bytes names a block that is not there
            if (at > end) throw MORE;
            base = blocks.base(first);
            seen = blocks.seen;
          }
        }
        const id = base + offset;
        const state = seen[id]!;
        const known = state >> 2 === stamp ? state & 3 : 0;
        seen[id] = (stamp << 2) | known | (mask & 3);
        const fresh = mask & 3 & ~known;
        vTouches[v] = id << 2;
        v += fresh & 1;
        vTouches[v] = (id << 2) | 1;
        v += fresh >> 1;
      }
      at += skip;
      if (at > end) throw MORE;
      if (pfn >>> BLOCK_SHIFT !== block) {
        block = pfn >>> BLOCK_SHIFT;
        frameBase = frames.base(block);
      }
      const touch = (frameBase + (pfn & (BLOCK_PAGES - 1))) << 2;
      // Written whether the class is there or not, kept only if it is: no branch to mispredict.
      touches[k] = touch;
      k += mask & 1;
      touches[k] = touch | 1;
      k += (mask >> 1) & 1;
      if (mask > 3) {
        touches[k] = touch | 2;
        k += (mask >> 2) & 1;
        touches[k] = touch | 3;
        k += mask >> 3;
      }
    }
    cursor.at = at;
    this.gpa.n = k;
    this.gva.n = v;
  }
}

function outOfRange(cursor: VmgtCursor, pfn: number, at: number): TraceFormatError {
  return cursor.error(`page number out of range (frame ${pfn})`, DAMAGED, at);
}
