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

  /** @param part undefined = rows are only counted */
  constructor(part: RunPart | undefined, table: EvictionTable, labels: Readonly<Record<string, string>>, pageOf: PageOf) {
    this.#part = part;
    this.#table = table;
    this.#labels = labels;
    this.#pageOf = pageOf;
  }

  /** Counts the row just filled in. */
  protected commit(): void {
    this.total = (this.total + 1) | 0;
    if (this.#part === undefined) return;
    this.rows = (this.rows + 1) | 0;
    if (this.rows === CHUNK) this.flush();
    else if (this.rows === this.ids.length) {
      this.#pages = new Float64Array(2 * this.rows);
      this.ids = grown(this.ids);
      this.grow();
    }
  }

  /** Hands over what is left of a chunk. */
  flush(): void {
    const { rows } = this;
    if (rows === 0 || this.#part === undefined) return;
    for (let i = 0; i < rows; i++) this.#pages[i] = this.#pageOf(this.ids[i]!);
    const n = { first: this.total - rows };
    this.#part.columns(this.#table, rows, { ...this.#labels, n, page: this.#pages, ...this.columns() });
    this.rows = 0;
  }

  /** Doubles the columns. */
  protected abstract grow(): void;
  protected abstract columns(): Readonly<Record<string, BulkColumn>>;
}

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
    this.commit();
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
      outcome: { texts: OUTCOMES, codes: this.#outcome },
      direct: this.#direct,
      latency_ns: this.#latencyNs,
      reads: this.#reads,
      writes: this.#writes,
      lost_writes: this.#lostWrites,
      blocked_ns: this.#blockedNs,
    };
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
    const row = this.rows;
    this.ids[row] = id;
    this.#tNs[row] = tNs;
    this.#access[row] = access;
    this.#awayNs[row] = awayNs;
    this.#waitNs[row] = waitNs;
    this.#windowRead[row] = windowRead ? 1 : 0;
    this.#stale[row] = stale ? 1 : 0;
    this.commit();
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
      window_read: this.#windowRead,
      stale: this.#stale,
    };
  }
}

function grown<Column extends Float64Array | Int32Array | Uint8Array>(column: Column): Column {
  const twice = new (column.constructor as new (length: number) => Column)(2 * column.length);
  twice.set(column);
  return twice;
}
