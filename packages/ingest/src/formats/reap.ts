/** REAP / vHive first-touch traces: one hex offset in guest memory a line, without 0x, in order of the first fault. */
import type { IngestBatch, IngestContext, Ingestor } from '@workset/model';
import { READ } from '@workset/model';
import { AccessBatches } from '../text/access-batches.ts';
import { readLines, requireSome, shareOfLines } from '../text/line-reader.ts';
import type { LineReader } from '../text/line-reader.ts';
import { hexPage, num, OVERFLOW, skip0x } from '../text/numbers.ts';
import { rateOption } from '../text/ordinal.ts';
import type { Rate } from '../text/ordinal.ts';
import { spaceOption } from '../text/perf-text.ts';

export const reapIngestor: Ingestor<'reap'> = {
  descriptor: {
    id: 'reap',
    title: 'REAP (vHive) first-fault trace',
    source: 'vHive memory/manager/trace.go; Ustiugov et al., ASPLOS 2021',
    produces: 'faults',
    space: 'gpa',
    clock: 'ordinal',
    truth: 'faults',
    usualNames: ['trace', '*.reap'],
  },
  // 1f4d000       page aligned hex, nothing else
  sniff: (head) => (shareOfLines(head, /^(0|[0-9a-f]{1,13}000)$/) === 1 ? 0.6 : 0),
  ingest: (source, ctx) => readLines(source, ctx, new ReapReader(ctx, source.path)),
};

class ReapReader implements LineReader {
  readonly out: IngestBatch[] = [];
  readonly #ctx: IngestContext;
  readonly #path: string;
  readonly #batches: AccessBatches;
  readonly #rate: Rate;
  #faults = 0;

  constructor(ctx: IngestContext, path: string) {
    this.#ctx = ctx;
    this.#path = path;
    this.#batches = new AccessBatches(spaceOption(ctx) ?? 'gpa', ctx, this.out, false);
    this.#rate = rateOption(ctx, 'a REAP trace', false);
  }

  line(bytes: Buffer, from: number, to: number, line: number): void {
    if (from === to) return;
    const page = hexPage(bytes, skip0x(bytes, from), to);
    if (page < 0 || num.end !== to) {
      const overflow = page === OVERFLOW;
      this.#ctx.reject(
        overflow ? 'address-overflow' : 'damaged-line',
        overflow ? 'an offset with more than 64 bits' : 'a line that is no hex offset',
        { line, severity: 'warning' },
      );
      return;
    }
    this.#batches.add(this.#faults++ * this.#rate.nsPerStep, page, READ, -1, -1, line);
  }

  finish(): void {
    requireSome(this.#faults, 'offset', this.#path);
    this.#batches.flush();
  }
}
