/**
 * A TLB in front of the stamps: set-associative, LRU, one per vCPU (kernel-semantics 1.3). An access that hits an entry cached
 * with A set does not walk, so it sets no A bit again: the blind spot of every access-bit scheme that clears without a flush.
 * A store that hits an entry cached as clean walks once more, to set D.
 */
import { BLOCK_SHIFT, KERNEL, WRITE, type PageBitmap } from '@workset/model';
import { Arena } from './arena.ts';
import type { StampMemory } from './stamps.ts';
import { ceilPowerOfTwo, KERNEL_TAG_SHIFT, MAX_TLB_VECTORS, TLB_HEADER_WORDS } from './tlb-code.ts';

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

const WAYS_PER_VECTOR = 4;

/** The translations of one page size. Tags hold `((kernel << 28) + entry + 1) << 1 | dirty`, most recent way first; 0 = empty. */
interface Sets {
  /** A header for the vector code, then the sets. */
  readonly tags: Int32Array;
  readonly mask: number;
}

export class Tlb {
  readonly #config: TlbConfig;
  readonly #walks: StampMemory;
  readonly #hugeBlocks: Int32Array | undefined;
  /** Tags from the start of one set to the start of the next. */
  readonly #stride: number;
  readonly #small: Sets;
  readonly #huge: Sets;
  #lastFlush = 0;

  /** @param walks where touches that miss are stamped */
  constructor(config: TlbConfig, walks: StampMemory, hugeBlocks?: PageBitmap) {
    this.#config = config;
    this.#walks = walks;
    const vectors = vectorsOf(config.ways);
    this.#stride = vectors <= MAX_TLB_VECTORS ? WAYS_PER_VECTOR * ceilPowerOfTwo(vectors) : config.ways;
    const isMixed = hugeBlocks !== undefined || walks.classBits > 2;
    this.#small = this.#sets(config.entries);
    this.#huge = this.#sets(isMixed ? config.hugeEntries : 1);
    if (!isMixed) return;
    this.#hugeBlocks = walks.arena.int32((walks.nPages >>> (BLOCK_SHIFT + 5)) + 1);
    if (hugeBlocks !== undefined) this.#hugeBlocks.set(hugeBlocks.words);
  }

  #sets(entries: number): Sets {
    const { ways } = this.#config;
    const nSets = 2 ** Math.max(0, Math.floor(Math.log2(Math.max(1, entries / ways))));
    const tags = this.#walks.arena.int32(TLB_HEADER_WORDS + nSets * this.#stride);
    for (let way = 0; way < WAYS_PER_VECTOR; way++) tags[way] = way <= (ways - 1) % WAYS_PER_VECTOR ? -1 : 0;
    return { tags, mask: nSets - 1 };
  }

  /** Applies rows [from, to) of frame `frame`; touches that miss are stamped into the walks. */
  apply(touches: Int32Array, from: number, to: number, frame: number): void {
    const { flushFrames } = this.#config;
    if (flushFrames > 0 && frame - this.#lastFlush >= flushFrames) this.flush(frame);
    if (from >= to) return;
    const { stamps } = this.#walks;
    const arena = Arena.loopsFor(touches, stamps);
    const isReachable =
      arena !== undefined && [this.#small.tags, this.#huge.tags, this.#hugeBlocks ?? stamps].every((column) => arena.owns(column));
    if (isReachable && vectorsOf(this.#config.ways) <= MAX_TLB_VECTORS) this.#applyVectors(arena, touches, from, to, frame);
    else if (this.#hugeBlocks === undefined) this.#applySmall(touches, from, to, frame);
    else this.#applyMixed(touches, from, to, frame, this.#hugeBlocks);
  }

  flush(frame: number): void {
    this.#small.tags.fill(0, TLB_HEADER_WORDS);
    this.#huge.tags.fill(0, TLB_HEADER_WORDS);
    this.#lastFlush = frame;
  }

  #applyVectors(arena: Arena, touches: Int32Array, from: number, to: number, frame: number): void {
    const { stamps, classBits } = this.#walks;
    const { small, huge } = { small: this.#small, huge: this.#huge };
    const { writeBit, kernelBit, strangers } = bitsOf(classBits);
    const vectors = vectorsOf(this.#config.ways);
    const common = [touches.byteOffset + from * 4, to - from, stamps.byteOffset, frame + 1, classBits, writeBit, kernelBit] as const;
    const sets = [small.tags.byteOffset, small.mask] as const;
    if (this.#hugeBlocks === undefined) arena.tlbLoop(vectors)(...common, ...sets);
    else arena.mixedTlbLoop(vectors)(...common, ...sets, strangers, this.#hugeBlocks.byteOffset, huge.tags.byteOffset, huge.mask);
  }

  #applySmall(touches: Int32Array, from: number, to: number, frame: number): void {
    const { stamps, classBits } = this.#walks;
    const { writeBit, kernelBit } = bitsOf(classBits);
    const { tags, mask } = this.#small;
    const { ways } = this.#config;
    const stride = this.#stride;
    for (let i = from | 0; i < to; i = (i + 1) | 0) {
      const touch = touches[i]!;
      const id = touch >>> classBits;
      const dirty = touch & writeBit;
      const tag = tagOf(touch & kernelBit, id, dirty);
      const base = TLB_HEADER_WORDS + Math.imul(id & mask, stride);
      const first = tags[base]!;
      // Same page as last time in this set, and no new D bit to set: the common hit.
      if ((first ^ tag) >>> 1 === 0 && (first & 1) >= dirty) continue;
      if (lookup(tags, base, ways, tag) === 0) stamps[touch] = (frame + 1) | 0;
    }
  }

  #applyMixed(touches: Int32Array, from: number, to: number, frame: number, hugeBlocks: Int32Array): void {
    const { stamps, classBits } = this.#walks;
    const { writeBit, kernelBit, strangers } = bitsOf(classBits);
    const { ways } = this.#config;
    for (let i = from; i < to; i++) {
      const touch = touches[i]!;
      // Devices, and threads of the host, have no part in the vCPU's translations.
      if ((touch & strangers) !== 0) continue;
      const id = touch >>> classBits;
      const block = id >>> BLOCK_SHIFT;
      const isHuge = ((hugeBlocks[block >>> 5]! >>> (block & 31)) & 1) === 1;
      const entry = isHuge ? block : id;
      const { tags, mask } = isHuge ? this.#huge : this.#small;
      const tag = tagOf(touch & kernelBit, entry, touch & writeBit);
      if (lookup(tags, TLB_HEADER_WORDS + Math.imul(entry & mask, this.#stride), ways, tag) === 0) stamps[touch] = frame + 1;
    }
  }
}

function vectorsOf(ways: number): number {
  return Math.ceil(ways / WAYS_PER_VECTOR);
}

function bitsOf(classBits: number): { writeBit: number; kernelBit: number; strangers: number } {
  return { writeBit: classBits > 0 ? 1 : 0, kernelBit: classBits > 1 ? KERNEL : 0, strangers: ((1 << classBits) - 1) & ~(WRITE | KERNEL) };
}

function tagOf(kernel: number, entry: number, dirty: number): number {
  return (((kernel << KERNEL_TAG_SHIFT) + entry + 1) << 1) | dirty;
}

/** 1 = hit that needs no walk. Moves or inserts the tag at the front of its set. */
function lookup(tags: Int32Array, base: number, ways: number, tag: number): number {
  let way = 0;
  let found = 0;
  for (; way < ways; way = (way + 1) | 0) {
    const known = tags[base + way]!;
    if ((known ^ tag) >>> 1 === 0) {
      found = known;
      break;
    }
  }
  const dirty = (found | tag) & 1;
  for (let j = way < ways ? way : ways - 1; j > 0; j = (j - 1) | 0) tags[base + j] = tags[base + j - 1]!;
  tags[base] = (tag & ~1) | dirty;
  return found !== 0 && (found & 1) === dirty ? 1 : 0;
}
