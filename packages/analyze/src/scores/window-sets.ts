/** The page sets of one window, chunk by chunk, as replay wrote them. */
import { CHUNK_BYTES } from '@workset/model';
import type { Scope, Target } from '@workset/model';
import { countAnd, countAnd3, countBits } from './popcount.ts';

export type Chunks = ReadonlyMap<number, Int32Array>;
const NONE: Chunks = new Map();

/** Set kinds that hold the truth and the edge of a target. */
export const KINDS_OF: Readonly<Record<Target, { readonly truth: string; readonly edge: string }>> = {
  touched: { truth: 'truth', edge: 'edge' },
  written: { truth: 'truth_writes', edge: 'edge_writes' },
};

/** Sizes of the sets of one window and their overlaps, in pages: all that scores need. */
export interface Overlaps {
  readonly nPages: number;
  readonly reported: number;
  readonly eligible: number;
  readonly truth: number;
  readonly edge: number;
  /** |D∩T| */
  readonly hit: number;
  /** |D∩E| */
  readonly reportedEdge: number;
  /** |T∩L| */
  readonly truthEligible: number;
  /** |D∩T∩L| */
  readonly hitEligible: number;
}

export class WindowSets {
  #sets = new Map<string, Map<number, Int32Array>>();
  #sizes = new Map<Chunks, number>();

  /** Adds one stored row; `bits` is 8192 bytes. */
  add(kind: string, scope: string, chunk: number, bits: Uint8Array): void {
    const key = `${kind} ${scope}`;
    let chunks = this.#sets.get(key);
    if (chunks === undefined) this.#sets.set(key, (chunks = new Map()));
    chunks.set(chunk, words(bits));
  }

  chunks(kind: string, scope: Scope | ''): Chunks {
    return this.#sets.get(`${kind} ${scope}`) ?? NONE;
  }

  /** Without an eligible set every page is eligible. */
  overlaps({ scope, target }: { readonly scope: Scope; readonly target: Target }, nPages: number): Overlaps {
    const reported = this.chunks('reported', '');
    const eligible = this.chunks('eligible', '');
    const truth = this.chunks(KINDS_OF[target].truth, scope);
    const edge = this.chunks(KINDS_OF[target].edge, scope);
    const nTruth = this.#size(truth);
    const hit = common(reported, truth);
    const all = eligible.size === 0;
    return {
      nPages,
      reported: this.#size(reported),
      eligible: all ? nPages : this.#size(eligible),
      truth: nTruth,
      edge: this.#size(edge),
      hit,
      reportedEdge: common(reported, edge),
      truthEligible: all ? nTruth : common(truth, eligible),
      hitEligible: all ? hit : common3(truth, reported, eligible),
    };
  }

  #size(set: Chunks): number {
    let n = this.#sizes.get(set);
    if (n === undefined) this.#sizes.set(set, (n = size(set)));
    return n;
  }
}

/** Bytes as int32 words; copied only when they are not aligned. */
function words(bits: Uint8Array): Int32Array {
  if (bits.length !== CHUNK_BYTES) throw new Error(`page set chunk of ${bits.length} bytes, not ${CHUNK_BYTES}`);
  const aligned = bits.byteOffset % 4 === 0 ? bits : bits.slice();
  return new Int32Array(aligned.buffer, aligned.byteOffset, CHUNK_BYTES / 4);
}

function size(set: Chunks): number {
  let n = 0;
  for (const chunk of set.values()) n += countBits(chunk);
  return n;
}

function common(a: Chunks, b: Chunks): number {
  let n = 0;
  for (const [chunk, bits] of a) {
    const other = b.get(chunk);
    if (other !== undefined) n += countAnd(bits, other);
  }
  return n;
}

function common3(a: Chunks, b: Chunks, c: Chunks): number {
  let n = 0;
  for (const [chunk, bits] of a) {
    const second = b.get(chunk);
    const third = c.get(chunk);
    if (second !== undefined && third !== undefined) n += countAnd3(bits, second, third);
  }
  return n;
}
