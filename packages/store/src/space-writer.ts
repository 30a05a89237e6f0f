/** One address space of a trace being written: its touches, frames and block numbers. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { BLOCK_PAGES } from '@workset/model';
import type { CodedTouches, RemapKind, SpaceId, SpaceInfo, TraceSpan, TruthGrade } from '@workset/model';
import type { ArrowFileWriter, ColumnTypes } from './arrow.ts';
import { BlockCodes } from './block-codes.ts';
import { BlockIndex } from './block-index.ts';
import { BlockOrder } from './block-order.ts';
import { FRAME_TYPES, FrameLog } from './frame-log.ts';
import type { FileEntry } from './manifest.ts';
import { REMAP_TYPES, remapFileName, RemapLog } from './remap-log.ts';
import { touchFileName, TouchStream } from './touch-file.ts';
import type { CodedFrames, FrameColumns, RemapColumns } from './types.ts';

/** Creates a column file inside the directory being written. */
export type CreateFile = (
  name: string,
  types: ColumnTypes,
  metadata: Readonly<Record<string, string>>,
  hashed?: boolean,
) => ArrowFileWriter;

export class SpaceWriter {
  readonly id: SpaceId;
  readonly #dir: string;
  readonly #create: CreateFile;
  readonly #classBits: SpaceInfo['classBits'];
  readonly #blocks: BlockIndex;
  readonly #order: BlockOrder;
  readonly #touches: TouchStream;
  readonly #frames = new FrameLog();
  readonly #codes: BlockCodes;
  readonly #remaps = new RemapLog();

  constructor(id: SpaceId, dir: string, create: CreateFile, classBits: SpaceInfo['classBits']) {
    this.id = id;
    this.#dir = dir;
    this.#create = create;
    this.#classBits = classBits;
    this.#blocks = new BlockIndex(id, 31 - classBits);
    this.#codes = new BlockCodes(this.#blocks);
    this.#order = new BlockOrder(this.#blocks.seen);
    const file = create(touchFileName(id), { touch: 'int32' }, this.#metadata(), false);
    this.#touches = new TouchStream(file, this.#blocks, this.#order, classBits);
  }

  frame(t0Ns: number, t1Ns: number, n: number, page: Float64Array | Uint32Array, cls: Uint8Array, nAccesses: number): void {
    if (n > Math.min(page.length, cls.length)) assert.fail(`frame of ${n} touches has only ${page.length} pages and ${cls.length} classes`);
    assertClasses(cls, n, this.#classBits);
    this.#frames.push(t0Ns, t1Ns, this.#touches.rows, nAccesses);
    this.#touches.append(n, page, cls);
  }

  codedFrames({ n, t0Ns, t1Ns, end }: CodedFrames, { touch, blocks }: CodedTouches): void {
    assert(this.#classBits === 2, 'coded touches have two class bits');
    const touches = n === 0 ? 0 : end[n - 1]!;
    if (touches > touch.length) assert.fail(`frames of ${touches} touches have only ${touch.length}`);
    const { rows } = this.#touches;
    for (let f = 0, from = 0; f < n; from = end[f++]!) this.#frames.push(t0Ns[f]!, t1Ns[f]!, rows + from, end[f]! - from);
    this.#touches.appendCoded(touches, touch, this.#codes.of(blocks));
  }

  remap(tNs: number, page: number, kind: RemapKind): void {
    this.#remaps.push(tNs, page, kind);
    this.declareRange(page, 1);
  }

  declareRange(startPage: number, nPages: number): void {
    if (!(startPage >= 0 && nPages >= 0)) assert.fail(`range of ${nPages} pages at page ${startPage}`);
    const end = nPages === 0 ? 0 : Math.ceil((startPage + nPages) / BLOCK_PAGES);
    for (let block = Math.floor(startPage / BLOCK_PAGES); block < end; block++) this.#blocks.base(block);
  }

  /** Finishes all files of the space. */
  close(mapTime: (ns: number) => number, spans: readonly TraceSpan[], truth: TruthGrade): { info: SpaceInfo; files: FileEntry[] } {
    const nTouches = this.#touches.rows;
    const touches = this.#closeTouches();
    const blocks = this.#order.blocks();
    const frames = this.#frames.finish(mapTime, spans);
    const info: SpaceInfo = {
      id: this.id,
      classBits: this.#classBits,
      nPages: blocks.length * BLOCK_PAGES,
      nTouches,
      nAccesses: this.#frames.accesses,
      nFrames: frames.n,
      ...(this.#remaps.n > 0 && { nRemaps: this.#remaps.n }),
      truth,
    };
    const remaps = this.#remaps.n > 0 ? [this.#writeRemaps(this.#remaps.finish(mapTime))] : [];
    return { info, files: [touches, this.#writeFrames(frames), this.#writeBlocks(blocks), ...remaps] };
  }

  #closeTouches(): FileEntry {
    const name = touchFileName(this.id);
    return { name, ...this.#touches.finish(join(this.#dir, name)) };
  }

  #writeFrames(frames: FrameColumns): FileEntry {
    const name = `frames.${this.id}.arrow`;
    const file = this.#create(name, FRAME_TYPES, this.#metadata());
    const { t0Ns, t1Ns, rowStart, nAccesses, span } = frames;
    const { columns } = file.write(frames.n, { t0_ns: t0Ns, t1_ns: t1Ns, row_start: rowStart, n_accesses: nAccesses, span });
    return { name, ...file.close(), columns };
  }

  #writeBlocks(block: Float64Array): FileEntry {
    const name = `blocks.${this.id}.arrow`;
    const file = this.#create(name, { block: 'int64' }, this.#metadata());
    const { columns } = file.write(block.length, { block });
    return { name, ...file.close(), columns };
  }

  #writeRemaps({ n, tNs, page, kind }: RemapColumns): FileEntry {
    const name = remapFileName(this.id);
    const file = this.#create(name, REMAP_TYPES, this.#metadata());
    const { columns } = file.write(n, { t_ns: tNs, page, kind });
    return { name, ...file.close(), columns };
  }

  #metadata(): Record<string, string> {
    return { 'workset.space': this.id, 'workset.class_bits': String(this.#classBits) };
  }
}

function assertClasses(cls: Uint8Array, n: number, classBits: number): void {
  let seen = 0;
  for (let i = 0; i < n; i++) seen |= cls[i]!;
  if (seen >>> classBits !== 0) assert.fail(`a touch has class bits ${seen}, but the trace records only ${classBits}`);
}
