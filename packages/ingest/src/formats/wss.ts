/** wss.pl, wss-v1 and wss-v2: one estimate of the working set size a row. */
import type { IngestBatch, IngestContext, Ingestor } from '@workset/model';
import { sizeRow } from '../dump.ts';
import { requireSome } from '../text/line-reader.ts';
import { headText, readStringLines } from '../text/string-lines.ts';
import type { StringLineReader } from '../text/string-lines.ts';

/** The first wss.pl had no column of times. */
const HEADER = /^\s*(?:(?:Slp\(s\)\s+Dur\(s\)\s+)?Est\(s\)(?:\s+\w+\(MB\))+|RSS\(MB\)(?:\s+\w+\(MB\))+)\s*$/;
const ROW = /^\s*-?\d+(?:\.\d+)?(?:\s+-?\d+(?:\.\d+)?)+\s*$/;
const BANNER = /^Watching PID (\d+) /;
const BYTES_PER_MB = 2 ** 20;

export const wssIngestor: Ingestor<'wss'> = {
  descriptor: {
    id: 'wss',
    title: 'wss working set estimates',
    source: 'github.com/brendangregg/wss',
    produces: 'reports',
    space: 'gva',
    clock: 'none',
    truth: 'observed',
    usualNames: ['wss.txt'],
  },
  sniff: (head) =>
    headText(head)
      .split(/\r?\n/)
      .some((line) => HEADER.test(line))
      ? 0.95
      : 0,
  ingest: (source, ctx) => readStringLines(source, ctx, new WssReader(ctx, source.path)),
};

class WssReader implements StringLineReader {
  readonly out: IngestBatch[] = [];
  readonly #ctx: IngestContext;
  readonly #path: string;
  #columns: string[] = [];
  #subject = 'wss';
  #rows = 0;

  constructor(ctx: IngestContext, path: string) {
    this.#ctx = ctx;
    this.#path = path;
  }

  line(text: string, line: number): void {
    const banner = BANNER.exec(text);
    if (banner !== null) this.#subject = `pid ${banner[1]}`;
    else if (HEADER.test(text)) this.#columns = text.trim().split(/\s+/);
    else if (ROW.test(text)) this.#row(text.trim().split(/\s+/).map(Number), line);
    else if (text.trim() !== '') this.#ctx.reject('damaged-line', 'a line that is no estimate', { line, severity: 'warning' });
  }

  finish(): void {
    requireSome(this.#rows, 'working set estimate', this.#path);
  }

  #row(numbers: readonly number[], line: number): void {
    if (numbers.length !== this.#columns.length) {
      this.#ctx.reject('damaged-line', 'a row with more or fewer columns than its header', { line, severity: 'warning' });
      return;
    }
    const values: Record<string, number> = {};
    for (const [i, column] of this.#columns.entries()) {
      // Est(s), Ref(MB)
      const name = column.replace(/\(.*$/, '').toLowerCase();
      if (column.endsWith('(s)')) values[`${name}Ns`] = Math.round(numbers[i]! * 1e9);
      else values[name] = Math.round(numbers[i]! * BYTES_PER_MB);
    }
    this.#rows++;
    this.#ctx.accept(1);
    this.out.push(sizeRow(this.#subject, values));
  }
}
