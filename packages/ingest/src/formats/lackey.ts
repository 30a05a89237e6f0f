/** `valgrind --tool=lackey --trace-mem=yes` text: every instruction, load, store and modify of one program, without times. */
import type { ByteSource, IngestBatch, IngestContext, Ingestor } from '@workset/model';
import { READ, WRITE } from '@workset/model';
import { lineBlocks } from '../lines.ts';
import type { LineCursor } from '../lines.ts';
import { AccessBatches } from '../text/access-batches.ts';
import { LackeyLines } from '../text/lackey-lines.ts';
import { requireSome, shareOfLines, take } from '../text/line-reader.ts';
import { decimal, hexPage, num, OVERFLOW } from '../text/numbers.ts';
import { rateOption } from '../text/ordinal.ts';
import type { Rate } from '../text/ordinal.ts';
import { spaceOption } from '../text/perf-text.ts';
import { addSized } from '../text/straddle.ts';

export const lackeyIngestor: Ingestor<'lackey'> = {
  descriptor: {
    id: 'lackey',
    title: 'Valgrind Lackey memory trace',
    source: 'valgrind lackey/lk_main.c, --trace-mem=yes',
    produces: 'accesses',
    space: 'gva',
    clock: 'ordinal',
    truth: 'exact',
    usualNames: ['*.lackey', 'lackey.txt'],
  },
  // I  04001234,3      S 1fff000718,8     ==14013== Lackey, an example Valgrind tool
  sniff: (head) =>
    shareOfLines(head, /^(==\d+== |I  [0-9a-f]+,\d+$| [LSM] [0-9a-f]+,\d+$)/) > 0.6 &&
    shareOfLines(head, /^(==\d+== Lackey|I  [0-9a-f]+,\d+$| [LSM] [0-9a-f]+,\d+$)/) > 0
      ? 0.9
      : 0,
  ingest,
};

async function* ingest(source: ByteSource, ctx: IngestContext): AsyncGenerator<IngestBatch> {
  const reader = new LackeyReader(ctx, source.path);
  for await (const lines of lineBlocks(source, ctx)) {
    reader.block(lines);
    yield* take(reader.out);
  }
  reader.finish();
  yield* take(reader.out);
}

const [I, L, M, S] = [73, 76, 77, 83];
/** `==PID==` banners (with --time-stamp the time before the PID), `--PID--` of -v, `**PID**`, `SB 0401ab70` of --trace-superblocks. */
const OWN = /^(?:==[\d:. ]+==|--[\d:. ]+--|\*\*[\d:. ]+\*\*|SB [0-9a-f]+\r?$)/;

class LackeyReader {
  readonly out: IngestBatch[] = [];
  readonly #ctx: IngestContext;
  readonly #path: string;
  readonly #batches: AccessBatches;
  readonly #rate: Rate;
  readonly #plain: LackeyLines;
  #accesses = 0;
  #instructions = 0;

  constructor(ctx: IngestContext, path: string) {
    this.#ctx = ctx;
    this.#path = path;
    this.#batches = new AccessBatches(spaceOption(ctx) ?? 'gva', ctx, this.out, false);
    this.#rate = rateOption(ctx, 'a Lackey log', true);
    this.#plain = new LackeyLines(this.#rate);
  }

  block(lines: LineCursor): void {
    const plain = this.#plain;
    plain.bind();
    for (;;) {
      plain.run(lines, this.#steps);
      if (plain.n > 0) {
        this.#accesses += plain.lines;
        this.#instructions += plain.instructions;
        this.#batches.addRows(plain.rows, plain.n, lines.line, true);
      } else if (lines.next()) this.#line(lines.bytes, lines.from, lines.to, lines.line);
      else return;
    }
  }

  get #steps(): number {
    return this.#rate.step === 'access' ? this.#accesses : this.#instructions;
  }

  #line(bytes: Buffer, from: number, to: number, line: number): void {
    // column 0: I, column 1: L S M
    const kind = bytes[from] === I ? I : bytes[from] === 32 ? bytes[from + 1]! : 0;
    const start = from + 3;
    if ((kind !== I && kind !== L && kind !== S && kind !== M) || start > to || bytes[from + 2] !== 32) {
      this.#foreign(bytes, from, to, line);
      return;
    }
    const page = hexPage(bytes, start, to);
    const { end, low } = num;
    const size = page >= 0 && bytes[end] === 44 ? decimal(bytes, end + 1, to) : -1;
    if (size < 0 || num.end !== to) {
      if (page === OVERFLOW) this.#ctx.reject('address-overflow', 'an address with more than 64 bits', { line, severity: 'warning' });
      else this.#ctx.reject('damaged-line', 'a Lackey line with an unreadable address or size', { line, severity: 'warning' });
      return;
    }
    const timeNs = this.#steps * this.#rate.nsPerStep;
    if (low + size <= 4096 && size > 0) this.#batches.add(timeNs, page, kind === S ? WRITE : READ, -1, -1, line);
    else addSized(this.#batches, this.#ctx, timeNs, page, low, size, kind === S ? WRITE : READ, -1, -1, line);
    if (kind === M) addSized(this.#batches, this.#ctx, timeNs, page, low, size, WRITE, -1, -1, line);
    this.#accesses++;
    if (kind === I) this.#instructions++;
  }

  /** Valgrind's messages and superblocks; anything else is the program's own output in the log. */
  #foreign(bytes: Buffer, from: number, to: number, line: number): void {
    if (from === to || OWN.test(bytes.toString('latin1', from, Math.min(to, from + 32)))) return;
    this.#ctx.reject('foreign-line', "a line that is not Lackey's: the program's output in the log (use --log-file)", {
      line,
      severity: 'warning',
    });
  }

  finish(): void {
    requireSome(this.#accesses, 'Lackey access', this.#path, 'record with valgrind --tool=lackey --trace-mem=yes --log-file=FILE');
    this.#batches.flush();
  }
}
