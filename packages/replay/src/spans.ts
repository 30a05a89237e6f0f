/** The stretches of time that a replay covers. */
import { RunError, type TraceSpan } from '@workset/model';
import type { SpaceReader, TraceReader } from '@workset/store';

/** From, to; ns. */
export type TimeRange = readonly [number, number];

/** The recorded spans inside the wanted time; logs without spans count as one. */
export function spansOf(trace: TraceReader, { frames }: SpaceReader, time: TimeRange | undefined): TraceSpan[] {
  const recorded =
    trace.manifest.spans.length > 0
      ? trace.manifest.spans
      : frames.n === 0
        ? []
        : [{ t0Ns: frames.t0Ns[0]!, t1Ns: frames.t1Ns[frames.n - 1]!, label: '' }];
  const [from, to] = time ?? [-Infinity, Infinity];
  const spans = recorded
    .filter(({ t0Ns, t1Ns }) => t1Ns > from && t0Ns < to)
    .map((span) => ({ ...span, t0Ns: Math.max(from, span.t0Ns), t1Ns: Math.min(to, span.t1Ns) }));
  if (spans.length === 0 && recorded.length > 0)
    throw new RunError('no accesses were recorded in the wanted time', 'workset info shows the recorded spans');
  return spans;
}
