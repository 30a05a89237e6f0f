/**
 * Threads that help one: the leader runs the pass as it would alone, and whenever it comes to work that falls apart by page or by touch,
 * posts it in chunks that everybody takes, itself included. A helper knows addresses only: it never sees a run, a world, or the time.
 */
import type { Compress, SpaceReader } from '@workset/store';
import type { Arena, VectorLoops } from '../memory/arena.ts';
import { AT, checkHelpers, CLOSED, Control, LEADER_SPIN_MS, MAX_MEMBERS, PAGE_SLOTS, SETTLE, Spinner, type TeamSeat } from './control.ts';
import { Hand } from './hand.ts';
import { SHARED_LOOPS } from './loops.ts';
import { PageQueue, pageRoomFor } from './page-queue.ts';
import { PieceQueue, PieceWork, type PieceTables } from './piece-queue.ts';

/** Units of 32 pages: a chunk has so many or more, and what is less than two chunks is not shared out. */
const CHUNK_WORDS = 2048;
const MAX_CHUNKS = 64;
/** Raw bytes of the largest page of a page set, twice over: see page-set-buffer.ts of the store. */
const MAX_PAGE_BYTES = 2 * 64 * 8196;
const CHUNK_PAGES = 65536;

export class Team {
  /** The leader included. */
  readonly size: number;
  readonly seat: TeamSeat;
  readonly compress: Compress;
  readonly #control = new Control();
  readonly #arena: Arena;
  readonly #hand: Hand;
  readonly #pieceWork: PieceWork;
  readonly #pages: PageQueue;
  readonly #spinner = new Spinner(LEADER_SPIN_MS);
  #number = 0;

  /** @param arena that of the pass, with vector loops, which are shared out from now on */
  constructor(arena: Arena, nPages: number, helpers: number) {
    this.size = Math.min(MAX_MEMBERS, 1 + helpers);
    this.#arena = arena;
    this.seat = { control: this.#control.buffer, arena: arena.share()!, nPages };
    const { loops } = arena;
    this.#hand = new Hand(this.#control, loops);
    this.#pieceWork = new PieceWork(this.#control, arena, loops, () => undefined);
    arena.loops = this.#shared(loops);
    this.#pages = this.#pageQueue(nPages);
    this.compress = this.#pages.compress;
  }

  /** Nobody works any more. */
  dismiss(): void {
    const { ints } = this.#control;
    Atomics.store(ints, AT.dismissed, 1);
    Atomics.store(ints, AT.ticket, CLOSED);
    Atomics.notify(ints, AT.ticket);
  }

  /** Compresses a page of results that nobody has begun; false when there is none. */
  readonly compressOne = (): boolean => this.#pages.work();

  /** Says where the touches are that pieces are of; false when parts of their batches cannot be checked. */
  reads(space: SpaceReader): boolean {
    const places = space.touchPlaces();
    if (places === undefined) return false;
    const { ints } = this.#control;
    const { rowStart, n } = space.frames;
    ints[AT.fd] = places.fd;
    ints[AT.nBatches] = places.offsets.length;
    ints[AT.offsets] = this.#copied(places.offsets);
    ints[AT.nFrames] = n;
    ints[AT.rowStart] = this.#copied(rowStart);
    return true;
  }

  /** A queue for pieces of those touches, of so many slots, with such tables. */
  pieceQueue(slots: number, tables: PieceTables): PieceQueue {
    return new PieceQueue(this.#control, this.#arena, this.#pieceWork, { slots, tables, size: this.size, wake: () => this.#wake() });
  }

  /** Brings the bytes of the `n` oldest pieces of a queue, all stamped, into the stamps, and frees their tables. */
  settle(queue: PieceQueue, n: number, stamps: Int32Array): void {
    const words = stamps.length / 32;
    this.#post(SETTLE, this.#chunksOf(words), (chunks) => {
      this.#control.ints[AT.stamps] = stamps.byteOffset;
      queue.settles(n);
      this.#setWords(words, chunks);
    });
  }

  /** The same loops, those over many pages done by all. */
  #shared(loops: VectorLoops): VectorLoops {
    const shared: Record<string, (...args: readonly number[]) => number | void> = { ...(loops as object) };
    SHARED_LOOPS.forEach(({ name, words: place }, kind) => {
      const alone = loops[name] as (...args: readonly number[]) => number | void;
      shared[name] = (...args) => {
        const words = args[place]!;
        const chunks = this.#chunksOf(words);
        if (chunks < 2) return alone(...args);
        return this.#post(kind, chunks, () => {
          this.#control.ints.set(args, AT.args);
          this.#setWords(words, chunks);
        });
      };
    });
    return shared as unknown as VectorLoops;
  }

  #chunksOf(words: number): number {
    return Math.min(MAX_CHUNKS, Math.floor(words / CHUNK_WORDS));
  }
  #setWords(words: number, chunks: number): void {
    this.#control.ints[AT.words] = words;
    this.#control.ints[AT.chunkWords] = Math.ceil(words / chunks);
  }

  /** Has work done in chunks; returns the sum of what they return. */
  #post(kind: number, chunks: number, describe: (chunks: number) => void): number {
    const { ints } = this.#control;
    this.#number = (this.#number + 1) & 0x7f_ffff;
    Atomics.store(ints, AT.ticket, (this.#number << 8) | CLOSED);
    ints[AT.kind] = kind;
    ints[AT.chunks] = chunks;
    describe(chunks);
    Atomics.store(ints, AT.done, 0);
    Atomics.store(ints, AT.result, 0);
    Atomics.store(ints, AT.ticket, this.#number << 8);
    this.#wake();
    this.#hand.work();
    this.#awaitChunks(chunks);
    return Atomics.load(ints, AT.result);
  }

  #awaitChunks(chunks: number): void {
    const { ints } = this.#control;
    const isDone = (): boolean => Atomics.load(ints, AT.done) >= chunks;
    if (isDone() || this.#spinner.until(isDone)) return;
    const since = performance.now();
    Atomics.store(ints, AT.leaderSleeps, 1);
    for (let done = Atomics.load(ints, AT.done); done < chunks; done = Atomics.load(ints, AT.done)) {
      Atomics.wait(ints, AT.done, done, 20);
      checkHelpers(this.#control, since);
    }
    Atomics.store(ints, AT.leaderSleeps, 0);
  }

  #wake(): void {
    const { ints } = this.#control;
    if (Atomics.load(ints, AT.sleepers) > 0) Atomics.notify(ints, AT.ticket);
  }

  #pageQueue(nPages: number): PageQueue {
    const { ints } = this.#control;
    const chunks = Math.ceil(nPages / CHUNK_PAGES) + 1;
    const bytes = Math.ceil(pageRoomFor(Math.min(MAX_PAGE_BYTES, 2 * chunks * 8196)) / 8) * 8;
    ints[AT.pageRoomBytes] = bytes;
    ints[AT.pageRoom] = this.#arena.int32((PAGE_SLOTS * bytes) / 4).byteOffset;
    const haveOtherWork = (): boolean => this.#pieceWork.isWaiting;
    return new PageQueue(this.#control, this.#arena, () => this.#wake(), haveOtherWork);
  }

  /** Address of a copy in the arena. */
  #copied(values: Float64Array): number {
    const { byteOffset } = this.#arena.int32(2 * values.length);
    this.#arena.doublesAt(byteOffset, values.length).set(values);
    return byteOffset;
  }
}
