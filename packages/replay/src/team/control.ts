/** What the threads of a team share beside the arena: the work that is posted, and what came of it. */
import type { SharedArena } from '../memory/arena.ts';

/** A helper's place; it can be sent to a worker. */
export interface TeamSeat {
  readonly control: SharedArrayBuffer;
  readonly arena: SharedArena;
  readonly nPages: number;
}

/** Most threads of a team. */
export const MAX_MEMBERS = 32;
/** Most pieces of touches that are on their way: piece n has slot n % PIECE_SLOTS. */
export const PIECE_SLOTS = 128;
/** Most parts of batches that a piece of touches can have. */
export const PARTS_PER_PIECE = 4;
/** Pages that wait for compression, or for being fetched. */
export const PAGE_SLOTS = 16;

/** Int32 words of the control. */
export const AT = {
  /** Number of the posted work << 8 | its next chunk; CLOSED as a chunk while the work is being described. */
  ticket: 0,
  /** Chunks done of the posted work. */
  done: 1,
  sleepers: 2,
  dismissed: 3,
  /** 1 = a helper could not go on. */
  failed: 4,
  /** 1 while the leader sleeps until `done` changes. */
  leaderSleeps: 5,
  kind: 6,
  chunks: 7,
  /** Sum of what the chunks returned. */
  result: 8,
  /** Of loops: units of 32 pages in all and in a chunk, and the arguments. */
  words: 9,
  chunkWords: 10,
  args: 11,
  /** Of pieces of touches: the file, and where in the arena its batch offsets and first rows of frames are. */
  fd: 20,
  offsets: 21,
  nBatches: 22,
  rowStart: 23,
  nFrames: 24,
  /** Slots of the stamps. */
  slots: 25,
  /** Pieces posted and taken so far. */
  piecesPosted: 27,
  piecesTaken: 28,
  /** Of settling bytes: the stamps, the first piece, and how many. */
  stamps: 29,
  settleFirst: 30,
  settleCount: 31,
  /** Threads that stamp, so far and at most. */
  members: 36,
  maxMembers: 39,
  /** Where the tables of bits are, GROUPS for each thread, and how many bytes apart. */
  bits: 37,
  bitsBytes: 38,
  /** Pages posted and taken so far. */
  pagesPosted: 32,
  pagesTaken: 33,
  pageRoom: 34,
  pageRoomBytes: 35,
  /** Of each page slot: bytes in it, and 1 + the number of the page that is compressed in it. */
  pageBytes: 40,
  pageDone: 56,
  /** Of each piece slot: the address of its table of bytes, and 1 + the number of the piece that is stamped. */
  tables: 72,
  pieceDone: 72 + PIECE_SLOTS,
  /** Of each table of bits: the group of pieces that it holds. */
  groups: 72 + 2 * PIECE_SLOTS,
} as const;
/** So many intervals are stamped in advance, at most: enough for a helper while the leader looks at the one before them. */
export const INTERVALS_AHEAD = 2;
/** Groups of pieces that are on their way: of an interval, and of those that are probably next. */
export const GROUPS = 1 + INTERVALS_AHEAD;
const INTS = AT.groups + GROUPS * MAX_MEMBERS;

/**
 * Float64 values per piece slot: first and last row, first frame, the group whose pieces are stamped as bits into one table of each
 * thread, 0 when it is bytes, and afterwards the parts it has, or -1 when it could not be read.
 */
export const PIECE_VALUES = 5;

export const CLOSED = 255;

/** Views on the shared control. */
export class Control {
  readonly buffer: SharedArrayBuffer;
  readonly ints: Int32Array;
  /** PIECE_VALUES per slot. */
  readonly pieces: Float64Array;
  /** Batch, rows before and in the part, sums a and b, PARTS_PER_PIECE times per slot. */
  readonly parts: BigInt64Array;

  constructor(buffer?: SharedArrayBuffer) {
    const piecesAt = INTS * 4;
    const partsAt = piecesAt + PIECE_SLOTS * PIECE_VALUES * 8;
    this.buffer = buffer ?? new SharedArrayBuffer(partsAt + PIECE_SLOTS * PARTS_PER_PIECE * PART_VALUES * 8);
    this.ints = new Int32Array(this.buffer, 0, INTS);
    this.pieces = new Float64Array(this.buffer, piecesAt, PIECE_SLOTS * PIECE_VALUES);
    this.parts = new BigInt64Array(this.buffer, partsAt);
  }
}
export const PART_VALUES = 5;

/** Kinds of work: a loop by its number, or one of these. */
export const SETTLE = 1000;

/** What the leader posts one after the other, each to be taken by one. */
export class Posts {
  readonly #ints: Int32Array;
  readonly #posted: number;
  readonly #taken: number;

  /** @param posted,taken where the numbers are counted */
  constructor({ ints }: Control, posted: number, taken: number) {
    this.#ints = ints;
    this.#posted = posted;
    this.#taken = taken;
  }

  /** Something is posted that nobody has taken. */
  get isWaiting(): boolean {
    return Atomics.load(this.#ints, this.#taken) !== Atomics.load(this.#ints, this.#posted);
  }
  /** The number of the oldest, which is this thread's now. */
  take(): number | undefined {
    for (;;) {
      const n = Atomics.load(this.#ints, this.#taken);
      if (n === Atomics.load(this.#ints, this.#posted)) return undefined;
      if (Atomics.compareExchange(this.#ints, this.#taken, n, n + 1) === n) return n;
    }
  }
}

/** Looks at shared words again and again, for a while: a sleeping thread of a virtual machine wakes up late, and to cold caches. */
export class Spinner {
  readonly #maxMs: number;
  #ms: number;

  constructor(maxMs: number) {
    this.#maxMs = maxMs;
    this.#ms = maxMs;
  }

  /** Looks until `holds`; false when it gave up. */
  until(holds: () => boolean): boolean {
    let last = performance.now();
    const end = last + this.#ms;
    for (;;) {
      for (let look = 0; look < 32; look++) if (holds()) return this.#grow();
      const now = performance.now();
      // Somebody else had the processor meanwhile, and would have it again.
      if (now - last > STOLEN_MS) this.#ms = Math.max(MIN_SPIN_MS, this.#ms / 2);
      if (now > end || now - last > STOLEN_MS) return false;
      last = now;
    }
  }

  #grow(): true {
    this.#ms = Math.min(this.#maxMs, this.#ms * 1.1);
    return true;
  }
}

/**
 * Throws when a helper failed, or when `since` (performance.now) is so long ago that one must have: what it threw is heard of when
 * the pass ends.
 */
export function checkHelpers({ ints }: Control, since: number): void {
  if (Atomics.load(ints, AT.failed) === 1) throw new Error('a helper thread of the replay failed');
  if (performance.now() - since > ANSWER_MS) throw new Error('a helper thread of the replay has not answered for a minute');
}
const ANSWER_MS = 60_000;

/** How long the leader waits awake, ms. */
export const LEADER_SPIN_MS = 2;
const STOLEN_MS = 0.5;
const MIN_SPIN_MS = 0.05;
