/** Streams and reports of DAMON snapshots whose windows are known, shared by the JSON, binary and sysfs forms. */
import type { IngestBatch, IngestContext, SpaceId } from '@workset/model';
import { UsageError } from '@workset/model';
import { guessOps } from './text/damon-snapshots.ts';

/** Regions of one snapshot, growing; reused from snapshot to snapshot. */
export class RegionTable {
  startPage: Float64Array<ArrayBuffer> = new Float64Array(64);
  nPages: Float64Array<ArrayBuffer> = new Float64Array(64);
  nrAccesses: Float64Array<ArrayBuffer> = new Float64Array(64);
  age: Float64Array<ArrayBuffer> = new Float64Array(64);
  n = 0;

  /** @param endPage exclusive; age -1 = unknown */
  add(startPage: number, endPage: number, nrAccesses: number, age: number): void {
    const { n } = this;
    if (n === this.startPage.length) this.#grow();
    this.startPage[n] = startPage;
    this.nPages[n] = endPage - startPage;
    this.nrAccesses[n] = nrAccesses;
    this.age[n] = age;
    this.n = n + 1;
  }

  clear(): void {
    this.n = 0;
  }

  copy(): RegionTable {
    const copy = new RegionTable();
    copy.startPage = this.startPage.slice();
    copy.nPages = this.nPages.slice();
    copy.nrAccesses = this.nrAccesses.slice();
    copy.age = this.age.slice();
    copy.n = this.n;
    return copy;
  }

  #grow(): void {
    const wider = (old: Float64Array): Float64Array<ArrayBuffer> => {
      const next = new Float64Array(old.length * 2);
      next.set(old);
      return next;
    };
    this.startPage = wider(this.startPage);
    this.nPages = wider(this.nPages);
    this.nrAccesses = wider(this.nrAccesses);
    this.age = wider(this.age);
  }
}

/** One DAMON stream: declares itself before its first report. */
export class DamonStream {
  readonly name: string;
  cycle = 0;
  readonly #ctx: IngestContext;
  readonly #notes: Readonly<Record<string, string | number>>;

  constructor(name: string, notes: Readonly<Record<string, string | number>>, ctx: IngestContext) {
    this.name = name;
    this.#notes = notes;
    this.#ctx = ctx;
  }

  /** The report of window [startNs, endNs], with the stream's declaration the first time. Copies the rows. */
  *report(
    table: RegionTable,
    startNs: number,
    endNs: number,
    complete: boolean,
    counts: Readonly<Record<string, number>>,
  ): Generator<IngestBatch> {
    const { n } = table;
    const regions = {
      startPage: table.startPage.slice(0, n),
      nPages: table.nPages.slice(0, n),
      nrAccesses: table.nrAccesses.slice(0, n),
      age: table.age.slice(0, n),
    };
    if (this.cycle === 0) yield this.#declaration(regions);
    this.#ctx.accept(n);
    const report = {
      stream: this.name,
      cycle: this.cycle++,
      setBeginNs: startNs,
      setEndNs: startNs,
      readBeginNs: endNs,
      readEndNs: endNs,
      complete,
      counts,
      reported: null,
      eligible: null,
      regions,
    };
    yield { kind: 'report', report };
  }

  #declaration(regions: { startPage: Float64Array; nPages: Float64Array; nrAccesses: Float64Array; age: Float64Array }): IngestBatch {
    const { ops: given, space } = this.#ctx.options;
    if (given !== undefined && given !== 'paddr' && given !== 'vaddr') throw new UsageError(`ops is paddr or vaddr, got ${given}`);
    const ops = given ?? guessOps(regions);
    if (given === undefined)
      this.#ctx.reject('guessed-ops', `${this.name}: taken as DAMON ${ops} from the addresses; set it with the option ops`, {
        severity: 'info',
      });
    return {
      kind: 'stream',
      arenaRelative: false,
      stream: {
        stream: this.name,
        tracker: `damon-${ops}`,
        space: (space as SpaceId | undefined) ?? (ops === 'vaddr' ? 'gva' : 'gpa'),
        inputId: '',
        range: null,
        target: 'touched',
        granuleBytes: 4096,
        notes: this.#notes,
      },
    };
  }
}
