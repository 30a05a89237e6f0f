/** A part of a trace as a trace: frames and reports inside a stretch of time, pages inside a range. */
import { PAGE_BYTES, UsageError, throwIfAborted, REMAP_KINDS, type Observation, type SpaceId, type SpaceInfo } from '@workset/model';
import { createTraceWriter, openTrace, type SpaceReader, type TraceReader, type TraceWriter } from '@workset/store';
import type { ConvertOptions, ConvertResult } from './model.ts';

interface Cut {
  readonly time: readonly [number, number];
  /** Page numbers [from, to). */
  readonly pages: readonly [number, number];
}

/** Writes the trace `options.out`. `addr` cuts pages of every space kept; page sets of reports keep their ranges, as their pages may be of another space. */
export async function subsetTrace(path: string, options: ConvertOptions): Promise<ConvertResult> {
  if (options.pid !== undefined) throw new UsageError('a trace does not keep process ids', 'ingest the capture with --set pid=N instead');
  const trace = await openTrace(path);
  const cut: Cut = {
    time: options.time ?? [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY],
    pages:
      options.addr === undefined
        ? [0, Number.POSITIVE_INFINITY]
        : [Math.floor(options.addr[0] / PAGE_BYTES), Math.ceil(options.addr[1] / PAGE_BYTES)],
  };
  const { manifest } = trace;
  const spaces = manifest.spaces.map(({ id }) => id).filter((id) => options.space === undefined || id === options.space);
  if (options.space !== undefined && spaces.length === 0) trace.space(options.space);
  const classBits = Math.max(0, ...manifest.spaces.map((space) => space.classBits)) as SpaceInfo['classBits'];
  const writer = await createTraceWriter({ out: options.out, classBits });
  const totals = { rows: 0, outside: 0 };
  try {
    for (const id of spaces) copySpace(trace.space(id), writer, cut, totals, options.signal);
    for (const id of spaces) copyRemaps(trace, id, writer, cut, totals);
    copyReports(trace, writer, cut, spaces, totals);
    if (totals.rows === 0) throw new UsageError('nothing of the trace lies in what was asked for', `it spans ${spanText(trace)}`);
    await writer.close(finalOf(trace, cut, spaces));
  } catch (error) {
    await writer.abort();
    throw error;
  } finally {
    trace.close();
  }
  return {
    out: options.out,
    format: 'trace',
    content: 'accesses',
    ...totals,
    space: spaces.length === 1 ? spaces[0]! : null,
    clock: manifest.clock,
    timeUnitNs: manifest.quantumNs ?? 1,
    lost: [],
    diagnostics: manifest.diagnostics,
  };
}

function copySpace(
  space: SpaceReader,
  writer: TraceWriter,
  { time, pages }: Cut,
  totals: { rows: number; outside: number },
  signal: AbortSignal | undefined,
): void {
  const { frames, info } = space;
  const batch = new Int32Array(space.batchRows);
  let [held, first, next] = [0, 0, 0];
  let page = new Float64Array(1024);
  let cls = new Uint8Array(1024);
  for (let f = 0; f < frames.n; f++) {
    const [from, to] = [frames.rowStart[f]!, frames.rowStart[f + 1]!];
    if (to - from > page.length) {
      page = new Float64Array(to - from);
      cls = new Uint8Array(to - from);
    }
    let kept = 0;
    for (let row = from; row < to; row++) {
      while (row >= first + held) {
        throwIfAborted(signal);
        first += held;
        held = space.readBatch(next++, batch);
      }
      const touch = batch[row - first]!;
      const number = space.pageOf(touch >>> info.classBits);
      if (number < pages[0] || number >= pages[1]) continue;
      page[kept] = number;
      cls[kept++] = touch & ((1 << info.classBits) - 1);
    }
    const isInside = frames.t0Ns[f]! >= time[0] && frames.t1Ns[f]! <= time[1];
    totals.outside += isInside ? to - from - kept : to - from;
    if (!isInside) continue;
    // A frame without pages still says that nothing was touched; accesses that left with their pages are no longer counted.
    writer.frame(info.id, frames.t0Ns[f]!, frames.t1Ns[f]!, kept, page, cls, kept === to - from ? frames.nAccesses[f]! : kept);
    totals.rows += kept;
  }
  for (const block of space.blocks) {
    const start = Math.max(block * 512, pages[0]);
    const end = Math.min(block * 512 + 512, pages[1]);
    if (end > start) writer.declareRange(info.id, start, end - start);
  }
}

function copyRemaps(trace: TraceReader, id: SpaceId, writer: TraceWriter, { time, pages }: Cut, totals: { outside: number }): void {
  const { n, tNs, page, kind } = trace.remaps(id);
  for (let i = 0; i < n; i++) {
    const isInside = tNs[i]! >= time[0] && tNs[i]! < time[1] && page[i]! >= pages[0] && page[i]! < pages[1];
    if (isInside) writer.remap(id, tNs[i]!, page[i]!, REMAP_KINDS[kind[i]!]!);
    else totals.outside++;
  }
}

function copyReports(
  trace: TraceReader,
  writer: TraceWriter,
  { time }: Cut,
  spaces: readonly SpaceId[],
  totals: { rows: number; outside: number },
): void {
  for (const stream of trace.manifest.streams.filter(({ space }) => spaces.includes(space))) {
    const inside = (report: Observation) => report.setBeginNs >= time[0] && report.readEndNs <= time[1];
    const reports = trace.observations(stream.stream);
    const kept = reports.filter(inside);
    totals.outside += reports.length - kept.length;
    if (kept.length === 0) continue;
    writer.stream(stream);
    for (const report of kept) writer.observation(report);
    totals.rows += kept.length;
  }
}

function finalOf({ manifest }: TraceReader, { time }: Cut, spaces: readonly SpaceId[]): Parameters<TraceWriter['close']>[0] {
  const { clock, epochNs, quantumNs, vcpus, truth, synthetic, inputs, diagnostics, notes, producer, hugeBlocks, name } = manifest;
  const spans = manifest.spans
    .map((span) => ({ ...span, t0Ns: Math.max(span.t0Ns, time[0]), t1Ns: Math.min(span.t1Ns, time[1]) }))
    .filter(({ t0Ns, t1Ns }) => t1Ns > t0Ns);
  const huge = hugeBlocks?.filter(({ space }) => spaces.includes(space));
  return {
    name,
    clock,
    epochNs,
    quantumNs,
    vcpus,
    truth,
    synthetic,
    inputs,
    diagnostics,
    producer,
    spans,
    markers: manifest.markers.filter(({ tNs }) => tNs >= time[0] && tNs < time[1]),
    ...(huge === undefined ? {} : { hugeBlocks: huge }),
    notes: { ...notes, subset_of: manifest.traceId },
    mapTime: (ns) => ns,
    truthOf: Object.fromEntries(manifest.spaces.map((space) => [space.id, space.truth])),
  };
}

function spanText({ manifest }: TraceReader): string {
  const { spans } = manifest;
  return spans.length === 0 ? 'no time' : `${spans[0]!.t0Ns} to ${spans.at(-1)!.t1Ns} ns`;
}
