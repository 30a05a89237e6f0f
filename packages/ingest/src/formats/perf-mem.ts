/** Memory samples with a data source: `perf mem -D report` rows, and perf script text printed with data_src. */
import type { ByteSource, IngestBatch, IngestContext, Ingestor } from '@workset/model';
import { READ, WRITE } from '@workset/model';
import { AccessBatches } from '../text/access-batches.ts';
import { isStore } from '../text/fault-body.ts';
import { lineBlocks } from '../lines.ts';
import type { LineCursor } from '../lines.ts';
import { requireSome, take } from '../text/line-reader.ts';
import { ascii, decimal, hexLow32, hexPage, num, OVERFLOW, skip0x, startsWith } from '../text/numbers.ts';
import { rateOption } from '../text/ordinal.ts';
import type { Rate } from '../text/ordinal.ts';
import { perfTextIngest, spaceOption } from '../text/perf-text.ts';
import { surveyText } from '../text/survey.ts';

const HEADER = ascii('# PID, TID, IP, ADDR');

export const perfMemIngestor: Ingestor<'perf-mem'> = {
  descriptor: {
    id: 'perf-mem',
    title: 'perf mem samples as text',
    source: 'Linux tools/perf/builtin-mem.c; include/uapi/linux/perf_event.h union perf_mem_data_src',
    produces: 'accesses',
    space: 'gva',
    clock: 'trace',
    truth: 'sampled',
    usualNames: ['*.perf-mem.txt'],
  },
  sniff(head) {
    if (startsWith(head, 0, head.length, HEADER)) return 0.95;
    const survey = surveyText(head);
    return survey.dataSource > 0 && survey.dataSource * 2 > survey.samples ? 0.9 : 0;
  },
  ingest,
};

async function* ingest(source: ByteSource, ctx: IngestContext): AsyncGenerator<IngestBatch> {
  const chunks = source.chunks()[Symbol.asyncIterator]();
  const opening: Uint8Array[] = [];
  let size = 0;
  while (size < HEADER.length + 3) {
    const next = await chunks.next();
    if (next.done === true) break;
    opening.push(new Uint8Array(next.value));
    size += next.value.length;
  }
  const head = Buffer.concat(opening);
  const bom = head[0] === 0xef ? 3 : 0;
  const again: ByteSource = { path: source.path, chunks: () => replay(head, chunks) };
  if (startsWith(head, bom, head.length, HEADER)) yield* report(again, ctx);
  else yield* perfTextIngest(again, ctx);
}

async function* replay(head: Uint8Array, rest: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield head;
  for (let next = await rest.next(); next.done !== true; next = await rest.next()) yield next.value;
}

/** `perf mem -D [-x ,] [-p] report`: no time, the data source as a number. */
async function* report(source: ByteSource, ctx: IngestContext): AsyncGenerator<IngestBatch> {
  const out: IngestBatch[] = [];
  const rows = new ReportRows(ctx, out);
  for await (const lines of lineBlocks(source, ctx)) {
    rows.block(lines);
    yield* take(out);
  }
  rows.finish(source.path);
  yield* take(out);
}

class ReportRows {
  readonly #ctx: IngestContext;
  readonly #batches: AccessBatches;
  readonly #rate: Rate;
  #columns: readonly string[] = [];
  #rows = 0;

  constructor(ctx: IngestContext, out: IngestBatch[]) {
    this.#ctx = ctx;
    this.#batches = new AccessBatches(spaceOption(ctx) ?? 'gva', ctx, out, true);
    this.#rate = rateOption(ctx, 'a perf mem report', false);
  }

  block(lines: LineCursor): void {
    while (lines.next()) this.#row(lines);
  }

  /** `2272 2272 0xffffffff817554ea 0x7f002df10110 38 0x429100442 [kernel.kallsyms]:elf_load`, or with commas */
  #row({ bytes, from, to, line }: LineCursor): void {
    if (from === to) return;
    if (bytes[from] === 35) {
      this.#columns = bytes
        .toString('latin1', from + 1, to)
        .split(',')
        .map((name) => name.trim());
      return;
    }
    const at = this.#columns.indexOf('ADDR');
    const source = this.#columns.indexOf('DSRC');
    const cells = splitCells(bytes, from, to, Math.max(at, source) + 1);
    if (at < 0 || source < 0 || cells.length <= Math.max(at, source)) return this.#damaged(line);
    const [addressFrom, addressTo] = this.#addressCell(bytes, cells[at]!);
    const page = hexPage(bytes, addressFrom, addressTo);
    if (page === OVERFLOW || num.end !== addressTo) return this.#damaged(line);
    const [sourceFrom, sourceTo] = cells[source]!;
    const digits = skip0x(bytes, sourceFrom);
    const value = hexLow32(bytes, digits, sourceTo);
    if (page < 0 || num.end === digits) return this.#damaged(line);
    const tid = decimal(bytes, cells[1]![0], cells[1]![1]);
    this.#batches.add(this.#rows * this.#rate.nsPerStep, page, isStore(value) ? WRITE : READ, tid, -1, line);
    this.#rows++;
  }

  /** perf prints the first row's address with the format `0x016%lx` when no separator is given. */
  #addressCell(bytes: Uint8Array, [from, to]: readonly [number, number]): readonly [number, number] {
    const digits = skip0x(bytes, from);
    const glued = this.#rows === 0 && to - digits > 3 && bytes[digits] === 48 && bytes[digits + 1] === 49 && bytes[digits + 2] === 54;
    if (glued) this.#ctx.reject('perf-format-bug', "the first row's address had perf's stray 016 in front: removed", { severity: 'info' });
    return [glued ? digits + 3 : digits, to];
  }

  #damaged(line: number): void {
    this.#ctx.reject('damaged-fields', 'a row with missing or unreadable fields', { line, severity: 'warning' });
  }

  finish(path: string): void {
    requireSome(this.#rows, 'memory sample', path, 'print them with perf mem -D report -x ,');
    this.#batches.flush();
  }
}

/** Bounds of the first `max` cells, separated by blanks or commas. */
function splitCells(bytes: Uint8Array, from: number, to: number, max: number): (readonly [number, number])[] {
  const cells: (readonly [number, number])[] = [];
  let pos = from;
  while (pos < to && cells.length < max) {
    while (pos < to && (bytes[pos] === 32 || bytes[pos] === 44)) pos++;
    const start = pos;
    while (pos < to && bytes[pos] !== 32 && bytes[pos] !== 44) pos++;
    if (pos > start) cells.push([start, pos]);
  }
  return cells;
}
