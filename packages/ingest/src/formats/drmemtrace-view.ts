/** DynamoRIO `drrun -t drmemtrace -tool view` text: reads, writes and fetches by thread; time stands in markers only. */
import type { IngestBatch, IngestContext, Ingestor } from '@workset/model';
import { READ, WRITE } from '@workset/model';
import { AccessBatches } from '../text/access-batches.ts';
import { readLines, requireSome, shareOfLines } from '../text/line-reader.ts';
import type { LineReader } from '../text/line-reader.ts';
import { MarkerClock } from '../text/marker-clock.ts';
import { ascii, decimal, find, hexPage, num, OVERFLOW, skip0x, skipBlanks, startsWith, tokenEnd } from '../text/numbers.ts';
import { spaceOption } from '../text/perf-text.ts';

export const drmemtraceViewIngestor: Ingestor<'drmemtrace-view'> = {
  descriptor: {
    id: 'drmemtrace-view',
    title: 'DynamoRIO drmemtrace view text',
    source: 'DynamoRIO clients/drcachesim/tools/view.cpp',
    produces: 'accesses',
    space: 'gva',
    clock: 'trace',
    truth: 'exact',
    usualNames: ['view.txt'],
  },
  //           12           4: W0.T3256418 read    8 byte(s) @ 0x00007f1261d40b70 by PC 0x...
  // Thread ids stand alone where there is one workload only, in older releases always.
  sniff: (head) => (shareOfLines(head, /^Output format:|^<--record#|^-+$|^\s*\d+\s+\d+:\s+(W\d+\.)?T?\d+ +[<a-z]/) > 0.5 ? 0.95 : 0),
  ingest: (source, ctx) => readLines(source, ctx, new ViewReader(ctx, source.path)),
};

const KINDS: readonly (readonly [Uint8Array, number])[] = [
  [ascii('read '), READ],
  [ascii('write '), WRITE],
  [ascii('ifetch '), READ],
];
/** `pref`, `pref-r-L1`, `pref-NTA`, … and cache line flushes. */
const PREFETCH = ascii('pref');
const FLUSHES = [ascii('iflush '), ascii('dflush ')];
const AT = ascii('@ ');
const TIMESTAMP = ascii('<marker: timestamp ');
const RESULTS = ascii('View tool results:');
const PAGE_SIZE = ascii('<marker: page size ');

class ViewReader implements LineReader {
  readonly out: IngestBatch[] = [];
  readonly #ctx: IngestContext;
  readonly #path: string;
  readonly #clock: MarkerClock;
  #accesses = 0;
  #summary = false;

  constructor(ctx: IngestContext, path: string) {
    this.#ctx = ctx;
    this.#path = path;
    this.#clock = new MarkerClock(ctx, new AccessBatches(spaceOption(ctx) ?? 'gva', ctx, this.out, true));
  }

  line(bytes: Buffer, from: number, to: number, line: number): void {
    if (this.#summary) return;
    let pos = skipBlanks(bytes, from, to);
    if (decimal(bytes, pos, to) < 0) return this.#heading(bytes, pos, to, line);
    const instruction = decimal(bytes, skipBlanks(bytes, num.end, to), to);
    if (instruction < 0 || bytes[num.end] !== 58) return this.#damaged(line);
    pos = skipBlanks(bytes, num.end + 1, to);
    const threadEnd = tokenEnd(bytes, pos, to);
    let digits = threadEnd;
    while (digits > pos && bytes[digits - 1]! >= 48 && bytes[digits - 1]! <= 57) digits--;
    const tid = decimal(bytes, digits, threadEnd);
    pos = skipBlanks(bytes, threadEnd, to);
    if (bytes[pos] === 60) return this.#marker(bytes, pos, to, line);
    for (const [word, cls] of KINDS)
      if (startsWith(bytes, pos, to, word)) return this.#access(bytes, pos + word.length, to, cls, tid, line);
    if (startsWith(bytes, pos, to, PREFETCH))
      return this.#ctx.reject('prefetch', 'a software prefetch: no access for the page tables of most machines', {
        line,
        severity: 'info',
      });
    if (FLUSHES.some((word) => startsWith(bytes, pos, to, word)))
      return this.#ctx.reject('cache-flush', 'a cache line flush: no access', { line, severity: 'info' });
    this.#damaged(line);
  }

  /** `8 byte(s) @ 0x00007f1261d40b70 ...` */
  #access(bytes: Uint8Array, from: number, to: number, cls: number, tid: number, line: number): void {
    const size = decimal(bytes, skipBlanks(bytes, from, to), to);
    const at = find(bytes, num.end, to, AT);
    if (size < 0 || at < 0) return this.#damaged(line);
    const digits = skip0x(bytes, at + AT.length);
    const page = hexPage(bytes, digits, to);
    if (page === OVERFLOW) return this.#ctx.reject('address-overflow', 'an address with more than 64 bits', { line, severity: 'warning' });
    if (page < 0 || (num.end < to && bytes[num.end] !== 32)) return this.#damaged(line);
    this.#accesses++;
    this.#clock.access(page, num.low, size, cls, tid, line);
  }

  #marker(bytes: Uint8Array, from: number, to: number, line: number): void {
    if (startsWith(bytes, from, to, TIMESTAMP)) {
      const digits = from + TIMESTAMP.length;
      decimal(bytes, digits, to);
      const { end } = num;
      // microseconds since 1601: too many digits for a double, so seconds and the rest apart
      if (end - digits < 7) return this.#damaged(line);
      this.#clock.timestamp(decimal(bytes, digits, end - 6), decimal(bytes, end - 6, end));
    } else if (startsWith(bytes, from, to, PAGE_SIZE) && decimal(bytes, from + PAGE_SIZE.length, to) !== 4096) {
      this.#ctx.reject('page-size', 'the traced machine has pages of another size; 4 KiB pages are counted', { line, severity: 'warning' });
    }
  }

  /** The three lines at the top, dashes, and `View tool results:`, behind which only totals stand. */
  #heading(bytes: Uint8Array, pos: number, to: number, line: number): void {
    if (startsWith(bytes, pos, to, RESULTS)) this.#summary = true;
    if (pos === to || bytes[pos] === 60 || bytes[pos] === 45 || (bytes[pos]! >= 65 && bytes[pos]! <= 90)) return;
    this.#ctx.reject('foreign-line', "a line that is not the view tool's", { line, severity: 'warning' });
  }

  #damaged(line: number): void {
    this.#ctx.reject('damaged-line', 'a record of the view tool that cannot be read', { line, severity: 'warning' });
  }

  finish(): void {
    requireSome(this.#accesses, 'access', this.#path, 'print with -tool view; it writes to stderr');
    this.#clock.finish();
  }
}
