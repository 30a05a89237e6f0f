/** memory.idle_page_stats of the Anolis kernel: bytes by page type and by how many scans they stayed idle. */
import type { IngestBatch, IngestContext, Ingestor } from '@workset/model';
import { sizeRow } from '../dump.ts';
import { requireSome } from '../text/line-reader.ts';
import { headText, readStringLines } from '../text/string-lines.ts';
import type { StringLineReader } from '../text/string-lines.ts';

/** csei 2613248 4657152 … */
const ROW = /^\s*([cd][sf][eu][ia]|slab)((?:\s+\d+)+)\s*$/;
const PERIOD = /^#\s*scan_period_in_seconds:\s*(\d+)/;
const BUCKETS = /^#\s*buckets:\s*([\d,]+)/;

export const kidledIngestor: Ingestor<'kidled'> = {
  descriptor: {
    id: 'kidled',
    title: 'kidled idle page statistics',
    source: 'Anolis kernel, memory.idle_page_stats',
    produces: 'reports',
    space: 'gpa',
    clock: 'none',
    truth: 'observed',
    usualNames: ['memory.idle_page_stats'],
  },
  sniff(head) {
    const lines = headText(head).split(/\r?\n/);
    return lines.some((line) => BUCKETS.test(line)) && lines.some((line) => PERIOD.test(line)) ? 1 : 0;
  },
  ingest: (source, ctx) => readStringLines(source, ctx, new KidledReader(ctx, source.path)),
};

class KidledReader implements StringLineReader {
  readonly out: IngestBatch[] = [];
  readonly #ctx: IngestContext;
  readonly #path: string;
  #periodS = 0;
  /** Lower ends of the buckets, in scans. */
  #buckets: number[] = [];
  #rows = 0;

  constructor(ctx: IngestContext, path: string) {
    this.#ctx = ctx;
    this.#path = path;
  }

  line(text: string, line: number): void {
    const row = ROW.exec(text);
    if (row !== null) {
      this.#row(row[1]!, row[2]!.trim().split(/\s+/).map(Number), line);
    } else if (text.startsWith('#')) {
      this.#periodS = Number(PERIOD.exec(text)?.[1] ?? this.#periodS);
      this.#buckets = BUCKETS.exec(text)?.[1]?.split(',').map(Number) ?? this.#buckets;
    } else if (text.trim() !== '') {
      this.#ctx.reject('damaged-line', 'a line that is no page type', { line, severity: 'warning' });
    }
  }

  finish(): void {
    requireSome(this.#rows, 'row of page ages', this.#path);
  }

  #row(type: string, bytes: readonly number[], line: number): void {
    if (bytes.length !== this.#buckets.length) {
      this.#ctx.reject('damaged-line', 'a row with more or fewer columns than buckets', { line, severity: 'warning' });
      return;
    }
    const values: Record<string, number> = {};
    for (const [i, scans] of this.#buckets.entries()) values[`idle${scans * this.#periodS}s`] = bytes[i]!;
    this.#rows++;
    this.#ctx.accept(1);
    this.out.push(sizeRow(type, values));
  }
}
