/** QEMU's execlog plugin: one executed instruction a line with its loads and stores; guest physical in system mode. */
import type { IngestBatch, IngestContext, Ingestor } from '@workset/model';
import { READ, WRITE } from '@workset/model';
import { AccessBatches } from '../text/access-batches.ts';
import { readLines, requireSome, shareOfLines } from '../text/line-reader.ts';
import type { LineReader } from '../text/line-reader.ts';
import { ascii, decimal, hexPage, num, skip0x, skipBlanks, startsWith } from '../text/numbers.ts';
import { rateOption } from '../text/ordinal.ts';
import type { Rate } from '../text/ordinal.ts';
import { spaceOption } from '../text/perf-text.ts';

export const qemuExeclogIngestor: Ingestor<'qemu-execlog'> = {
  descriptor: {
    id: 'qemu-execlog',
    title: 'QEMU execlog plugin output',
    source: 'QEMU contrib/plugins/execlog.c',
    produces: 'accesses',
    space: 'any',
    clock: 'ordinal',
    truth: 'exact',
    usualNames: ['execlog.txt'],
  },
  // 0, 0x10c8, 0xfff96c43, "ldr r3, [r0, #0x44]", load, 0x200000e4, RAM
  sniff: (head) => (shareOfLines(head, /^\d+, 0x[0-9a-f]+, 0x[0-9a-f]+, "/) > 0.6 ? 0.95 : 0),
  ingest: (source, ctx) => readLines(source, ctx, new ExeclogReader(ctx, source.path)),
};

const LOAD = ascii('load');
const STORE = ascii('store');
const RAM = ascii('RAM');

class ExeclogReader implements LineReader {
  readonly out: IngestBatch[] = [];
  readonly #ctx: IngestContext;
  readonly #path: string;
  readonly #virtual: AccessBatches;
  readonly #physical: AccessBatches;
  readonly #rate: Rate;
  #accesses = 0;
  #instructions = 0;

  constructor(ctx: IngestContext, path: string) {
    this.#ctx = ctx;
    this.#path = path;
    const space = spaceOption(ctx);
    this.#physical = new AccessBatches(space ?? 'gpa', ctx, this.out, true);
    this.#virtual = space === undefined ? new AccessBatches('gva', ctx, this.out, true) : this.#physical;
    this.#rate = rateOption(ctx, 'an execlog', true);
  }

  line(bytes: Buffer, from: number, to: number, line: number): void {
    if (from === to) return;
    const cpu = decimal(bytes, from, to);
    const quote = cpu < 0 || bytes[num.end] !== 44 ? -1 : bytes.indexOf(34, num.end);
    const close = quote < 0 || quote >= to ? -1 : closingQuote(bytes, quote + 1, to);
    if (close < 0) return this.#damaged(line);
    this.#instructions++;
    let pos = close + 1;
    while (pos < to && bytes[pos] === 44) {
      pos = skipBlanks(bytes, pos + 1, to);
      const store = startsWith(bytes, pos, to, STORE);
      if (!store && !startsWith(bytes, pos, to, LOAD)) return this.#rest(bytes, pos, to, line);
      pos = skipBlanks(bytes, pos + (store ? STORE.length : LOAD.length) + 1, to);
      const page = hexPage(bytes, skip0x(bytes, pos), to);
      if (page < 0 || (num.end < to && bytes[num.end] !== 44)) return this.#damaged(line);
      pos = this.#access(bytes, num.end, to, page, store, cpu, line);
    }
  }

  /** `, RAM` behind the address means system mode, and that the address is guest physical; other names are devices. */
  #access(bytes: Uint8Array, end: number, to: number, page: number, store: boolean, cpu: number, line: number): number {
    const steps = this.#rate.step === 'instruction' ? this.#instructions - 1 : this.#accesses;
    const name = end < to ? skipBlanks(bytes, end + 1, to) : to;
    const isNext = name >= to || startsWith(bytes, name, to, LOAD) || startsWith(bytes, name, to, STORE);
    if (!isNext && !startsWith(bytes, name, to, RAM)) {
      this.#ctx.reject('device-access', 'an access to a device, not to memory', { line, severity: 'info' });
    } else {
      this.#accesses++;
      (isNext ? this.#virtual : this.#physical).add(steps * this.#rate.nsPerStep, page, store ? WRITE : READ, -1, cpu, line);
    }
    if (isNext) return end;
    let pos = name;
    while (pos < to && bytes[pos] !== 44) pos++;
    return pos;
  }

  /** Register values may follow: `, x0 -> 0x1`. */
  #rest(bytes: Uint8Array, from: number, to: number, line: number): void {
    for (let pos = from; pos + 1 < to; pos++) if (bytes[pos] === 45 && bytes[pos + 1] === 62) return;
    this.#damaged(line);
  }

  #damaged(line: number): void {
    this.#ctx.reject('damaged-line', 'an execlog line that cannot be read', { line, severity: 'warning' });
  }

  finish(): void {
    requireSome(this.#accesses, 'load or store', this.#path, 'run QEMU with -plugin execlog -d plugin');
    this.#ctx.reject('no-fetches', 'instruction fetches are not counted: execlog prints their virtual address only', { severity: 'info' });
    this.#virtual.flush();
    if (this.#physical !== this.#virtual) this.#physical.flush();
  }
}

/** The quote that ends the disassembly: the last one of the line, as operands may hold quotes and what follows has none. */
function closingQuote(bytes: Uint8Array, from: number, to: number): number {
  let pos = to - 1;
  while (pos >= from && bytes[pos] !== 34) pos--;
  return pos >= from ? pos : -1;
}
