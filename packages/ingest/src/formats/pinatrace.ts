/** Intel Pin's pinatrace tool: `ip: R|W address`, without times, closed by `#eof`. */
import type { IngestBatch, IngestContext, Ingestor } from '@workset/model';
import { READ, WRITE } from '@workset/model';
import { AccessBatches } from '../text/access-batches.ts';
import { readLines, requireSome, shareOfLines } from '../text/line-reader.ts';
import type { LineReader } from '../text/line-reader.ts';
import { ascii, hexPage, isHexDigit, num, OVERFLOW, skip0x, skipBlanks, startsWith } from '../text/numbers.ts';
import { rateOption } from '../text/ordinal.ts';
import type { Rate } from '../text/ordinal.ts';
import { spaceOption } from '../text/perf-text.ts';

export const pinatraceIngestor: Ingestor<'pinatrace'> = {
  descriptor: {
    id: 'pinatrace',
    title: 'Pin pinatrace memory trace',
    source: 'Intel Pin source/tools/SimpleExamples/pinatrace.cpp',
    produces: 'accesses',
    space: 'gva',
    clock: 'ordinal',
    truth: 'exact',
    usualNames: ['pinatrace.out'],
  },
  // 0x00007f1261d40b70: R 0x7ffcb4e8cc99
  sniff: (head) => (shareOfLines(head, /^(0x[0-9a-f]+: [RW] 0x[0-9a-f]+\b.*|#.*)$/) > 0.8 && shareOfLines(head, /^0x/) > 0 ? 0.95 : 0),
  ingest: (source, ctx) => readLines(source, ctx, new PinatraceReader(ctx, source.path)),
};

const EOF = ascii('#eof');

class PinatraceReader implements LineReader {
  readonly out: IngestBatch[] = [];
  readonly #ctx: IngestContext;
  readonly #path: string;
  readonly #batches: AccessBatches;
  readonly #rate: Rate;
  #accesses = 0;
  #closed = false;
  #lastLine = 0;

  constructor(ctx: IngestContext, path: string) {
    this.#ctx = ctx;
    this.#path = path;
    this.#batches = new AccessBatches(spaceOption(ctx) ?? 'gva', ctx, this.out, false);
    this.#rate = rateOption(ctx, 'a pinatrace log', false);
  }

  line(bytes: Buffer, from: number, to: number, line: number): void {
    this.#lastLine = line;
    if (from === to) return;
    if (bytes[from] === 35) {
      if (startsWith(bytes, from, to, EOF)) this.#closed = true;
      return;
    }
    let pos = skip0x(bytes, from);
    while (pos < to && isHexDigit(bytes[pos]!)) pos++;
    const kind = bytes[pos + 2];
    if (bytes[pos] !== 58 || (kind !== 82 && kind !== 87)) {
      this.#ctx.reject('foreign-line', "a line that is not pinatrace's", { line, severity: 'warning' });
      return;
    }
    const digits = skip0x(bytes, skipBlanks(bytes, pos + 3, to));
    const page = hexPage(bytes, digits, to);
    if (page < 0 || (num.end < to && bytes[num.end] !== 32)) {
      const overflow = page === OVERFLOW;
      this.#ctx.reject(
        overflow ? 'address-overflow' : 'damaged-line',
        overflow ? 'an address with more than 64 bits' : 'a pinatrace line with an unreadable address',
        { line, severity: 'warning' },
      );
      return;
    }
    this.#batches.add(this.#accesses++ * this.#rate.nsPerStep, page, kind === 87 ? WRITE : READ, -1, -1, line);
  }

  finish(): void {
    requireSome(this.#accesses, 'pinatrace access', this.#path);
    if (!this.#closed)
      this.#ctx.reject('missing-eof', 'no #eof at the end: the log was cut', { line: this.#lastLine, severity: 'warning' });
    this.#ctx.reject(
      'no-sizes',
      'pinatrace does not print sizes: an access over a page edge counts for its first page only, instruction fetches are absent',
      { severity: 'info' },
    );
    this.#batches.flush();
  }
}
