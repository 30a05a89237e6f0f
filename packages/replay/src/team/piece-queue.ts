/** Pieces of touches on their way into tables of bytes: whoever is free reads and stamps one, the leader settles them in order. */
import type { Arena, VectorLoops } from '../memory/arena.ts';
import {
  ALIKE,
  AT,
  checkHelpers,
  LEADER_SPIN_MS,
  PART_VALUES,
  PARTS_PER_PIECE,
  PIECE_SLOTS,
  PIECE_VALUES,
  Posts,
  Spinner,
  type Control,
} from './control.ts';
import { PieceStamper } from './piece-stamper.ts';

/** Rows [from, to) of the touches, of which the first is in `frame`; stamped as bits, or as bytes that count from that frame. */
export interface Piece {
  readonly from: number;
  readonly to: number;
  readonly frame: number;
  readonly isAlike: boolean;
}
/** Rows of one batch, with their sums. */
export interface BatchPart {
  readonly batch: number;
  /** Rows of the batch before it. */
  readonly before: number;
  readonly rows: number;
  readonly a: bigint;
  readonly b: bigint;
}

/** Tables together have about so many bytes at most, but there is one for each thread. */
const MAX_TABLE_BYTES = 64 << 20;
const TABLES_PER_THREAD = 8;

/** Tables of pieces for a team of `size` threads, of `slots` bytes each: enough for the next interval while one is settled. */
export function tablesFor(size: number, slots: number): number {
  return Math.min(PIECE_SLOTS, Math.max(size, Math.min(TABLES_PER_THREAD * size, Math.floor(MAX_TABLE_BYTES / slots))));
}

/** The side of those who stamp. */
export class PieceWork {
  readonly #control: Control;
  readonly #arena: Arena;
  readonly #loops: VectorLoops;
  readonly #between: () => void;
  readonly #posts: Posts;
  #stamper: PieceStamper | undefined;

  constructor(control: Control, arena: Arena, loops: VectorLoops, between: () => void) {
    this.#between = between;
    this.#posts = new Posts(control, AT.piecesPosted, AT.piecesTaken);
    this.#control = control;
    this.#arena = arena;
    this.#loops = loops;
  }

  get isWaiting(): boolean {
    return this.#posts.isWaiting;
  }

  /** Takes the oldest piece and stamps it; false when there is none. */
  work(): boolean {
    const { ints, pieces } = this.#control;
    const n = this.#posts.take();
    if (n === undefined) return false;
    const slot = n % ints[AT.nTables]!;
    this.#stamper ??= new PieceStamper(this.#control, this.#arena, this.#loops, this.#between);
    pieces[slot * PIECE_VALUES + 3] = this.#stamper.stamp(slot);
    Atomics.store(ints, AT.pieceDone + slot, n + 1);
    return true;
  }

  /** Zeros `bytes`, a multiple of 128. */
  clear(address: number, bytes: number): void {
    this.#loops.fill(address, bytes / 128, 0);
  }
}

/** The side of the leader. */
export class PieceQueue {
  readonly #control: Control;
  readonly #work: PieceWork;
  readonly #wake: () => void;
  readonly #spinner = new Spinner(LEADER_SPIN_MS);
  #oldest = 0;
  #posted = 0;

  /**
   * @param tables of equal length, all zero
   * @param wake makes sleeping helpers look
   */
  constructor(control: Control, work: PieceWork, tables: readonly Uint8Array[], wake: () => void) {
    const { ints } = control;
    this.#control = control;
    this.#work = work;
    this.#wake = wake;
    ints[AT.slots] = tables[0]!.length;
    ints[AT.nTables] = tables.length;
    tables.forEach(({ byteOffset }, i) => (ints[AT.tables + i] = byteOffset));
  }

  get hasRoom(): boolean {
    return this.#posted - this.#oldest < this.#control.ints[AT.nTables]!;
  }

  post({ from, to, frame, isAlike }: Piece): void {
    const { ints, pieces } = this.#control;
    const slot = this.#posted % ints[AT.nTables]!;
    pieces.set([from, to, frame, 0], slot * PIECE_VALUES);
    ints[AT.bases + slot] = isAlike ? ALIKE : frame;
    Atomics.store(ints, AT.piecesPosted, ++this.#posted);
    this.#wake();
  }

  /**
   * The parts of batches that the piece at place `i` was read in, counted from the oldest, once it is stamped; undefined when it could
   * not be read or holds what is no touch. Rather than wait, this thread stamps what nobody has begun, or does something `other`.
   */
  parts(i: number, other: () => boolean): BatchPart[] | undefined {
    const slot = this.#await(this.#oldest + i, other);
    const count = this.#control.pieces[slot * PIECE_VALUES + 3]!;
    return count < 0 ? undefined : Array.from({ length: count }, (_, part) => this.#part(slot, part));
  }

  /** The next settling is of the `n` oldest pieces, all stamped, whose tables it leaves all zero: they may be posted to again. */
  settles(n: number): void {
    const { ints } = this.#control;
    ints[AT.settleFirst] = this.#oldest;
    ints[AT.settleCount] = n;
    this.#oldest += n;
  }

  /** Forgets the oldest piece, once it is stamped, and what its table holds. */
  discard(other: () => boolean): void {
    const slot = this.#await(this.#oldest++, other);
    const { ints } = this.#control;
    this.#work.clear(ints[AT.tables + slot]!, ints[AT.slots]!);
  }

  #await(n: number, other: () => boolean): number {
    const { ints } = this.#control;
    const slot = n % ints[AT.nTables]!;
    const at = AT.pieceDone + slot;
    const since = performance.now();
    while (Atomics.load(ints, at) !== n + 1) {
      if (this.#work.work() || other() || this.#spinner.until(() => Atomics.load(ints, at) === n + 1)) continue;
      checkHelpers(this.#control, since);
      // Who stamps it does not say when it is ready.
      Atomics.wait(ints, at, Atomics.load(ints, at), 1);
    }
    return slot;
  }

  #part(slot: number, part: number): BatchPart {
    const at = (slot * PARTS_PER_PIECE + part) * PART_VALUES;
    const [batch, before, rows, a, b] = this.#control.parts.subarray(at, at + PART_VALUES) as unknown as [
      bigint,
      bigint,
      bigint,
      bigint,
      bigint,
    ];
    return { batch: Number(batch), before: Number(before), rows: Number(rows), a: BigInt.asUintN(64, a), b: BigInt.asUintN(64, b) };
  }
}
