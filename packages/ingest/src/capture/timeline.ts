/** Spans and markers of a capture, kept on their files' clocks until all sync points are known. */
import type { TraceMarker, TraceSpan } from '@workset/model';
import type { InputClock } from './clocks.ts';

/** Two markers of one code this close are the same instant, seen by two files. */
const SAME_INSTANT_NS = 1e6;
/** What the exact log calls a phase whose name it does not know. */
const UNNAMED = /^(phase|marker) \d+$/;

interface SpanEdge {
  readonly begin: boolean;
  readonly tNs: number;
  readonly label: string;
}

/** Of one input with accesses. */
export interface RecordedTimes {
  readonly clock: InputClock;
  readonly edges: SpanEdge[];
  /** First and last touch that was kept; infinite when there is none. */
  firstNs: number;
  lastNs: number;
}

export class Timeline {
  readonly #recorded: RecordedTimes[] = [];
  readonly #markers: (TraceMarker & { readonly clock: InputClock })[] = [];

  input(clock: InputClock): RecordedTimes {
    const times: RecordedTimes = { clock, edges: [], firstNs: Number.POSITIVE_INFINITY, lastNs: Number.NEGATIVE_INFINITY };
    this.#recorded.push(times);
    return times;
  }

  marker(clock: InputClock, tNs: number, code: number, label: string): void {
    this.#markers.push({ clock, tNs, code, label });
  }

  /** Spans in trace time, ascending and apart from each other; those of earlier (better) inputs win. */
  spans(keep: (span: TraceSpan) => TraceSpan | undefined): TraceSpan[] {
    const spans: TraceSpan[] = [];
    for (const times of this.#recorded) {
      if (times.lastNs < times.firstNs) continue;
      for (const whole of spansOf(times)) {
        const span = keep(whole);
        if (span !== undefined && spans.every((other) => span.t1Ns <= other.t0Ns || span.t0Ns >= other.t1Ns)) spans.push(span);
      }
    }
    return spans.sort((a, b) => a.t0Ns - b.t0Ns);
  }

  /** Markers in trace time, ascending; one that two files saw is kept once, with its name. */
  markers(): TraceMarker[] {
    const all = this.#markers
      .map(({ clock, tNs, code, label }) => ({ tNs: clock.toTrace(tNs), code, label }))
      .sort((a, b) => a.tNs - b.tNs || a.code - b.code);
    const kept: TraceMarker[] = [];
    for (const marker of all) {
      const twin = kept.findLastIndex((other) => other.code === marker.code && marker.tNs - other.tNs < SAME_INSTANT_NS);
      if (twin < 0) kept.push(marker);
      else if (UNNAMED.test(kept[twin]!.label)) kept[twin] = { ...kept[twin]!, label: marker.label };
    }
    return kept;
  }
}

/** Begin and end edges as spans; without edges one span from the first to the last touch. */
function spansOf({ clock, edges, firstNs, lastNs }: RecordedTimes): TraceSpan[] {
  if (edges.length === 0) return [{ t0Ns: clock.toTrace(firstNs), t1Ns: clock.toTrace(lastNs), label: '' }];
  const spans: TraceSpan[] = [];
  let open: SpanEdge | undefined;
  for (const edge of edges) {
    if (edge.begin) {
      open ??= edge;
    } else if (open !== undefined) {
      spans.push({ t0Ns: clock.toTrace(open.tNs), t1Ns: clock.toTrace(edge.tNs), label: open.label });
      open = undefined;
    } else if (spans.length === 0 && firstNs < edge.tNs) {
      // The log was split, or begun late: what it holds before the end was recorded.
      spans.push({ t0Ns: clock.toTrace(firstNs), t1Ns: clock.toTrace(edge.tNs), label: edge.label });
    }
  }
  if (open !== undefined && lastNs > open.tNs)
    spans.push({ t0Ns: clock.toTrace(open.tNs), t1Ns: clock.toTrace(lastNs), label: open.label });
  return spans;
}
