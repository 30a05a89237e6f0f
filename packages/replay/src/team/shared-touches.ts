/**
 * Touches that a team applies: cut into pieces that are stamped side by side, also while the leader still looks at what came before
 * them, and settled in order when their time has come.
 */
import assert from 'node:assert/strict';
import { BATCH_ROWS } from '@workset/store/touches';
import { RECENT_FRAMES, type StampColumn } from '../memory/stamp-column.ts';
import { GROUPS, INTERVALS_AHEAD, PARTS_PER_PIECE } from './control.ts';
import type { BatchPart, Piece, PieceQueue, PieceTables } from './piece-queue.ts';
import type { Team } from './team.ts';

/** So that they lie in as many batches as a piece can have parts. */
const PIECE_ROWS = (PARTS_PER_PIECE - 1) * BATCH_ROWS;
/** Of touches stamped alike: a short piece is soon there when it is waited for. */
const ALIKE_ROWS = 3 << 18;
/** Fewer touches than this are applied by one thread. */
const SHARED_TOUCHES = 1 << 18;

/** Frames that are next. */
export interface Interval {
  readonly first: number;
  readonly end: number;
  /** Nobody will ask in which of its frames a touch was. */
  readonly isAlike: boolean;
}

/** Pieces that have been applied. */
export interface Settled {
  readonly pieces: readonly Piece[];
  /** Of batches, which they were read in; undefined when one could not be read. */
  readonly parts: readonly BatchPart[] | undefined;
  /** The frames whose touches have got one stamp, with these as the last ones. */
  readonly alike?: { readonly first: number; readonly end: number } | undefined;
}

export class SharedTouches {
  readonly #team: Team;
  readonly #column: StampColumn;
  readonly #rowStart: Float64Array;
  readonly #queue: PieceQueue;
  #lastGroup = 0;
  /** First piece of the group whose pieces are being looked at. */
  #groupStart: Piece | undefined;
  /** In the queue, in order; those that nobody wants any more come to nothing. */
  #posted: { readonly piece: Piece; isWanted: boolean }[] = [];
  #pending: Piece[] = [];
  /** The ends that were expected of the next intervals. */
  #guesses: readonly number[] = [];
  /** So many of the intervals expected are stamped in advance: those up to the last wrong guess, and more with every right one. */
  #trusted = INTERVALS_AHEAD;

  constructor(team: Team, column: StampColumn, tables: PieceTables, rowStart: Float64Array) {
    this.#team = team;
    this.#column = column;
    this.#rowStart = rowStart;
    this.#queue = team.pieceQueue(column.length, tables);
  }

  /** An interval is next, and behind it probably others. False when one thread is as quick: `settle` nothing then. */
  aim(interval: Interval, expected: readonly Interval[]): boolean {
    const rowStart = this.#rowStart;
    const { first, end } = interval;
    this.#keepRightGuesses([end, ...expected.map((guess) => guess.end)]);
    if (!interval.isAlike) this.#giveUpFrom(this.#ahead.find(({ group, from }) => group > 0 && from < rowStart[end]!)?.from ?? Infinity);
    const last = this.#last;
    if (last === undefined && !this.#isWorthSharing(interval)) return false;
    this.#cut(last?.to ?? rowStart[first]!, interval, last?.group ?? 0);
    for (const guess of expected.slice(0, this.#trusted)) {
      if (!this.#isWorthSharing(guess)) break;
      this.#cut(this.#last!.to, guess, 0);
    }
    this.#post();
    return true;
  }

  /** Gives up what was stamped for intervals that do not come: the next ones end here. */
  #keepRightGuesses(ends: readonly number[]): void {
    const wrong = this.#guesses.findIndex((guess, i) => guess !== ends[i]);
    this.#guesses = ends.slice(1);
    this.#trusted = wrong < 0 ? Math.min(INTERVALS_AHEAD, this.#trusted + 1) : wrong;
    if (wrong > 0) this.#giveUpFrom(this.#rowStart[ends[wrong - 1]!]!);
    if (wrong !== 0) return;
    this.#uncutAt(this.#rowStart[ends[0]!]!);
    // Of what is left the first interval is part of the one that comes instead.
    const ahead = this.#ahead;
    this.#giveUpFrom(ahead.find(({ group }) => group !== ahead[0]!.group)?.from ?? Infinity);
  }

  /** Settles some of the frames before `end`, the oldest ones; undefined when all are. */
  settle(end: number): Settled | undefined {
    const endRow = this.#rowStart[end]!;
    this.#dropUnwanted();
    const group = this.#posted[0]?.piece.group ?? 0;
    const due = this.#posted.findIndex(({ piece, isWanted }) => !isWanted || piece.to > endRow || piece.group !== group);
    // Half of the places at most: others are stamped meanwhile.
    const n = Math.min(due < 0 ? this.#posted.length : due, Math.max(1, this.#queue.places(group) >> 1));
    if (n === 0) return undefined;
    const pieces = this.#posted.splice(0, n).map(({ piece }) => piece);
    const parts: BatchPart[] = [];
    for (let i = 0; i < n; i++) {
      const ofPiece = this.#queue.parts(i, this.#team.compressOne);
      if (ofPiece === undefined) return { pieces, parts: undefined };
      parts.push(...ofPiece);
    }
    if (group === 0) this.#team.settle(this.#queue, n, this.#column.stamps);
    else this.#queue.pass(n);
    this.#post();
    if (group > 0) this.#groupStart ??= pieces[0]!;
    if (group === 0 || this.#ahead[0]?.group === group) return { pieces, parts };
    return { pieces, parts, alike: this.#gather(group, end) };
  }

  /** Keeps the bits of a group of which all pieces have been stamped. */
  #gather(group: number, end: number): { readonly first: number; readonly end: number } {
    const bits = this.#column.takeBits()!;
    this.#queue.gather(group, bits);
    const { frame: first, from } = this.#groupStart!;
    this.#groupStart = undefined;
    // The bits do not say all of a frame of which the beginning was stamped as bytes.
    this.#column.keepBits(from > this.#rowStart[first]! ? first + 1 : first, end, bits);
    return { first, end };
  }

  /** Gives up what is stamped in advance: whoever looks at single touches applies them from now on. */
  drop(): void {
    this.#giveUpFrom(-Infinity);
    this.#dropUnwanted();
    this.#guesses = [];
  }

  #isWorthSharing({ first, end, isAlike }: Interval): boolean {
    const rows = this.#rowStart[end]! - this.#rowStart[first]!;
    if (rows < SHARED_TOUCHES) return false;
    return isAlike ? this.#column.isWorthBits(rows) : rows >= this.#column.length / 4 && this.#queue.stampsBytes;
  }

  get #wanted(): Piece[] {
    return this.#posted.flatMap(({ piece, isWanted }) => (isWanted ? [piece] : []));
  }
  /** All that are not settled yet. */
  get #ahead(): Piece[] {
    return [...this.#wanted, ...this.#pending];
  }
  get #last(): Piece | undefined {
    return this.#pending.at(-1) ?? this.#wanted.at(-1);
  }

  /** Gives up the piece that a row cuts, or all of its group, and what comes after it: the touches up to there are wanted first. */
  #uncutAt(row: number): void {
    const ahead = this.#ahead;
    const beyond = ahead.find(({ to }) => to > row);
    const from = beyond === undefined || beyond.group === 0 ? beyond?.from : ahead.find(({ group }) => group === beyond.group)!.from;
    if (from !== undefined && from < row) this.#giveUpFrom(from);
  }
  /** Gives up what starts at the row, and what comes after it. */
  #giveUpFrom(row: number): void {
    for (const posted of this.#posted) if (posted.piece.from >= row) posted.isWanted = false;
    this.#pending = this.#pending.filter(({ from }) => from < row);
  }

  #dropUnwanted(): void {
    while (this.#posted[0]?.isWanted === false) {
      const { piece } = this.#posted.shift()!;
      this.#queue.discard(piece.group, this.#team.compressOne);
    }
    this.#post();
  }

  #post(): void {
    while (this.#pending.length > 0 && this.#queue.hasRoomFor(this.#pending[0]!)) {
      const piece = this.#pending.shift()!;
      this.#queue.post(piece);
      this.#posted.push({ piece, isWanted: true });
    }
  }

  #newGroup(): number {
    const taken = new Set(this.#ahead.flatMap(({ group }) => (group > 0 ? [group % GROUPS] : [])));
    assert(taken.size < GROUPS, 'a thread has no more tables than that');
    do this.#lastGroup++;
    while (taken.has(this.#lastGroup % GROUPS));
    return this.#lastGroup;
  }

  /** Cuts rows from `row` on up to the end of an interval, where `row` may be before its start: equal shares for all threads, of as many frames as a table tells apart. `group` goes on when they are alike; 0 = a new one begins. */
  #cut(row: number, { first, end, isAlike }: Interval, group: number): void {
    const rowStart = this.#rowStart;
    const rest = rowStart[end]! - row;
    if (rest <= 0) return;
    const size = this.#team.size;
    const start = frameOf(rowStart, first, end, row);
    const most = isAlike ? ALIKE_ROWS : Math.min(PIECE_ROWS, (rest / (end - start)) * RECENT_FRAMES);
    const rows = Math.ceil(rest / (size * Math.ceil(rest / (size * most))));
    const ofAll = !isAlike ? 0 : group > 0 ? group : this.#newGroup();
    for (let from = row; from < rowStart[end]!;) {
      const frame = frameOf(rowStart, start, end, from);
      const to = Math.min(from + rows, rowStart[isAlike ? end : Math.min(end, frame + RECENT_FRAMES)]!);
      this.#pending.push({ from, to, frame, group: ofAll });
      from = to;
    }
  }
}

/** The last frame of [first, end) that starts at `row` or earlier: the one that holds it. */
function frameOf(rowStart: Float64Array, first: number, end: number, row: number): number {
  let low = first;
  let high = end - 1;
  while (low < high) {
    const middle = (low + high + 1) >>> 1;
    if (rowStart[middle]! <= row) low = middle;
    else high = middle - 1;
  }
  return low;
}
