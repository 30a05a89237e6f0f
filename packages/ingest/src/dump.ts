/** Dumps without header or time: what they lack comes from options. */
import { TraceFormatError, UsageError, parseAddressRange, parseDuration } from '@workset/model';
import type { IngestBatch, IngestContext, Observation, ObservationStream, PageRangeBits, SpaceId } from '@workset/model';
import type { ByteReader } from './binary.ts';
import { spaceOption } from './text/perf-text.ts';

/** A page set over more than 4 TiB of addresses is damage, as in capture/assembler.ts; its bits would take 128 MiB. */
const MAX_PAGES = 2 ** 30;
/** Holes larger than this split an address space into separate streams. */
const MAX_HOLE_PAGES = 2 ** 18;

/** When the marks of a dump were set and when it was read. */
export interface DumpWindow {
  readonly beginNs: number;
  readonly endNs: number;
  /** False when no option told. */
  readonly known: boolean;
}

/**
 * Options `begin` (marks set) and `end` (dump read): durations or whole ns on the clock of the trace.
 * @param lengthNs how long the window is when only `end` is given
 */
export function dumpWindow(ctx: IngestContext, lengthNs?: number): DumpWindow {
  const { begin, end } = ctx.options;
  if (begin === undefined && end !== undefined && lengthNs !== undefined) {
    return { beginNs: timeOption(end) - lengthNs, endNs: timeOption(end), known: true };
  }
  if (begin === undefined || end === undefined) {
    ctx.reject('no-time', 'the dump has no time: its report is kept but belongs to no window; give the options begin and end', {
      severity: 'warning',
    });
    return { beginNs: 0, endNs: 0, known: false };
  }
  const window = { beginNs: timeOption(begin), endNs: timeOption(end), known: true };
  if (window.endNs < window.beginNs) throw new UsageError(`begin=${begin} is after end=${end}`);
  return window;
}

/** Option `end` by itself: when the dump was read, null when nothing says. */
export function readTime(ctx: IngestContext): number | null {
  const { end } = ctx.options;
  return end === undefined ? null : timeOption(end);
}

export function timeOption(text: string): number {
  return /^\d+$/.test(text) ? Number(text) : parseDuration(text);
}

/** A number option in decimal or 0x hex, `fallback` when absent. Throws UsageError. */
export function numberOption(ctx: IngestContext, name: string, fallback: number): number {
  const text = ctx.options[name];
  if (text === undefined) return fallback;
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0)
    throw new UsageError(`${name}=${text} is not a number`, `write ${name}=0x100 or ${name}=256`);
  return value;
}

/** One of `choices`; the first one when absent. Throws UsageError. */
export function choiceOption<const Choice extends string>(
  ctx: IngestContext,
  name: string,
  choices: readonly [Choice, ...Choice[]],
): Choice {
  const text = ctx.options[name] ?? choices[0];
  const found = choices.find((choice) => choice === text);
  if (found === undefined) throw new UsageError(`${name}=${text}`, `one of ${choices.join(', ')}`);
  return found;
}

/** Virtual pages of a dump in file order: `vaddr=0x7a0000000000` or `vaddr=0x1000-0x3000,0x8000-0x9000`. */
export function pageRanges(ctx: IngestContext, name: string, nPages: number): { startPage: number; nPages: number }[] {
  const text = ctx.options[name];
  if (text === undefined) {
    throw new UsageError(
      'the dump does not say which addresses it is of',
      `give ${name}=0xSTART, or the ranges of the maps file it was made from: ${name}=0xA-0xB,0xC-0xD`,
    );
  }
  if (/^(0x[0-9a-f]+|\d+)$/i.test(text)) {
    // a 64-bit address as a number is exact only in its upper bits: all that a page number needs
    return [{ startPage: Number(BigInt(text) >> 12n), nPages }];
  }
  return text.split(',').map((part) => {
    const [start, end] = parseAddressRange(part);
    return { startPage: Math.floor(start / 4096), nPages: Math.ceil(end / 4096) - Math.floor(start / 4096) };
  });
}

/** Native u64 words of a whole file, in pieces; a tail that is no word is counted. */
export async function* u64Pieces(reader: ByteReader, ctx: IngestContext): AsyncGenerator<DataView> {
  while (await reader.need(8)) {
    const whole = reader.available & ~7;
    yield new DataView(reader.bytes.buffer, reader.bytes.byteOffset + reader.start, whole);
    reader.start += whole;
  }
  if (reader.available > 0) {
    ctx.reject('partial-entry', `${reader.available} bytes at the end are no whole 8-byte entry`, {
      byteOffset: reader.offset,
      severity: 'warning',
    });
  }
}

/** A set of pages given as runs. */
export interface PageRun {
  readonly startPage: number;
  readonly nPages: number;
}

/** Bits over [startPage, startPage + nPages) with the runs set. Throws TraceFormatError for absurd spans. */
export function bitsOfRuns(startPage: number, nPages: number, runs: Iterable<PageRun>, file: string): PageRangeBits {
  if (!(nPages <= MAX_PAGES))
    throw new TraceFormatError(`a span of ${nPages} pages is too large`, { file }, 'check the addresses and the byte order');
  const bits = new Uint8Array(Math.ceil(nPages / 8));
  for (const run of runs) {
    const end = run.startPage + run.nPages - startPage;
    let i = run.startPage - startPage;
    for (; i < end && i % 8 !== 0; i++) setBit(bits, i);
    const whole = Math.max(i, end - (end % 8));
    bits.fill(0xff, i / 8, whole / 8);
    for (i = whole; i < end; i++) setBit(bits, i);
  }
  return { startPage, nPages, bits };
}

function setBit(bits: Uint8Array, i: number): void {
  bits[Math.floor(i / 8)]! |= 1 << (i % 8);
}

/** Groups ascending runs so that no group has a hole above 1 GiB: page sets of a group stay small. */
export function clusters<Run extends PageRun>(runs: readonly Run[]): Run[][] {
  const groups: Run[][] = [];
  let end = Number.NEGATIVE_INFINITY;
  for (const run of runs) {
    if (run.startPage - end > MAX_HOLE_PAGES) groups.push([]);
    groups.at(-1)!.push(run);
    end = Math.max(end, run.startPage + run.nPages);
  }
  return groups;
}

/** Declaration of a page-set stream. */
export function pageStream(
  stream: string,
  tracker: string,
  space: SpaceId,
  target: 'touched' | 'written',
  range: ObservationStream['range'],
  notes: ObservationStream['notes'] = {},
): IngestBatch {
  return {
    kind: 'stream',
    arenaRelative: false,
    stream: { stream, tracker, space, inputId: '', range, target, granuleBytes: 4096, notes },
  };
}

/** Report of one dump. */
export function pageReport(
  stream: string,
  window: DumpWindow,
  reported: PageRangeBits,
  eligible: PageRangeBits | null,
  complete: boolean,
  counts: Observation['counts'] = {},
): IngestBatch {
  return {
    kind: 'report',
    report: {
      stream,
      cycle: 0,
      setBeginNs: window.beginNs,
      setEndNs: window.beginNs,
      readBeginNs: window.endNs,
      readEndNs: window.endNs,
      complete: complete && window.known,
      counts,
      reported,
      eligible,
      regions: null,
    },
  };
}

/** Option `space`, or `fallback`. */
export function spaceOf(ctx: IngestContext, fallback: SpaceId): SpaceId {
  return spaceOption(ctx) ?? fallback;
}

/** One row of a size-only output. */
export function sizeRow(subject: string, values: Readonly<Record<string, number>>, tNs: number | null = null): IngestBatch {
  return { kind: 'sizes', tNs, subject, values };
}
