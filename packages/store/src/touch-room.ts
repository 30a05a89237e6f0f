/** Room for the batches of a touch file being written, where vector loops move and sum them. */
import { assemble, Instance, Memory, Module } from '@workset/model/wasm';
import type { BlockMoves } from './block-order.ts';
import { LANES_BYTES, moveAndSumCode, ROUND_WORDS, sumCode, TouchSums } from './touch-sums.ts';

interface Loops {
  sum(touches: number, rounds: number, out: number): void;
  moveAndSum(touches: number, rounds: number, out: number, table: number, bits: number): void;
}

/** Blocks of 512 pages whose moves the loops can look up: 512 GiB of touched memory. More are moved in JavaScript. */
const TABLE_BLOCKS = 1 << 18;
const WASM_PAGE = 65536;

export class TouchRoom {
  readonly batches: readonly Int32Array<ArrayBuffer>[];
  readonly #loops: Loops;
  readonly #lanes: Int32Array<ArrayBuffer>;
  readonly #table: Int32Array<ArrayBuffer>;
  #moves: BlockMoves = null;
  #bits = 0;

  constructor(nBatches: number, batchRows: number) {
    const tableAt = nBatches * batchRows * 4;
    const lanesAt = tableAt + TABLE_BLOCKS * 4;
    const pages = Math.ceil((lanesAt + LANES_BYTES) / WASM_PAGE);
    const memory = new Memory({ initial: pages, maximum: pages });
    compiled ??= new Module(assemble([sumCode(), moveAndSumCode()], MAX_WASM_PAGES, false));
    this.#loops = new Instance<Loops>(compiled, { env: { memory } }).exports;
    this.batches = Array.from({ length: nBatches }, (_, i) => new Int32Array(memory.buffer, i * batchRows * 4, batchRows));
    this.#table = new Int32Array(memory.buffer, tableAt, TABLE_BLOCKS);
    this.#lanes = new Int32Array(memory.buffer, lanesAt, LANES_BYTES / 4);
  }

  /** From now on a touch grows by what its block moves; touches carry `bits` bits below the block. */
  setMoves(moves: BlockMoves, bits: number): void {
    if (moves === this.#moves && bits === this.#bits) return;
    this.#moves = moves;
    this.#bits = bits;
    const n = moves === null ? 0 : Math.min(moves.length, TABLE_BLOCKS);
    for (let block = 0; block < n; block++) this.#table[block] = moves![block]! << bits;
  }

  /** Moves touches of this room's batches, if there is anything to move, and adds them to the sums. */
  moveAndSum(touches: Int32Array<ArrayBuffer>, sums: TouchSums): void {
    const moves = this.#moves;
    const isInTable = moves === null || moves.length <= TABLE_BLOCKS;
    const rounds = isInTable ? Math.floor(touches.length / ROUND_WORDS) : 0;
    const words = rounds * ROUND_WORDS;
    const { byteOffset } = this.#lanes;
    if (rounds > 0) {
      this.#lanes.fill(0);
      if (moves === null) this.#loops.sum(touches.byteOffset, rounds, byteOffset);
      else this.#loops.moveAndSum(touches.byteOffset, rounds, byteOffset, this.#table.byteOffset, this.#bits);
      sums.addLanes(this.#lanes, words);
    }
    if (moves !== null) moveBlocks(touches, words, moves, this.#bits);
    sums.add(touches, words);
  }
}

const MAX_WASM_PAGES = 65536;
let compiled: object | undefined;

function moveBlocks(touches: Int32Array, from: number, moves: Int32Array, bits: number): void {
  for (let i = from | 0, n = touches.length | 0; i < n; i = (i + 1) | 0) touches[i]! += moves[touches[i]! >>> bits]! << bits;
}

/** So many touches are copied and summed at a time: they stay in the cache. */
const PIECE = 1 << 15;
let forSums: TouchRoom | undefined;

/** The checksum of touches anywhere in memory. */
export function sumsOf(touches: Int32Array): string {
  const sums = new TouchSums();
  if (touches.length < PIECE) return sums.add(touches).toString();
  const room = (forSums ??= new TouchRoom(1, PIECE));
  for (let from = 0; from < touches.length; from += PIECE) {
    const part = touches.subarray(from, from + PIECE);
    const piece = room.batches[0]!.subarray(0, part.length);
    piece.set(part);
    room.moveAndSum(piece, sums);
  }
  return sums.toString();
}

/** Rooms to use again within some seconds: fresh memory is mapped page by page, and makes the garbage collector run. */
export class SpareRooms {
  readonly #spare: TouchRoom[] = [];
  readonly #most: number;
  readonly #make: () => TouchRoom;
  #timer: NodeJS.Timeout | undefined;

  constructor(most: number, make: () => TouchRoom) {
    this.#most = most;
    this.#make = make;
  }
  take(): TouchRoom {
    return this.#spare.pop() ?? this.#make();
  }
  give(room: TouchRoom): void {
    if (this.#spare.length < this.#most) this.#spare.push(room);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#spare.splice(0), KEPT_MS).unref();
  }
}

const KEPT_MS = 3000;
