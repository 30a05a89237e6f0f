/** Curves of a trace: computed, and as rows of the table `curves`. */
import type { Row, SpaceId } from '@workset/model';
import { missRatioCurve, sampledMissRatioCurve, workingSetCurve } from '@workset/replay';
import { createResultsDir, writeTablePart } from '@workset/store';
import type { SpaceReader, TraceReader } from '@workset/store';

import { version } from './version.ts';

export const CURVE_KINDS = ['miss-ratio', 'working-set'] as const;
export type CurveKind = (typeof CURVE_KINDS)[number];

export interface CurvePoint {
  /** Pages of memory, or frames of the window. */
  readonly x: number;
  /** Miss ratio, or pages. */
  readonly value: number;
  /** Two standard errors. */
  readonly error: number;
}
export interface Curve {
  readonly kind: CurveKind;
  readonly space: SpaceId;
  readonly sample: CurveSample | undefined;
  readonly touches: number;
  /** Touched at all; NULL = not counted. */
  readonly pages: number | null;
  readonly points: readonly CurvePoint[];
}
/** Which pages were followed. */
export interface CurveSample {
  readonly rate: number;
  readonly seed: number;
}
export interface CurveRequest {
  /** Of the miss ratio; undefined = all pages. */
  readonly sample?: CurveSample | undefined;
  /** Points at most. */
  readonly points: number;
  readonly signal: AbortSignal;
}

export function curveOf(kind: CurveKind, space: SpaceReader, { sample, points, signal }: CurveRequest): Curve {
  if (kind === 'working-set') {
    const found = workingSetCurve(space, { signal });
    const values = steps(found.frames, points).map((x) => ({ x, value: found.pages(x), error: 0 }));
    return { kind, space: space.info.id, sample: undefined, touches: space.info.nTouches, pages: null, points: values };
  }
  const found = sample === undefined ? missRatioCurve(space, { signal }) : sampledMissRatioCurve(space, { ...sample, signal });
  const values = steps(found.pages, points).map((x) => ({ x, value: found.missRatio(x), error: found.error(x) }));
  return { kind, space: space.info.id, sample, touches: found.touches, pages: Math.round(found.pages), points: values };
}

/** Whole numbers up to `max`, evenly spread by ratio, ends included. */
function steps(max: number, points: number): number[] {
  const last = Math.max(1, Math.round(max));
  return [...new Set(Array.from({ length: points }, (_, i) => Math.round(last ** (i / (points - 1)))))];
}

/** Adds the curve to the results in `dir`, which is made when missing; the same curve of an earlier time is replaced. */
export async function storeCurve(dir: string, trace: TraceReader, curve: Curve, argv: readonly string[]): Promise<void> {
  const { traceId } = trace.manifest;
  await createResultsDir(dir, { version: version(), argv, traceId });
  const { sample } = curve;
  const how = sample === undefined ? '' : `-${sample.rate}-${sample.seed}`;
  await writeTablePart(dir, 'curves', `${traceId}-${curve.space}-${curve.kind}${how}`, rowsOf(trace, curve));
}

function rowsOf({ manifest }: TraceReader, { kind, space, sample, touches, pages, points }: Curve): Row[] {
  const { quantumNs } = manifest;
  const unit = kind === 'miss-ratio' ? 'pages' : quantumNs === null ? 'frames' : 'ns';
  return points.map(({ x, value, error }) => ({
    trace_id: manifest.traceId,
    trace: manifest.name,
    space,
    truth: manifest.spaces.find(({ id }) => id === space)?.truth ?? manifest.truth,
    kind,
    method: sample === undefined ? 'exact' : 'sampled',
    rate: sample?.rate ?? 1,
    seed: sample?.seed ?? null,
    x: unit === 'ns' ? x * quantumNs! : x,
    x_unit: unit,
    value,
    value_unit: kind === 'miss-ratio' ? 'ratio' : 'pages',
    error,
    touches,
    pages,
    version: version(),
  }));
}
