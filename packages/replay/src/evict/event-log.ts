/** Rows of `evictions` and `refaults` as typed columns, handed to the run's part chunk by chunk. */
import type { BulkColumn, EvictionTable, RunPart } from '@workset/store';

/** Rows per chunk, a row group of the file; the buffers grow up to it. */
const CHUNK = 1 << 16;
const FIRST = 1 << 8;

/** Page numbers of dense ids. */
export type PageOf = (id: number) => number;

abstract class EventLog {
  /** Rows so far, and rows in the chunk. */
  total = 0;
  protected rows = 0;
  readonly #part: RunPart | undefined;
  readonly #table: EvictionTable;
  readonly #labels: Readonly<Record<string, string>>;
  readonly #pageOf: PageOf;
  #pages = new Float64Array(FIRST);
  protected ids: Int32Array = new Int32Array(FIRST);
  protected hasRare = false;

  /** @param part undefined = rows are only counted */
  constructor(part: RunPart | undefined, table: EvictionTable, labels: Readonly<Record<string, string>>, pageOf: PageOf) {
    this.#part = part;
    this.#table = table;
    this.#labels = labels;
    this.#pageOf = pageOf;
  }

  protected get keepsRows(): boolean {
    return this.#part !== undefined;
  }
  /** Makes room for some of `wanted` rows; returns for how many. */
  protected room(wanted: number): number {
    const { length } = this.ids;
    if (this.rows + wanted <= length || length === CHUNK) return Math.min(wanted, length - this.rows);
    this.#pages = new Float64Array(2 * length);
    this.ids = grown(this.ids);
    this.grow();
    return this.room(wanted);
  }
  /** Counts rows just filled in. */
  protected commit(n: number): void {
    this.total = (this.total + n) | 0;
    if (this.#part === undefined) return;
    this.rows = (this.rows + n) | 0;
    if (this.rows === CHUNK) this.flush();
  }

  /** Hands over what is left of a chunk. */
  flush(): void {
    const { rows } = this;
    if (rows === 0 || this.#part === undefined) return;
    for (let i = 0; i < rows; i++) this.#pages[i] = this.#pageOf(this.ids[i]!);
    const n = { first: this.total - rows };
    this.#part.columns(this.#table, rows, { ...this.#labels, n, page: this.#pages, ...this.columns() });
    this.rows = 0;
    if (this.hasRare) this.clearRare();
    this.hasRare = false;
  }

  /** Doubles the columns. */
  protected abstract grow(): void;
  protected abstract columns(): Readonly<Record<string, BulkColumn>>;
  /** Fills columns that are nearly always 0 with zeros; they are only written, and only handed over, in a chunk that `hasRare`. */
  protected abstract clearRare(): void;
}

/** The first is that of an eviction that went as planned. */
export const OUTCOMES = [
  'done',
  'lost-write',
  'unfinished',
  'aborted-cancelled',
  'aborted-hot',
  'aborted-pinned',
  'aborted-shared',
  'aborted-gone',
  'aborted-swapped-in',
  'aborted-self-blocked',
] as const;
export type Outcome = (typeof OUTCOMES)[number];

export class EvictionLog extends EventLog {
  #tNs = new Float64Array(FIRST);
  #outcome = new Uint8Array(FIRST);
  #direct = new Uint8Array(FIRST);
  #latencyNs = new Float64Array(FIRST);
  #reads = new Int32Array(FIRST);
  #writes = new Int32Array(FIRST);
  #lostWrites = new Int32Array(FIRST);
  #blockedNs = new Float64Array(FIRST);

  /** Pages that went as planned, untouched. */
  addAll(ids: Int32Array, tNs: number, direct: boolean, latencyNs: number): void {
    if (!this.keepsRows) return this.commit(ids.length);
    for (let from = 0; from < ids.length;) {
      const n = this.room(ids.length - from);
      const row = this.rows;
      this.ids.set(n === ids.length ? ids : ids.subarray(from, from + n), row);
      this.#tNs.fill(tNs, row, row + n);
      this.#direct.fill(direct ? 1 : 0, row, row + n);
      this.#latencyNs.fill(latencyNs, row, row + n);
      this.commit(n);
      from += n;
    }
  }

  add(
    id: number,
    tNs: number,
    outcome: number,
    direct: boolean,
    latencyNs: number,
    reads: number,
    writes: number,
    lostWrites: number,
    blockedNs: number,
  ): void {
    this.room(1);
    const row = this.rows;
    this.ids[row] = id;
    this.#tNs[row] = tNs;
    this.#outcome[row] = outcome;
    this.#direct[row] = direct ? 1 : 0;
    this.#latencyNs[row] = latencyNs;
    this.#reads[row] = reads;
    this.#writes[row] = writes;
    this.#lostWrites[row] = lostWrites;
    this.#blockedNs[row] = blockedNs;
    this.hasRare = true;
    this.commit(1);
  }

  protected grow(): void {
    this.#tNs = grown(this.#tNs);
    this.#outcome = grown(this.#outcome);
    this.#direct = grown(this.#direct);
    this.#latencyNs = grown(this.#latencyNs);
    this.#reads = grown(this.#reads);
    this.#writes = grown(this.#writes);
    this.#lostWrites = grown(this.#lostWrites);
    this.#blockedNs = grown(this.#blockedNs);
  }
  protected columns(): Readonly<Record<string, BulkColumn>> {
    return {
      t_ns: this.#tNs,
      outcome: this.hasRare ? { texts: OUTCOMES, codes: this.#outcome } : OUTCOMES[0],
      direct: this.#direct,
      latency_ns: this.#latencyNs,
      reads: this.hasRare ? this.#reads : 0,
      writes: this.hasRare ? this.#writes : 0,
      lost_writes: this.hasRare ? this.#lostWrites : 0,
      blocked_ns: this.hasRare ? this.#blockedNs : 0,
    };
  }
  protected clearRare(): void {
    this.#outcome.fill(0);
    for (const column of [this.#reads, this.#writes, this.#lostWrites, this.#blockedNs]) column.fill(0);
  }
}

export const ACCESS_NAMES = ['read', 'write', 'kernel read', 'kernel write'] as const;

export class RefaultLog extends EventLog {
  #tNs = new Float64Array(FIRST);
  #access = new Uint8Array(FIRST);
  #awayNs = new Float64Array(FIRST);
  #waitNs = new Float64Array(FIRST);
  #windowRead = new Uint8Array(FIRST);
  #stale = new Uint8Array(FIRST);

  add(id: number, tNs: number, access: number, awayNs: number, waitNs: number, windowRead: boolean, stale: boolean): void {
    if (this.rows === this.ids.length) this.room(1);
    const row = this.rows;
    this.ids[row] = id;
    this.#tNs[row] = tNs;
    this.#access[row] = access;
    this.#awayNs[row] = awayNs;
    this.#waitNs[row] = waitNs;
    if (windowRead || stale) {
      this.#windowRead[row] = windowRead ? 1 : 0;
      this.#stale[row] = stale ? 1 : 0;
      this.hasRare = true;
    }
    this.commit(1);
  }

  protected grow(): void {
    this.#tNs = grown(this.#tNs);
    this.#access = grown(this.#access);
    this.#awayNs = grown(this.#awayNs);
    this.#waitNs = grown(this.#waitNs);
    this.#windowRead = grown(this.#windowRead);
    this.#stale = grown(this.#stale);
  }
  protected columns(): Readonly<Record<string, BulkColumn>> {
    return {
      t_ns: this.#tNs,
      access: { texts: ACCESS_NAMES, codes: this.#access },
      away_ns: this.#awayNs,
      wait_ns: this.#waitNs,
      window_read: this.hasRare && this.#windowRead,
      stale: this.hasRare && this.#stale,
    };
  }
  protected clearRare(): void {
    this.#windowRead.fill(0);
    this.#stale.fill(0);
  }
}

function grown<Column extends Float64Array | Int32Array | Uint8Array>(column: Column): Column {
  const twice = new (column.constructor as new (length: number) => Column)(2 * column.length);
  twice.set(column);
  return twice;
}
