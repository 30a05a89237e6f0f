/** The modelled kernel of one world: answers a scheme's calls from the shared stamps and this world's own clear and arm times. */
import { PageBitmap, type CostOp, type Nanos, type Prng } from '@workset/model';
import type { SpaceReader } from '@workset/store';
import type { PageRange, RecordedCycle, Report, TrackingKernel } from '../scheme.ts';
import { addPageRange } from './page-ranges.ts';
import { addNewer, addNewerThanMarks, addStillMarked, markNewer } from './bit-loops.ts';
import type { StampMemory } from './stamps.ts';

export interface KernelWiring {
  readonly memory: StampMemory;
  readonly space: SpaceReader;
  readonly range: PageRange;
  readonly recorded: readonly RecordedCycle[] | null;
  readonly random: Prng;
  charge(op: CostOp, count: number): void;
  report(report: Report): void;
}

/**
 * State is times, not bits: `armedAt[p]` is the number of frames applied when the mark was set (0 = no mark), and the mark is
 * gone once the page's last stamp is greater. Only user page-table entries carry marks, so `mapped` stamps decide.
 */
export class SimKernel implements TrackingKernel {
  now: Nanos = 0;
  readonly range: PageRange;
  readonly nPages: number;
  readonly recorded: readonly RecordedCycle[] | null;
  readonly #wiring: KernelWiring;
  /** Classes that reach a user page-table entry, and the writes among them. */
  readonly #touches: number;
  readonly #writes: number;
  #rwpArmedAt: Int32Array | undefined;
  #wpArmedAt: Int32Array | undefined;
  #idleMarkedAt: Int32Array | undefined;

  constructor(wiring: KernelWiring) {
    this.#wiring = wiring;
    this.range = wiring.range;
    this.nPages = wiring.memory.nPages;
    this.recorded = wiring.recorded;
    this.#touches = wiring.memory.classes('mapped', 'touched');
    this.#writes = wiring.memory.classes('mapped', 'written');
  }

  random(n: number): number {
    return this.#wiring.random.below(n);
  }
  pageOf(id: number): number {
    return this.#wiring.space.pageOf(id);
  }
  idOf(page: number): number {
    const id = this.#wiring.space.idOf(page);
    return id >= this.range.from && id < this.range.to ? id : -1;
  }
  addPages(set: PageBitmap, startPage: number, nPages: number): void {
    addPageRange(set, this.#wiring.space, this.range, startPage, nPages);
  }
  memoryRuns(): readonly { startPage: number; nPages: number }[] {
    return contiguousRuns(this.#wiring.space.blocks, this.range);
  }

  uffdRwProtect(range: PageRange): void {
    const armedAt = (this.#rwpArmedAt ??= new Int32Array(this.nPages));
    const last = this.#last();
    const now = this.#wiring.memory.framesApplied;
    // Newer than its mark: present, and never armed or resolved by an access since.
    const armed = markNewer(last, armedAt, range, now);
    this.#wiring.charge('syscall', 1);
    this.#wiring.charge('rwp-arm', armed);
    this.#wiring.charge('rwp-arm-skip', range.to - range.from - armed);
    this.#wiring.charge('tlb-flush', 1);
  }

  uffdRwArmed(range: PageRange, out: PageBitmap): void {
    const armedAt = this.#rwpArmedAt;
    if (armedAt === undefined) return;
    const last = this.#last();
    addStillMarked(last, armedAt, range, out);
  }

  pagemapScanAccessed(range: PageRange, out: PageBitmap): void {
    const armedAt = (this.#rwpArmedAt ??= new Int32Array(this.nPages));
    const last = this.#last();
    // A page that had been armed was resolved by one async fault; an unarmed one was populated without.
    const faults = addNewerThanMarks(last, armedAt, range, out);
    this.#wiring.charge('syscall', 1);
    this.#wiring.charge('scan-accessed', range.to - range.from);
    this.#wiring.charge('rwp-fault', faults);
  }

  uffdWriteProtect(range: PageRange): void {
    const armedAt = (this.#wpArmedAt ??= new Int32Array(this.nPages));
    armedAt.fill(this.#wiring.memory.framesApplied, range.from, range.to);
    this.#wiring.charge('syscall', 1);
    this.#wiring.charge('wp-arm', range.to - range.from);
    this.#wiring.charge('tlb-flush', 1);
  }

  pagemapScanWritten(range: PageRange, out: PageBitmap): void {
    const armedAt = (this.#wpArmedAt ??= new Int32Array(this.nPages));
    const written = this.#wiring.memory.last(this.#writes);
    const now = this.#wiring.memory.framesApplied;
    addNewerThanMarks(written, armedAt, range, out);
    const rearmed = markNewer(written, armedAt, range, now);
    this.#wiring.charge('syscall', 1);
    this.#wiring.charge('scan-written', range.to - range.from);
    this.#wiring.charge('scan-rearm', rearmed);
    this.#wiring.charge('wp-fault', rearmed);
  }

  pageIdleMark(range: PageRange, marked: PageBitmap): void {
    const markedAt = (this.#idleMarkedAt ??= new Int32Array(this.nPages));
    addNewer(this.#last(), range, 0, marked);
    markedAt.fill(this.#wiring.memory.framesApplied, range.from, range.to);
    this.#wiring.charge('idle-mark', range.to - range.from);
    this.#wiring.charge('rmap-walk', marked.count());
    this.#wiring.charge('syscall', Math.ceil((range.to - range.from) / PAGE_IDLE_PAGES_PER_SYSCALL));
  }

  pageIdleRead(range: PageRange, marked: PageBitmap, accessed: PageBitmap): void {
    const markedAt = (this.#idleMarkedAt ??= new Int32Array(this.nPages));
    const last = this.#last();
    const newer = new PageBitmap(this.nPages);
    addNewerThanMarks(last, markedAt, range, newer);
    accessed.or(newer.and(marked));
    this.#wiring.charge('idle-read', range.to - range.from);
    this.#wiring.charge('rmap-walk', marked.count());
    this.#wiring.charge('syscall', Math.ceil((range.to - range.from) / PAGE_IDLE_PAGES_PER_SYSCALL));
  }

  damonMkold(page: number): boolean {
    const id = this.idOf(page);
    if (id < 0) return false;
    const { memory } = this.#wiring;
    if (memory.lastOf(id, this.#touches) === 0) return false;
    (this.#idleMarkedAt ??= new Int32Array(this.nPages))[id] = memory.framesApplied;
    return true;
  }

  damonYoung(page: number): boolean {
    this.#wiring.charge('damon-sample', 1);
    const id = this.idOf(page);
    if (id < 0) return false;
    return this.#wiring.memory.lastOf(id, this.#touches) > (this.#idleMarkedAt?.[id] ?? 0);
  }

  report(report: Report): void {
    this.#wiring.report(report);
  }

  #last(): Int32Array {
    return this.#wiring.memory.last(this.#touches);
  }
}

/** A page_idle read or write of 4 KiB covers 4096 * 8 pages (the bitmap is a plain file of u64 words). */
const PAGE_IDLE_PAGES_PER_SYSCALL = 32768;

function contiguousRuns(blocks: Float64Array, range: PageRange): { startPage: number; nPages: number }[] {
  const runs: { startPage: number; nPages: number }[] = [];
  for (let id = range.from; id < range.to; ) {
    const end = Math.min(range.to, ((id >>> 9) + 1) << 9);
    const startPage = blocks[id >>> 9]! * 512 + (id & 511);
    const previous = runs.at(-1);
    if (previous !== undefined && previous.startPage + previous.nPages === startPage) previous.nPages += end - id;
    else runs.push({ startPage, nPages: end - id });
    id = end;
  }
  return runs;
}
