/** Arrow IPC files, in batches of 2^16 rows. */
import { rmSync } from 'node:fs';
import { createArrowFile } from '@workset/store';
import { accessColumns, describe, regionsOf, type AccessColumns } from './table.ts';
import type { AccessRows, ReportRow, RowWriter, SourceFacts } from './model.ts';

type ArrowFile = Awaited<ReturnType<typeof createArrowFile>>;
type Types = Parameters<typeof createArrowFile>[1];
const BATCH = 1 << 16;

const REGION_TYPES = {
  stream: 'utf8',
  cycle: 'int64',
  start_ns: 'int64',
  end_ns: 'int64',
  complete: 'bool',
  kind: 'utf8',
  start_page: 'int64',
  n_pages: 'int64',
  nr_accesses: 'float64',
  age: 'float64',
} as const;

export class ArrowWriter implements RowWriter {
  rows = 0;
  readonly lost: string[] = [];
  readonly #path: string;
  readonly #facts: SourceFacts;
  #columns: AccessColumns | undefined;
  #file: Promise<ArrowFile> | undefined;
  /** Batches wait for the file to be open. */
  #writes: Promise<unknown> = Promise.resolve();
  #n = 0;
  readonly #time = new Float64Array(BATCH);
  readonly #end = new Float64Array(BATCH);
  readonly #page = new Float64Array(BATCH);
  readonly #pid = new Int32Array(BATCH);
  readonly #cpu = new Int32Array(BATCH);
  #write: boolean[] = [];
  #kernel: boolean[] = [];

  constructor(path: string, facts: SourceFacts) {
    this.#path = path;
    this.#facts = facts;
    rmSync(path, { force: true });
  }

  accesses(rows: AccessRows): void {
    if (this.#columns === undefined) {
      this.#columns = accessColumns(rows);
      const { isQuanta, hasPid, hasCpu } = this.#columns;
      const types: Types = {
        time_ns: 'int64',
        ...(isQuanta && { end_ns: 'int64' as const }),
        page: 'int64',
        write: 'bool',
        kernel: 'bool',
        ...(hasPid && { pid: 'int32' as const }),
        ...(hasCpu && { cpu: 'int32' as const }),
      };
      this.#file = createArrowFile(this.#path, types, describe(this.#facts, 'accesses', this.#columns));
    }
    for (let i = 0; i < rows.n; i++) {
      const at = this.#n++;
      this.#time[at] = rows.timeNs === null ? rows.t0Ns : Math.round(rows.timeNs[i]!);
      this.#end[at] = rows.t1Ns;
      this.#page[at] = rows.page[i]!;
      this.#write[at] = (rows.cls[i]! & 1) !== 0;
      this.#kernel[at] = (rows.cls[i]! & 2) !== 0;
      if (rows.pid !== null) this.#pid[at] = rows.pid[i]!;
      if (rows.cpu !== null) this.#cpu[at] = rows.cpu[i]!;
      if (this.#n === BATCH) this.#flush();
    }
    this.rows += rows.n;
  }

  report(row: ReportRow): void {
    this.#file ??= createArrowFile(this.#path, REGION_TYPES, describe(this.#facts, 'regions', undefined));
    const regions = [...regionsOf(row)];
    if (regions.length === 0) return;
    const same = <T>(value: T) => regions.map(() => value);
    const column = (pick: (region: (typeof regions)[number]) => number) => Float64Array.from(regions, pick);
    const { report, stream } = row;
    this.#append(regions.length, {
      stream: same(stream.stream),
      cycle: column(() => report.cycle),
      start_ns: column(() => whole(report.setBeginNs)),
      end_ns: column(() => whole(report.readEndNs)),
      complete: same(report.complete),
      kind: regions.map(({ kind }) => kind),
      start_page: column((each) => each.startPage),
      n_pages: column((each) => each.nPages),
      nr_accesses: column((each) => each.nrAccesses),
      age: column((each) => each.age),
    });
    this.rows += regions.length;
  }

  async close(): Promise<void> {
    this.#flush();
    await this.#writes;
    (await this.#file)?.close();
  }

  abort(): void {
    void this.#file?.then((file) => file.abort()).catch(() => {});
    rmSync(this.#path, { force: true });
  }

  #flush(): void {
    const n = this.#n;
    if (n === 0) return;
    this.#n = 0;
    this.#append(n, {
      time_ns: this.#time.slice(0, n),
      end_ns: this.#end.slice(0, n),
      page: this.#page.slice(0, n),
      write: this.#write,
      kernel: this.#kernel,
      pid: this.#pid.slice(0, n),
      cpu: this.#cpu.slice(0, n),
    });
    this.#write = [];
    this.#kernel = [];
  }

  #append(n: number, columns: Parameters<ArrowFile['write']>[1]): void {
    this.#writes = this.#writes.then(async () => (await this.#file)!.write(n, columns));
    // Reported by close(), which awaits the chain.
    this.#writes.catch(() => {});
  }

  /** Waits for the disk: call it now and then, so that rows do not pile up. */
  async drain(): Promise<void> {
    await this.#writes;
  }
}

/** Arrow columns here have no nulls: an unknown time is -1. */
function whole(ns: number): number {
  return Number.isFinite(ns) ? Math.round(ns) : -1;
}
