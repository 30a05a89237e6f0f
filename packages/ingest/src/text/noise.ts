/** Lines of a trace text that are no samples: headers, messages of the tools, and what they say about loss. */
import type { IngestContext } from '@workset/model';
import { quoteBytes } from '../lines.ts';

export type Noise = 'blank' | 'comment' | 'loss' | 'message' | 'frame';

/** Classifies a line without a time and counts it; `null` = nothing known. Cold path: builds strings. */
export class NoiseReader {
  /** First message of a tool, for the error when there is nothing else. */
  firstMessage: string | undefined;
  /** Release of the kernel, from the header that perf script --header prints. */
  kernel: string | undefined;
  readonly #ctx: IngestContext;

  constructor(ctx: IngestContext) {
    this.#ctx = ctx;
  }

  read(bytes: Uint8Array, from: number, to: number, line: number): Noise | null {
    if (from === to) return 'blank';
    if (bytes[from] === 9) return 'frame';
    if (bytes[from] !== 35 && bytes[from] !== 67 && !isMessageStart(bytes[from]!)) return null;
    const text = quoteBytes(bytes, from, to, 400);
    if (bytes[from] === 35) {
      this.#comment(text, line);
      return 'comment';
    }
    // CPU:0 [LOST 3616 EVENTS]    CPU:1 [12 EVENTS DROPPED]    CPU:1 [EVENTS DROPPED]
    const lost = /^CPU:\d+ \[(?:LOST (\d+) EVENTS|(?:(\d+) )?EVENTS DROPPED)\]/.exec(text);
    if (lost !== null) {
      this.#ctx.lost(Number(lost[1] ?? lost[2] ?? 1));
      return 'loss';
    }
    if (!MESSAGES.some((pattern) => pattern.test(text))) return null;
    if (!LAYOUT.test(text)) this.firstMessage ??= text.trim();
    // Processed 12 events and lost 3 chunks!
    const chunks = /lost (\d+) chunks/.exec(text);
    if (chunks !== null) this.#ctx.lost(Number(chunks[1]));
    this.#ctx.reject('message', 'a message of the recording tool among the lines', { line, severity: 'info' });
    return 'message';
  }

  /** `# entries-in-buffer/entries-written: 188/3804   #P:2` is ftrace's only sign of overwritten events. */
  #comment(text: string, line: number): void {
    this.kernel ??= /^# os release : (\S+)/.exec(text)?.[1];
    const entries = /^# entries-in-buffer\/entries-written: (\d+)\/(\d+)/.exec(text);
    if (entries === null) return;
    const overwritten = Number(entries[2]) - Number(entries[1]);
    if (overwritten > 0) {
      this.#ctx.lost(overwritten);
      this.#ctx.reject('overrun', 'the trace buffer overwrote older events before it was read', { line, severity: 'warning' });
    }
  }
}

function isMessageStart(byte: number): boolean {
  // letters, quote, bracket and blank open the known messages
  return (byte >= 65 && byte <= 90) || (byte >= 97 && byte <= 122) || byte === 39 || byte === 91 || byte === 32;
}

/** What trace-cmd report prints above every trace: no explanation of a missing sample. */
const LAYOUT = /^(cpus=|version = )\d+/;

const MESSAGES: readonly RegExp[] = [
  /^Samples for '.*' event do not have/,
  /^'\w+' not valid for/,
  /^\[ perf record/,
  /^Warning:/,
  /^Processed \d+ events/,
  /^Check IO\/CPU/,
  /^(libkmod|incompatible file format|failed to open)/,
  /^\s+\[\w+:\w+\] (bad op token|function|unknown)/,
  /^cpus=\d+/,
  /^version = \d/,
  /^CPU \d+ is empty/,
  /^\s*overriding event/,
];

/** `PERF_RECORD_LOST lost 1395` counts as lost, every other side-band record as such. */
export function countSideBand(ctx: IngestContext, bytes: Uint8Array, body: number, to: number, line: number): void {
  const text = quoteBytes(bytes, body, to, 100);
  const lost = /^PERF_RECORD_LOST(?:_SAMPLES)?:? +(?:lost +)?(\d+)/.exec(text);
  if (lost === null) ctx.reject('side-band', 'perf side-band records (mmap, comm, fork) are not read', { line, severity: 'info' });
  else ctx.lost(Number(lost[1]));
}
