/** Cuts rows to a stretch of time, a range of addresses and a process. */
import { PAGE_BYTES, UsageError } from '@workset/model';
import type { AccessRows, ConvertOptions, ReportRow } from './model.ts';

export class RowFilter {
  /** Rows that were left out. */
  outside = 0;
  readonly #time: readonly [number, number] | undefined;
  readonly #pages: readonly [number, number] | undefined;
  readonly #pid: number | undefined;
  #page = new Float64Array(0);
  #cls = new Uint8Array(0);
  #timeNs = new Float64Array(0);
  #ids = new Int32Array(0);
  #cpus = new Int32Array(0);

  constructor({ time, addr, pid }: ConvertOptions) {
    this.#time = time;
    this.#pages = addr === undefined ? undefined : [Math.floor(addr[0] / PAGE_BYTES), Math.ceil(addr[1] / PAGE_BYTES)];
    this.#pid = pid;
  }

  /** The rows that stay, undefined when none does. The columns may be reused by the next call. */
  accesses(rows: AccessRows): AccessRows | undefined {
    if (this.#pid !== undefined && rows.pid === null)
      throw new UsageError('the input does not say which process an access is of', 'leave out pid');
    if (rows.timeNs === null && this.#time !== undefined && !(rows.t0Ns >= this.#time[0] && rows.t1Ns <= this.#time[1])) {
      this.outside += rows.n;
      return undefined;
    }
    const perRowTime = this.#time !== undefined && rows.timeNs !== null;
    if (!perRowTime && this.#pages === undefined && this.#pid === undefined) return rows;
    return this.#select(rows);
  }

  report(row: ReportRow): ReportRow | undefined {
    const { report } = row;
    const isInside = this.#time === undefined || (report.setBeginNs >= this.#time[0] && report.readEndNs <= this.#time[1]);
    const { regions } = report;
    if (!isInside) {
      this.outside += regions?.startPage.length ?? 1;
      return undefined;
    }
    if (this.#pages === undefined || regions === null) return row;
    const [from, to] = this.#pages;
    const kept = [...regions.startPage.keys()].filter(
      (i) => regions.startPage[i]! < to && regions.startPage[i]! + regions.nPages[i]! > from,
    );
    this.outside += regions.startPage.length - kept.length;
    const column = (values: Float64Array) => Float64Array.from(kept, (i) => values[i]!);
    const cut = {
      startPage: column(regions.startPage),
      nPages: column(regions.nPages),
      nrAccesses: column(regions.nrAccesses),
      age: column(regions.age),
    };
    return { ...row, report: { ...report, regions: cut } };
  }

  #select(rows: AccessRows): AccessRows | undefined {
    this.#grow(rows.n);
    const [fromNs, toNs] = this.#time ?? [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
    const [fromPage, toPage] = this.#pages ?? [0, Number.POSITIVE_INFINITY];
    let kept = 0;
    for (let i = 0; i < rows.n; i++) {
      const page = rows.page[i]!;
      if (page < fromPage || page >= toPage) continue;
      if (rows.timeNs !== null && (rows.timeNs[i]! < fromNs || rows.timeNs[i]! >= toNs)) continue;
      if (this.#pid !== undefined && rows.pid![i] !== this.#pid) continue;
      this.#page[kept] = page;
      this.#cls[kept] = rows.cls[i]!;
      if (rows.timeNs !== null) this.#timeNs[kept] = rows.timeNs[i]!;
      if (rows.pid !== null) this.#ids[kept] = rows.pid[i]!;
      if (rows.cpu !== null) this.#cpus[kept] = rows.cpu[i]!;
      kept++;
    }
    this.outside += rows.n - kept;
    if (kept === 0) return undefined;
    return {
      ...rows,
      n: kept,
      page: this.#page,
      cls: this.#cls,
      timeNs: rows.timeNs === null ? null : this.#timeNs,
      pid: rows.pid === null ? null : this.#ids,
      cpu: rows.cpu === null ? null : this.#cpus,
    };
  }

  #grow(n: number): void {
    if (this.#page.length >= n) return;
    this.#page = new Float64Array(n);
    this.#cls = new Uint8Array(n);
    this.#timeNs = new Float64Array(n);
    this.#ids = new Int32Array(n);
    this.#cpus = new Int32Array(n);
  }
}
