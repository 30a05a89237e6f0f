/** Whether trackers reported while accesses were recorded: nothing else can be scored. */
import type { TraceSpan } from '@workset/model';
import type { InputLog } from './input-log.ts';

interface Stream {
  readonly log: InputLog;
  readonly times: (readonly [t0Ns: number, t1Ns: number])[];
}

export class ReportTimes {
  readonly #streams = new Map<string, Stream>();

  /** A report of marks set from t0Ns and read until t1Ns, trace time; one without times is not looked at. */
  add(log: InputLog, name: string, t0Ns: number, t1Ns: number): void {
    if (!Number.isFinite(t0Ns) || !Number.isFinite(t1Ns)) return;
    const stream = this.#streams.get(name);
    if (stream === undefined) this.#streams.set(name, { log, times: [[t0Ns, t1Ns]] });
    else stream.times.push([t0Ns, t1Ns]);
  }

  /** Warns of every stream without a single report inside a recorded span; of a trace without accesses there is nothing to say. */
  tell(spans: readonly TraceSpan[]): void {
    if (spans.length === 0) return;
    const recorded = `${seconds(spans[0]!.t0Ns)} to ${seconds(spans.at(-1)!.t1Ns)} s`;
    for (const [name, { log, times }] of this.#streams) {
      if (times.some(([t0, t1]) => spans.some((span) => t0 < span.t1Ns && t1 > span.t0Ns))) continue;
      const reported = `${seconds(times[0]![0])} to ${seconds(times.at(-1)![1])} s`;
      log.reasons.add(
        'reports-unscored',
        `no report of ${name} (${reported}) was made while accesses were recorded (${recorded}), so none can be scored: are they of one run, and on one clock (--clock-offset)?`,
        { count: times.length },
      );
    }
  }
}

function seconds(ns: number): string {
  return (ns / 1e9).toFixed(3);
}
