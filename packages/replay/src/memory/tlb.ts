/**
 * A TLB in front of the stamps: set-associative, LRU, one per vCPU (kernel-semantics 1.3). An access that hits an entry cached
 * with A set does not walk, so it sets no A bit again: the blind spot of every access-bit scheme that clears without a flush.
 * A store that hits an entry cached as clean walks once more, to set D.
 */
import { BLOCK_SHIFT, KERNEL, PINNED, type PageBitmap } from '@workset/model';
import type { StampMemory } from './stamps.ts';

export interface TlbConfig {
  /** Entries for 4 KiB pages. */
  readonly entries: number;
  /** Entries for 2 MiB pages. */
  readonly hugeEntries: number;
  readonly ways: number;
  /** Frames between flushes by context switches (no PCID, PTI); 0 = never. */
  readonly flushFrames: number;
}

export const DEFAULT_TLB: TlbConfig = { entries: 1536, hugeEntries: 1024, ways: 4, flushFrames: 0 };

/** Moves the kernel bit of a touch above every page number: the kernel's own mapping is another translation of the same page. */
const KERNEL_TAG_SHIFT = 27;

/** Tags hold `((kernel << 28) + entry + 1) << 1 | dirty`, most recent way first; 0 = empty. */
export class Tlb {
  readonly #config: TlbConfig;
  readonly #ways: number;
  readonly #small: Int32Array;
  readonly #smallMask: number;
  readonly #huge: Int32Array;
  readonly #hugeMask: number;
  #lastFlush = 0;

  constructor(config: TlbConfig) {
    this.#config = config;
    this.#ways = config.ways;
    this.#smallMask = setsOf(config.entries, config.ways) - 1;
    this.#hugeMask = setsOf(config.hugeEntries, config.ways) - 1;
    this.#small = new Int32Array((this.#smallMask + 1) * config.ways);
    this.#huge = new Int32Array((this.#hugeMask + 1) * config.ways);
  }

  /** Applies rows [from, to) of frame `frame`; touches that miss are stamped into `walks`. */
  apply(touches: Int32Array, from: number, to: number, frame: number, walks: StampMemory, hugeBlocks: PageBitmap | undefined): void {
    const { flushFrames } = this.#config;
    if (flushFrames > 0 && frame - this.#lastFlush >= flushFrames) this.flush(frame);
    if (hugeBlocks === undefined && walks.classBits < 3) this.#applySmall(touches, from, to, frame, walks);
    else this.#applyMixed(touches, from, to, frame, walks, hugeBlocks);
  }

  flush(frame: number): void {
    this.#small.fill(0);
    this.#huge.fill(0);
    this.#lastFlush = frame;
  }

  #applySmall(touches: Int32Array, from: number, to: number, frame: number, walks: StampMemory): void {
    const { stamps, classBits } = walks;
    const stamp = (frame + 1) | 0;
    const entries = this.#small;
    const mask = this.#smallMask;
    const ways = this.#ways;
    const writeBit = classBits > 0 ? 1 : 0;
    const kernelBit = classBits > 1 ? KERNEL : 0;
    for (let i = from | 0; i < to; i = (i + 1) | 0) {
      const touch = touches[i]!;
      const id = touch >>> classBits;
      const dirty = touch & writeBit;
      const tag = ((((touch & kernelBit) << KERNEL_TAG_SHIFT) + id + 1) << 1) | dirty;
      const base = Math.imul(id & mask, ways);
      const first = entries[base]!;
      // Same page as last time in this set, and no new D bit to set: the common hit.
      if ((first ^ tag) >>> 1 === 0 && (first & 1) >= dirty) continue;
      if (lookup(entries, base, ways, tag) === 0) stamps[touch] = stamp;
    }
  }

  #applyMixed(touches: Int32Array, from: number, to: number, frame: number, walks: StampMemory, hugeBlocks: PageBitmap | undefined): void {
    const { stamps, classBits } = walks;
    const stamp = (frame + 1) | 0;
    const writeBit = classBits > 0 ? 1 : 0;
    const kernelBit = classBits > 1 ? KERNEL : 0;
    const pinnedBit = classBits > 2 ? PINNED : 0;
    for (let i = from; i < to; i++) {
      const touch = touches[i]!;
      // A device has no part in the CPU's translations.
      if ((touch & pinnedBit) !== 0) continue;
      const id = touch >>> classBits;
      const huge = hugeBlocks?.has(id >>> BLOCK_SHIFT) ?? false;
      const entry = huge ? id >>> BLOCK_SHIFT : id;
      const tag = ((((touch & kernelBit) << KERNEL_TAG_SHIFT) + entry + 1) << 1) | (touch & writeBit);
      const hit = huge
        ? lookup(this.#huge, Math.imul(entry & this.#hugeMask, this.#ways), this.#ways, tag)
        : lookup(this.#small, Math.imul(entry & this.#smallMask, this.#ways), this.#ways, tag);
      if (hit === 0) stamps[touch] = stamp;
    }
  }
}

/** 1 = hit that needs no walk. Moves or inserts the tag at the front of its set. */
function lookup(entries: Int32Array, base: number, ways: number, tag: number): number {
  let way = 0;
  let found = 0;
  for (; way < ways; way = (way + 1) | 0) {
    const known = entries[base + way]!;
    if ((known ^ tag) >>> 1 === 0) {
      found = known;
      break;
    }
  }
  const dirty = (found | tag) & 1;
  for (let j = way < ways ? way : ways - 1; j > 0; j = (j - 1) | 0) entries[base + j] = entries[base + j - 1]!;
  entries[base] = (tag & ~1) | dirty;
  return found !== 0 && (found & 1) === dirty ? 1 : 0;
}

/** Sets, rounded down to a power of two. */
function setsOf(entries: number, ways: number): number {
  return 2 ** Math.max(0, Math.floor(Math.log2(Math.max(1, entries / ways))));
}
