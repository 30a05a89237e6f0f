/** Access logs as delimited text: columns by header names or by libCacheSim's `time-col=2, obj-id-col=5, ...` syntax. */
import type { IngestBatch, IngestContext, Ingestor } from '@workset/model';
import { ACTORS, KERNEL, READ, UsageError, WRITE } from '@workset/model';
import { AccessBatches } from '../text/access-batches.ts';
import { columnsFromFields, columnsFromHeader, columnsFromOptions, headerLikelihood, headerOf } from '../text/csv-columns.ts';
import type { CsvColumns } from '../text/csv-columns.ts';
import { readLines, requireSome } from '../text/line-reader.ts';
import type { LineReader } from '../text/line-reader.ts';
import { decimalPage, decimal, hexPage, num, skip0x } from '../text/numbers.ts';
import { rateOption } from '../text/ordinal.ts';
import { spaceOption } from '../text/perf-text.ts';
import { addSized } from '../text/straddle.ts';

export const csvIngestor: Ingestor<'csv'> = {
  descriptor: {
    id: 'csv',
    title:
      'delimited text: time, address or object id, and who accessed it if known (header `time_ns,gva,op,actor`, row `1000,0x7f0000001000,w,host`)',
    source: 'libCacheSim traceReader/generalReader/csv.c (column syntax)',
    produces: 'accesses',
    space: 'any',
    clock: 'trace',
    truth: 'exact',
    usualNames: ['*.csv', '*.tsv'],
  },
  sniff: (head) => headerLikelihood(headerOf(head)),
  ingest: (source, ctx) => readLines(source, ctx, new CsvReader(ctx, source.path)),
};

/** Addresses are byte addresses; object ids are page numbers. */
const ADDRESS_SHIFT = 12;
const SPACE = 32;
const QUOTE = 34;

class CsvReader implements LineReader {
  readonly out: IngestBatch[] = [];
  readonly #ctx: IngestContext;
  readonly #path: string;
  #columns: CsvColumns | undefined;
  #batches: AccessBatches | undefined;
  #nsPerRow = 0;
  #rows = 0;
  #headerSeen = false;
  /** Bounds of the cells of the current line. */
  readonly #from: number[] = [];
  readonly #to: number[] = [];

  constructor(ctx: IngestContext, path: string) {
    this.#ctx = ctx;
    this.#path = path;
    this.#columns = columnsFromOptions(ctx.options);
    if (this.#columns !== undefined) this.#start(this.#columns);
  }

  #start(columns: CsvColumns): void {
    this.#columns = columns;
    this.#batches = new AccessBatches(spaceOption(this.#ctx) ?? columns.space, this.#ctx, this.out, columns.pid >= 0 || columns.cpu >= 0);
    if (columns.time < 0) this.#nsPerRow = rateOption(this.#ctx, 'this CSV (no time column)', false).nsPerStep;
    else if (columns.assumedUnit)
      this.#ctx.reject('assumed-time-unit', 'the time column is taken as seconds; set it with the option time-unit', { severity: 'info' });
    if (columns.op < 0)
      this.#ctx.reject('access-type-unknown', 'no column says read or write: all are taken as reads', { severity: 'info' });
  }

  /** Columns by the first line, or as the user names them. False when the line is a row. */
  #startFrom(first: string): boolean {
    const { options } = this.#ctx;
    const { fields } = options;
    this.#start(fields === undefined ? columnsFromHeader(first, options) : columnsFromFields(fields, first, options));
    return this.#columns!.hasHeader;
  }

  line(bytes: Buffer, from: number, to: number, line: number): void {
    if (from === to || bytes[from] === 35) return;
    if (this.#columns === undefined || (this.#columns.hasHeader && !this.#headerSeen)) {
      this.#headerSeen = true;
      if (this.#columns === undefined && !this.#startFrom(bytes.toString('latin1', from, to))) return this.line(bytes, from, to, line);
      return;
    }
    const columns = this.#columns;
    const n = this.#split(bytes, from, to, columns.delimiter);
    if (n <= columns.last) return this.#damaged(line, 'a row with too few columns');
    const timeNs = columns.time < 0 ? this.#rows * this.#nsPerRow : this.#time(bytes, columns);
    if (timeNs < 0) return this.#damaged(line, 'a row whose time is no number');
    const page = this.#page(bytes, columns);
    const { low } = num;
    if (page < 0) return this.#damaged(line, 'a row whose address or id is no 64-bit number');
    const size = columns.size < 0 || !columns.isAddress ? 1 : decimal(bytes, this.#from[columns.size]!, this.#to[columns.size]!);
    const pid = columns.pid < 0 ? -1 : decimal(bytes, this.#from[columns.pid]!, this.#to[columns.pid]!);
    const cpu = columns.cpu < 0 ? -1 : decimal(bytes, this.#from[columns.cpu]!, this.#to[columns.cpu]!);
    const cls = columns.op < 0 ? READ : classOf(bytes.toString('latin1', this.#from[columns.op]!, this.#to[columns.op]!), columns.opIsFlag);
    const actor = columns.actor < 0 ? 0 : actorOf(bytes.toString('latin1', this.#from[columns.actor]!, this.#to[columns.actor]!));
    if (actor < 0) return this.#damaged(line, `a row whose actor is none of ${ACTORS.join(', ')}`);
    if (addSized(this.#batches!, this.#ctx, timeNs, page, low, size, actor > 0 ? (actor << 1) | (cls & WRITE) : cls, pid, cpu, line) > 0)
      this.#rows++;
  }

  /** Cell bounds without quotes and blanks; the number of cells, 0 when a quote is left open. A quoted cell may hold delimiters and "". */
  #split(bytes: Uint8Array, from: number, to: number, delimiter: number): number {
    let n = 0;
    for (let pos = from; pos <= to; pos++) {
      while (pos < to && bytes[pos] === SPACE && delimiter !== SPACE) pos++;
      let a = pos;
      let b: number;
      if (bytes[pos] === QUOTE && pos < to) {
        a++;
        b = closingQuote(bytes, a, to);
        if (b < 0) return 0;
        pos = b + 1;
        while (pos < to && bytes[pos] !== delimiter) pos++;
      } else {
        while (pos < to && bytes[pos] !== delimiter) pos++;
        b = pos;
      }
      while (a < b && bytes[a] === SPACE) a++;
      while (b > a && bytes[b - 1] === SPACE) b--;
      this.#from[n] = a;
      this.#to[n] = b;
      n++;
    }
    return n;
  }

  /** Decimal with or without fraction, in the column's unit, as ns; -1 = unreadable. */
  #time(bytes: Uint8Array, columns: CsvColumns): number {
    const [from, to] = [this.#from[columns.time]!, this.#to[columns.time]!];
    const whole = decimal(bytes, from, to);
    if (whole < 0) return -1;
    let ns = whole * columns.nsPerUnit;
    if (num.end < to) {
      if (bytes[num.end] !== 46) return -1;
      const start = num.end + 1;
      const fraction = decimal(bytes, start, to);
      if (fraction < 0 || num.end !== to) return -1;
      ns += Math.round((fraction / 10 ** (to - start)) * columns.nsPerUnit);
    }
    return ns;
  }

  /** 0x.. and cells of a hex column are hex, all else decimal; num.low keeps the offset in the page. */
  #page(bytes: Uint8Array, columns: CsvColumns): number {
    const [from, to] = [this.#from[columns.id]!, this.#to[columns.id]!];
    const digits = skip0x(bytes, from);
    const page = digits > from || columns.hex ? hexPage(bytes, digits, to) : decimalPage(bytes, from, to);
    if (page < 0 || num.end !== to) return -1;
    if (columns.pageShift === ADDRESS_SHIFT) return page;
    // ids: put the number together again and cut it where the user says
    const whole = page * 4096 + num.low;
    num.low = 0;
    const shifted = Math.floor(whole / 2 ** columns.pageShift);
    return shifted < 2 ** 52 ? shifted : -1;
  }

  #damaged(line: number, message: string): void {
    this.#ctx.reject('damaged-row', message, { line, severity: 'warning' });
  }

  finish(): void {
    if (this.#columns === undefined)
      throw new UsageError(
        `${this.#path}: no column names and no columns given`,
        'columns="time-col=1, obj-id-col=2, delimiter=,, has-header=false"',
      );
    requireSome(this.#rows, 'usable row', this.#path);
    this.#batches!.flush();
  }
}

/** Where the quoted cell that starts at `from` is closed, -1 when nowhere. */
function closingQuote(bytes: Uint8Array, from: number, to: number): number {
  for (let pos = from; pos < to; pos++) {
    if (bytes[pos] !== QUOTE) continue;
    if (pos + 1 >= to || bytes[pos + 1] !== QUOTE) return pos;
    pos++;
  }
  return -1;
}

/** Index in ACTORS, -1 when it is none; an empty cell is the user. */
function actorOf(text: string): number {
  const name = text.toLowerCase().replaceAll('_', '-');
  return name === '' ? 0 : ACTORS.findIndex((actor) => actor === (name === 'pinned' ? 'device' : name));
}

/** w, W, write, store, put, set, S and true-like flags are writes; kr and kw are by the kernel; everything else reads. */
function classOf(text: string, isFlag: boolean): number {
  if (isFlag) return /^(1|true|yes|y)$/i.test(text) ? WRITE : READ;
  if (text === 'kr') return KERNEL;
  if (text === 'kw') return KERNEL | WRITE;
  return /^(w|write|s|st|store|set|put|update|insert|add|1)$/i.test(text) ? WRITE : READ;
}
