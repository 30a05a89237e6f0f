/** Pieces of touches on their way into tables of bytes or bits: whoever is free reads and stamps one, the leader takes them in order. */
import type { Arena, VectorLoops } from '../memory/arena.ts';
import {
  AT,
  checkHelpers,
  GROUPS,
  LEADER_SPIN_MS,
  PART_VALUES,
  PARTS_PER_PIECE,
  PIECE_SLOTS,
  PIECE_VALUES,
  Posts,
  Spinner,
  type Control,
} from './control.ts';
import { bitsAddress, PieceStamper } from './piece-stamper.ts';

/** Rows [from, to) of the touches, of which the first is in `frame`. */
export interface Piece {
  readonly from: number;
  readonly to: number;
  readonly frame: number;
  /** Pieces of a group are stamped as bits, all alike; 0 = as bytes that count from `frame`. */
  readonly group: number;
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
const MAX_TABLES = 32;

/** Tables of pieces for a team of `size` threads, of `slots` bytes each: enough for the next interval while one is settled. */
export function tablesFor(size: number, slots: number): number {
  return Math.min(MAX_TABLES, Math.max(size, Math.min(TABLES_PER_THREAD * size, Math.floor(MAX_TABLE_BYTES / slots))));
}

/** Where pieces are stamped, in memory that all threads share. */
export interface PieceTables {
  /** Makes tables of a byte for each slot, of equal length, all zero; fewer than asked for when there is no room. */
  readonly bytes: (n: number) => readonly Uint8Array[];
  /** As many are made when they are first needed; 0 = nothing is stamped as bytes. */
  readonly nBytes: number;
  /** Room for GROUPS tables of bits for each thread. */
  readonly bits: Int32Array;
}

export interface QueueOptions {
  /** Of the stamps. */
  readonly slots: number;
  readonly tables: PieceTables;
  /** Threads. */
  readonly size: number;
  /** Makes sleeping helpers look. */
  readonly wake: () => void;
}

/** Words of room for the tables of bits of a team of `size` threads. */
export function bitWordsFor(size: number, slots: number): number {
  return GROUPS * size * bitWords(slots);
}
/** Words of a table of bits: whole rounds of the vector loops. */
function bitWords(slots: number): number {
  return 32 * Math.ceil(slots / 1024);
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
    const slot = n % PIECE_SLOTS;
    this.#stamper ??= new PieceStamper(this.#control, this.#arena, this.#loops, this.#between);
    pieces[slot * PIECE_VALUES + PARTS] = this.#stamper.stamp(slot);
    Atomics.store(ints, AT.pieceDone + slot, n + 1);
    return true;
  }
}
/** Which of the values of a piece says how many parts it was read in. */
const PARTS = 4;

/** The side of the leader. */
export class PieceQueue {
  readonly #control: Control;
  readonly #arena: Arena;
  readonly #work: PieceWork;
  readonly #tables: PieceTables;
  readonly #wake: () => void;
  #bytes: readonly Uint8Array[] | undefined;
  readonly #spinner = new Spinner(LEADER_SPIN_MS);
  #oldest = 0;
  #posted = 0;

  constructor(control: Control, arena: Arena, work: PieceWork, { slots, tables, size, wake }: QueueOptions) {
    const { ints } = control;
    this.#control = control;
    this.#arena = arena;
    this.#work = work;
    this.#wake = wake;
    ints[AT.slots] = slots;
    this.#tables = tables;
    ints[AT.maxMembers] = size;
    ints[AT.bits] = tables.bits.byteOffset;
    ints[AT.bitsBytes] = 4 * bitWords(slots);
  }

  /** Pieces can be stamped as bytes: there are tables from now on. */
  get stampsBytes(): boolean {
    this.#bytes ??= this.#tables.bytes(this.#tables.nBytes);
    return this.#bytes.length > 0 && this.#bytes.length === this.#tables.nBytes;
  }
  /** Pieces of a group, 0 = stamped as bytes, that can be on their way. */
  places(group: number): number {
    return group > 0 ? PIECE_SLOTS : this.#tables.nBytes;
  }
  hasRoomFor({ group }: Piece): boolean {
    return this.#posted - this.#oldest < this.places(group);
  }

  post({ from, to, frame, group }: Piece): void {
    const { ints, pieces } = this.#control;
    const slot = this.#posted % PIECE_SLOTS;
    pieces.set([from, to, frame, group, 0], slot * PIECE_VALUES);
    if (group === 0) ints[AT.tables + slot] = this.#bytes![this.#posted % this.#tables.nBytes]!.byteOffset;
    Atomics.store(ints, AT.piecesPosted, ++this.#posted);
    this.#wake();
  }

  /**
   * The parts of batches that the piece at place `i` was read in, counted from the oldest, once it is stamped; undefined when it could
   * not be read or holds what is no touch. Rather than wait, this thread stamps what nobody has begun, or does something `other`.
   */
  parts(i: number, other: () => boolean): BatchPart[] | undefined {
    const slot = this.#await(this.#oldest + i, other);
    const count = this.#control.pieces[slot * PIECE_VALUES + PARTS]!;
    return count < 0 ? undefined : Array.from({ length: count }, (_, part) => this.#part(slot, part));
  }

  /** The next settling is of the `n` oldest pieces, all stamped, whose tables it leaves all zero: they may be posted to again. */
  settles(n: number): void {
    const { ints } = this.#control;
    ints[AT.settleFirst] = this.#oldest;
    ints[AT.settleCount] = n;
    this.#oldest += n;
  }

  /** The `n` oldest pieces, all stamped as bits, have been looked at. */
  pass(n: number): void {
    this.#oldest += n;
  }
  /** Adds the bits of all pieces of a group, which all have been stamped. */
  gather(group: number, into: Int32Array): void {
    const { ints } = this.#control;
    for (let member = 0; member < ints[AT.members]!; member++) {
      const n = member * GROUPS + (group % GROUPS);
      if (Atomics.load(ints, AT.groups + n) === group) this.#arena.loops.orBits(into.byteOffset, bitsAddress(ints, n), into.length);
    }
  }

  /** Forgets the oldest piece, once it is stamped, and the bytes of its table. */
  discard(group: number, other: () => boolean): void {
    const slot = this.#await(this.#oldest++, other);
    const { ints } = this.#control;
    if (group === 0) this.#arena.loops.fill(ints[AT.tables + slot]!, ints[AT.slots]! / 128, 0);
  }

  #await(n: number, other: () => boolean): number {
    const { ints } = this.#control;
    const slot = n % PIECE_SLOTS;
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
