/** LRU and OPT for the eviction runs of one space: the page string and the next uses are read once, each memory size is replayed once. */
import { PageBitmap, throwIfAborted } from '@workset/model';
import type { SpaceReader } from '@workset/store';
import { lruMisses, nextUses, optMisses, pageString, type NextUse, type PageString } from '../references/index.ts';
import type { PageRange } from '../scheme.ts';
import type { Evictor } from './evictor.ts';
import type { References } from './tally.ts';

interface Replayed {
  readonly string: PageString;
  readonly next: NextUse;
  readonly byMemory: Map<number, References>;
}

export class ReferenceRuns {
  readonly #space: SpaceReader;
  readonly #signal: AbortSignal | undefined;
  readonly #known = new Map<string, Replayed>();

  constructor(space: SpaceReader, signal: AbortSignal | undefined) {
    this.#space = space;
    this.#signal = signal;
  }

  /** Refaults of the references on what an evictor has replayed, with the memory it had. */
  of(evictor: Evictor, range: PageRange): References {
    const key = JSON.stringify([evictor.frames, range]);
    let replayed = this.#known.get(key);
    if (replayed === undefined) {
      const string = pageString(this.#space, { frames: evictor.frames, range, pinsLast: true, signal: this.#signal });
      this.#known.set(key, (replayed = { string, next: nextUses(string), byMemory: new Map() }));
    }
    throwIfAborted(this.#signal);
    const memory = evictor.memoryPages;
    let references = replayed.byMemory.get(memory);
    if (references === undefined) {
      const { string, next } = replayed;
      references = { lru: lruMisses(string, memory).refaults, opt: optMisses(string, memory, next).refaults };
      replayed.byMemory.set(memory, references);
    }
    return references;
  }
}

/** Pages of the range that the space holds touches of. */
export function footprintOf(space: SpaceReader, range: PageRange, signal?: AbortSignal): number {
  const { classBits, nPages } = space.info;
  const touched = new PageBitmap(nPages);
  const buffer = new Int32Array(space.batchRows);
  for (let batch = 0; batch < space.nBatches; batch++) {
    throwIfAborted(signal);
    const rows = space.readBatch(batch, buffer);
    for (let i = 0; i < rows; i++) {
      const id = buffer[i]! >>> classBits;
      touched.words[id >>> 5]! |= 1 << (id & 31);
    }
  }
  const tracked = new PageBitmap(nPages);
  tracked.addRange(range.from, range.to);
  return touched.and(tracked).count();
}
