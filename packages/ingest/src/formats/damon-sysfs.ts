/** DAMON's sysfs files as text: `path<TAB>value` dumps of kdamonds/, tried_regions tables, DAMON_STAT percentiles. */
import { UnreadableInputError } from '@workset/model';
import type { IngestBatch, IngestContext, Ingestor } from '@workset/model';
import { DamonStream, RegionTable } from '../damon-report.ts';
import { dumpWindow, sizeRow } from '../dump.ts';
import { streamName } from '../stream-name.ts';
import { headText, readStringLines } from '../text/string-lines.ts';
import type { StringLineReader } from '../text/string-lines.ts';

const PERCENTILES = 'memory_idle_ms_percentiles';
/** kdamonds/0/contexts/0/schemes/0/tried_regions/12/start */
const TRIED =
  /^(?:.*\/)?kdamonds\/(\d+)\/contexts\/(\d+)\/schemes\/(\d+)\/tried_regions\/(\d+)\/(start|end|nr_accesses|age|sz_filter_passed)$/;
const INTERVAL = /^(?:.*\/)?kdamonds\/(\d+)\/contexts\/(\d+)\/monitoring_attrs\/intervals\/(sample_us|aggr_us)$/;
/** index start end nr_accesses age [sz_filter_passed] */
const ROW = /^(\d+)\s+(\d+)\s+(\d+)\s+(\d+)\s+(\d+)(?:\s+\d+)?$/;
const PERCENTILE_LIST = /^-?\d+(?:,-?\d+){100}$/;

/** Options: begin and end (of the aggregation the snapshot is of; with end alone, begin is end - aggr_us), ops, space, stream. */
export const damonSysfsIngestor: Ingestor<'damon-sysfs'> = {
  descriptor: {
    id: 'damon-sysfs',
    title: 'DAMON sysfs snapshot (tried_regions, kdamonds, DAMON_STAT)',
    source: 'Documentation/admin-guide/mm/damon/usage.rst',
    produces: 'reports',
    space: 'any',
    clock: 'none',
    truth: 'observed',
    usualNames: ['kdamonds.tsv', 'tried_regions.txt', PERCENTILES],
  },
  sniff(head) {
    const text = headText(head);
    if (/^(?:\S*\/)?kdamonds\/\S+\t/m.test(text)) return 1;
    if (text.includes(PERCENTILES)) return 0.9;
    const first = text.split(/\r?\n/, 1)[0]!;
    if (PERCENTILE_LIST.test(first)) return 0.9;
    return ROW.test(first) && /^total \d+$/m.test(text) ? 0.9 : 0;
  },
  ingest: (source, ctx) => readStringLines(source, ctx, new SysfsReader(ctx, source.path)),
};

/** Fields of one region directory, as bytes and counts. */
type Fields = Map<string, bigint>;

class SysfsReader implements StringLineReader {
  readonly out: IngestBatch[] = [];
  readonly #ctx: IngestContext;
  readonly #path: string;
  /** "k0.c0.s0" → region directory → fields */
  readonly #schemes = new Map<string, Map<string, Fields>>();
  readonly #notes = new Map<string, Record<string, string | number>>();
  #sizes = 0;

  constructor(ctx: IngestContext, path: string) {
    this.#ctx = ctx;
    this.#path = path;
  }

  line(text: string, line: number): void {
    if (text === '' || text.startsWith('#') || /^total \d+$/.test(text)) return;
    const tab = text.indexOf('\t');
    const path = tab < 0 ? '' : text.slice(0, tab);
    const value = tab < 0 ? text : text.slice(tab + 1).trim();
    if (PERCENTILE_LIST.test(value) && (tab < 0 || path.endsWith(PERCENTILES))) return this.#percentiles(value);
    if (path !== '') return this.#file(path, value, line);
    const row = ROW.exec(text);
    if (row === null) this.#ctx.reject('damaged-line', 'a line that is no region', { line, severity: 'warning' });
    else for (const [i, name] of ['start', 'end', 'nr_accesses', 'age'].entries()) this.#field('', row[1]!, name, BigInt(row[i + 2]!));
  }

  finish(): void {
    for (const [scheme, regions] of this.#schemes) this.#report(scheme, regions);
    if (this.#schemes.size === 0 && this.#sizes === 0) {
      throw new UnreadableInputError(
        'no tried region in this dump',
        { file: this.#path },
        'write update_schemes_tried_regions to the state file of the kdamond before reading',
      );
    }
  }

  #file(path: string, value: string, line: number): void {
    const tried = TRIED.exec(path);
    const interval = INTERVAL.exec(path);
    if (tried === null && interval === null) return;
    if (!/^\d+$/.test(value)) {
      this.#ctx.reject('damaged-line', 'a value that is no number', { line, severity: 'warning' });
    } else if (tried !== null) {
      this.#field(`k${tried[1]}.c${tried[2]}.s${tried[3]}`, tried[4]!, tried[5]!, BigInt(value));
    } else {
      const context = `k${interval![1]}.c${interval![2]}`;
      this.#notes.set(context, { ...this.#notes.get(context), [interval![3]!]: Number(value) });
    }
  }

  #field(scheme: string, region: string, name: string, value: bigint): void {
    let regions = this.#schemes.get(scheme);
    if (regions === undefined) this.#schemes.set(scheme, (regions = new Map()));
    let fields = regions.get(region);
    if (fields === undefined) regions.set(region, (fields = new Map()));
    fields.set(name, value);
  }

  /** Directories are numbered with holes and listed in any order: sorted by address here. */
  #report(scheme: string, regions: Map<string, Fields>): void {
    const table = new RegionTable();
    let damaged = 0;
    const sorted = [...regions.values()].sort((a, b) => Number((a.get('start') ?? 0n) - (b.get('start') ?? 0n)));
    for (const fields of sorted) {
      const start = fields.get('start');
      const end = fields.get('end');
      const nrAccesses = fields.get('nr_accesses');
      if (start === undefined || end === undefined || nrAccesses === undefined || end <= start) damaged++;
      else table.add(Number(start >> 12n), Number((end + 4095n) >> 12n), Number(nrAccesses), Number(fields.get('age') ?? -1n));
    }
    if (damaged > 0)
      this.#ctx.reject('bad-region', 'a region with start >= end, or with files missing', { count: damaged, severity: 'warning' });
    const notes = this.#notes.get(scheme.replace(/\.s\d+$/, '')) ?? {};
    const stem = this.#ctx.options['stream'] ?? streamName(this.#path).replace(/\.tsv$/, '');
    const stream = new DamonStream(scheme === '' ? stem : `${stem}.${scheme}`, { event: 'tried_regions', ...notes }, this.#ctx);
    const aggrUs = notes['aggr_us'];
    const window = dumpWindow(this.#ctx, aggrUs === undefined ? undefined : Number(aggrUs) * 1000);
    this.out.push(...stream.report(table, window.beginNs, window.endNs, window.known && damaged === 0, { regions: table.n }));
  }

  /** Idle time of memory in ms per percentile; since 6.18 negative = accessed, for that long. */
  #percentiles(value: string): void {
    this.#sizes++;
    const values: Record<string, number> = {};
    for (const [percentile, ms] of value.split(',').entries()) values[`p${percentile}Ns`] = Number(ms) * 1e6;
    this.#ctx.accept(1);
    this.out.push(sizeRow(PERCENTILES, values));
  }
}
