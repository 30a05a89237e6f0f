/** memtierd: `tracker -dump raw` as region reports per process, `policy -dump accessed` tables as size rows. */
import type { IngestBatch, IngestContext, Ingestor } from '@workset/model';
import { RegionTable } from '../damon-report.ts';
import { sizeRow, spaceOf } from '../dump.ts';
import { streamName } from '../stream-name.ts';
import { requireSome } from '../text/line-reader.ts';
import { headText, readStringLines } from '../text/string-lines.ts';
import type { StringLineReader } from '../text/string-lines.ts';

const RAW_HEADER = /^\s*timestamp\s+pid\s+addr\s+pages\s+accs\s+writes\s*$/;
/** 1690000000000000000 1234 7f0000000000 512 3 1; the address is hex without 0x */
const RAW_ROW = /^\s*(\d{1,19})\s+(\d+)\s+([0-9a-f]{1,16})\s+(\d+)\s+(\d+)\s+(-?\d+)\s*$/;
const TABLE = /^\s*table: (.*)$/;
const TABLE_HEADER = /^\s*pid\s+lastaccs>=\[s\]\s+lastaccs<\[s\]\s+pages\s+mem\[G\]/;
/** 1234 0.000 5.000 512 0.002 12.5, or with commas in csv form; `all` sums the processes up, NaN is the share of a process without pages */
const TABLE_ROW = /^\s*(\d+|all)[\s,]+([\d.]+)[\s,]+([\d.]+|inf)[\s,]+(\d+)[\s,]+([\d.]+)(?:[\s,]+(?:[\d.]+|NaN))?\s*$/;
const PROMPT = /^\s*memtierd>/;

export const memtierdIngestor: Ingestor<'memtierd'> = {
  descriptor: {
    id: 'memtierd',
    title: 'memtierd tracker dump or age table',
    source: 'github.com/intel/memtierd, tracker.go',
    produces: 'reports',
    space: 'gva',
    clock: 'realtime',
    truth: 'observed',
    usualNames: ['memtierd.txt'],
  },
  sniff(head) {
    const lines = headText(head).split(/\r?\n/);
    return lines.some((line) => RAW_HEADER.test(line) || TABLE_HEADER.test(line)) ? 1 : 0;
  },
  ingest: (source, ctx) => readStringLines(source, ctx, new MemtierdReader(ctx, source.path)),
};

/** Rows of one process with one time stamp. */
interface Dump {
  readonly table: RegionTable;
  readonly stream: string;
  timeNs: bigint;
  previousNs: bigint | null;
  cycle: number;
  declared: boolean;
}

class MemtierdReader implements StringLineReader {
  readonly out: IngestBatch[] = [];
  readonly #ctx: IngestContext;
  readonly #path: string;
  readonly #processes = new Map<string, Dump>();
  /** Unix times are counted from the first one, so that doubles keep every nanosecond. */
  #baseNs: bigint | null = null;
  #rows = 0;
  #first = 0;

  constructor(ctx: IngestContext, path: string) {
    this.#ctx = ctx;
    this.#path = path;
  }

  line(text: string, line: number): void {
    const raw = RAW_ROW.exec(text);
    const age = raw === null ? TABLE_ROW.exec(text) : null;
    if (raw !== null) this.#region(raw, line);
    else if (age !== null) this.#age(age);
    else if (PROMPT.test(text)) this.#ctx.reject('message', "memtierd's prompt among the lines", { line, severity: 'info' });
    else if (text.trim() !== '' && !RAW_HEADER.test(text) && !TABLE.test(text) && !TABLE_HEADER.test(text)) {
      this.#ctx.reject('damaged-line', 'a line of neither a dump nor a table', { line, severity: 'warning' });
    }
  }

  finish(): void {
    for (const dump of this.#processes.values()) this.#close(dump);
    if (this.#first > 0)
      this.#ctx.reject('no-first-window', 'the first dump of a process says nothing about since when it counted: left out', {
        count: this.#first,
        severity: 'info',
      });
    requireSome(this.#rows, 'row', this.#path);
  }

  #region(row: RegExpExecArray, line: number): void {
    const timeNs = BigInt(row[1]!);
    const startPage = Number(BigInt(`0x${row[3]}`) >> 12n);
    const nPages = Number(row[4]);
    if (nPages === 0 || nPages > 2 ** 40) {
      this.#ctx.reject('bad-region', 'a region without pages', { line, severity: 'warning' });
      return;
    }
    if (this.#baseNs === null) {
      this.#baseNs = timeNs;
      this.out.push({ kind: 'sync', tNs: 0, clock: 'realtime', otherNs: Number(timeNs) });
    }
    this.#rows++;
    const dump = this.#process(row[2]!);
    if (dump.table.n > 0 && dump.timeNs !== timeNs) this.#close(dump);
    dump.timeNs = timeNs;
    dump.table.add(startPage, startPage + nPages, Number(row[5]), -1);
  }

  /** Counts since the dump before, so that one is the start of the window. */
  #close(dump: Dump): void {
    const { table } = dump;
    if (table.n === 0) return;
    const base = this.#baseNs ?? 0n;
    if (dump.previousNs === null) {
      this.#first += table.n;
    } else {
      if (!dump.declared) this.#declare(dump);
      const startNs = Number(dump.previousNs - base);
      const endNs = Number(dump.timeNs - base);
      const columns = {
        startPage: table.startPage.slice(0, table.n),
        nPages: table.nPages.slice(0, table.n),
        nrAccesses: table.nrAccesses.slice(0, table.n),
        age: table.age.slice(0, table.n),
      };
      this.#ctx.accept(table.n);
      this.out.push({
        kind: 'report',
        report: {
          stream: dump.stream,
          cycle: dump.cycle++,
          setBeginNs: startNs,
          setEndNs: startNs,
          readBeginNs: endNs,
          readEndNs: endNs,
          complete: endNs > startNs,
          counts: { regions: table.n },
          reported: null,
          eligible: null,
          regions: columns,
        },
      });
    }
    dump.previousNs = dump.timeNs;
    table.clear();
  }

  #declare(dump: Dump): void {
    dump.declared = true;
    this.out.push({
      kind: 'stream',
      arenaRelative: false,
      stream: {
        stream: dump.stream,
        tracker: 'idle-page',
        space: spaceOf(this.#ctx, 'gva'),
        inputId: '',
        range: null,
        target: 'touched',
        granuleBytes: null,
        notes: { tool: 'memtierd' },
      },
    });
  }

  #process(pid: string): Dump {
    let dump = this.#processes.get(pid);
    if (dump === undefined) {
      dump = {
        table: new RegionTable(),
        stream: `${streamName(this.#path)}.pid${pid}`,
        timeNs: 0n,
        previousNs: null,
        cycle: 0,
        declared: false,
      };
      this.#processes.set(pid, dump);
    }
    return dump;
  }

  #age(row: RegExpExecArray): void {
    this.#rows++;
    this.#ctx.accept(1);
    const [, pid, from, to, pages] = row;
    // The last span of a table has no end: it is printed as 0.
    const span = Number(to) > 0 && to !== 'inf' ? `${from}-${to} s` : `${from} s or more`;
    this.out.push(
      sizeRow(`${pid === 'all' ? 'all' : `pid ${pid}`} idle ${span}`, { idleFromNs: Number(from) * 1e9, size: Number(pages) * 4096 }),
    );
  }
}
