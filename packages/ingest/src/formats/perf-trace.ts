/** `perf trace` text: page faults (-F all) and exceptions tracepoints, in ms since the start. */
import type { IngestBatch, IngestContext, Ingestor } from '@workset/model';
import { READ, WRITE } from '@workset/model';
import { AccessBatches } from '../text/access-batches.ts';
import { readLines, requireSome, shareOfLines } from '../text/line-reader.ts';
import type { LineReader } from '../text/line-reader.ts';
import { ascii, decimal, find, hexPage, num, skip0x } from '../text/numbers.ts';
import { spaceOption } from '../text/perf-text.ts';

export const perfTraceIngestor: Ingestor<'perf-trace'> = {
  descriptor: {
    id: 'perf-trace',
    title: 'perf trace text with page faults',
    source: 'Linux tools/perf/builtin-trace.c',
    produces: 'faults',
    space: 'gva',
    clock: 'trace',
    truth: 'faults',
    usualNames: ['perf-trace.txt'],
  },
  //      0.000 ( 0.000 ms): toucher/9678 minfault [..     0.045 toucher/9723 exceptions:page_fault_user(address
  sniff: (head) =>
    shareOfLines(head, /^\s*\d+\.\d{3} (\( *\d+\.\d{3} ms\): )?.*\/\d+ (m[ai][jn]fault \[|exceptions:page_fault_\w+\(address)/) > 0.5
      ? 0.9
      : 0,
  ingest: (source, ctx) => readLines(source, ctx, new PerfTraceReader(ctx, source.path)),
};

const FAULT = ascii('fault [');
const ARROW = ascii(' => ');
const EXCEPTION = ascii(' exceptions:page_fault_');
const ADDRESS = ascii('address');
const ERROR_CODE = ascii('error_code');
const ANON = ascii('@0x');

class PerfTraceReader implements LineReader {
  readonly out: IngestBatch[] = [];
  readonly #ctx: IngestContext;
  readonly #path: string;
  readonly #batches: AccessBatches;
  #events = 0;

  constructor(ctx: IngestContext, path: string) {
    this.#ctx = ctx;
    this.#path = path;
    this.#batches = new AccessBatches(spaceOption(ctx) ?? 'gva', ctx, this.out, true);
  }

  line(bytes: Buffer, from: number, to: number, line: number): void {
    if (from === to) return;
    let pos = from;
    while (pos < to && bytes[pos] === 32) pos++;
    const ms = decimal(bytes, pos, to);
    const dot = num.end;
    const fraction = bytes[dot] === 46 ? decimal(bytes, dot + 1, to) : -1;
    if (ms < 0 || fraction < 0 || num.end - dot !== 4) return this.#drop('not-a-sample', 'a line that is no perf trace event', line);
    const timeNs = ms * 1e6 + fraction * 1e3;
    const tid = tidOf(bytes, num.end, to);
    const exception = find(bytes, num.end, to, EXCEPTION);
    if (exception >= 0) this.#exception(bytes, exception, to, line, timeNs, tid);
    else this.#fault(bytes, num.end, to, line, timeNs, tid);
  }

  /** `(address: 0x7fe3a221eb70, ip: 140615654435696, error_code: 20)` or `(address=0x7f.. ip=0x7f.. error_code=0x14)` */
  #exception(bytes: Uint8Array, from: number, to: number, line: number, timeNs: number, tid: number): void {
    const page = numberAfter(bytes, from, to, ADDRESS);
    const code = numberAfter(bytes, from, to, ERROR_CODE);
    if (page < 0 || code < 0) return this.#drop('damaged-fields', 'an event with missing or unreadable fields', line);
    this.#events++;
    this.#batches.add(timeNs, page, (num.low & 2) === 0 ? READ : WRITE, tid, -1, line);
  }

  /**
   * `minfault [_start+0x0] => 0x565497877040 (?k)` names an address, `=> //anon@0x7fdf9523b010 (d.)` too;
   * `=> /usr/lib/ld.so@0x1ab70 (d.)` is an offset in a file and `=> _IO_stdin@0x..` in a symbol.
   */
  #fault(bytes: Uint8Array, from: number, to: number, line: number, timeNs: number, tid: number): void {
    const fault = find(bytes, from, to, FAULT);
    const arrow = fault < 0 ? -1 : find(bytes, fault, to, ARROW);
    if (arrow < 0) return this.#drop('other-event', 'an event that carries no accesses for this reader', line, 'info');
    const target = arrow + ARROW.length;
    const anon = bytes[target] === 47 && bytes[target + 1] === 47 ? find(bytes, target, to, ANON) + 1 : target;
    const digits = skip0x(bytes, anon);
    const page = digits === anon ? -1 : hexPage(bytes, digits, to);
    if (page < 0) return this.#drop('file-offset', 'a fault given as offset in a file: its address is not in the text', line);
    this.#events++;
    this.#batches.add(timeNs, page, READ, tid, -1, line);
  }

  #drop(code: string, message: string, line: number, severity: 'info' | 'warning' = 'warning'): void {
    this.#ctx.reject(code, message, { line, severity });
  }

  finish(): void {
    requireSome(this.#events, 'page fault with an address', this.#path, 'use perf script -F comm,pid,tid,cpu,time,event,addr,ip,sym --ns');
    this.#batches.flush();
  }
}

/** The tid of ` toucher/9723 `. */
function tidOf(bytes: Uint8Array, from: number, to: number): number {
  for (let pos = from; pos < to; pos++) {
    if (bytes[pos] !== 47) continue;
    const tid = decimal(bytes, pos + 1, to);
    if (tid >= 0 && bytes[num.end] === 32) return tid;
  }
  return -1;
}

/** Page of `key: 0x7f..` or `key=0x7f..`, or of a decimal; the low bits in num.low. Negative without one. */
function numberAfter(bytes: Uint8Array, from: number, to: number, key: Uint8Array): number {
  const at = find(bytes, from, to, key);
  if (at < 0) return -1;
  let pos = at + key.length + 1;
  while (pos < to && bytes[pos] === 32) pos++;
  const digits = skip0x(bytes, pos);
  if (digits > pos) return hexPage(bytes, digits, to);
  const value = decimal(bytes, pos, to);
  num.low = value % 4096;
  return value < 0 ? -1 : Math.floor(value / 4096);
}
