/** Schemes run on traces drawn as text, for tests that ask one question. */
import { grid, PLAIN_WORLD, QUANTUM_NS, type OracleRemap, type OracleWorldConfig, type PlainTrace } from '@workset/testkit';
import { countsOf, engineRemaps, engineWorld, runEngine, trackedPages, type EngineRun, type RecordingPart } from './engine-harness.ts';

export const ms = (n: number): number => n * QUANTUM_NS;

export interface Setting {
  readonly world?: Partial<OracleWorldConfig>;
  readonly remaps?: readonly OracleRemap[];
}

/** Runs the schemes in one world, at an interval in milliseconds unless they say otherwise. */
export async function together(
  trace: PlainTrace,
  everyMs: number,
  runs: readonly (string | EngineRun)[],
  { world = {}, remaps = [] }: Setting = {},
): Promise<Result[]> {
  const shared = engineWorld(trace, { ...PLAIN_WORLD, ...world });
  const parts = await runEngine(
    trace,
    runs.map((run) => {
      const { scheme, params, ...rest } = typeof run === 'string' ? { scheme: run, params: {} } : run;
      return { ...rest, scheme, params: scheme.startsWith('damon') ? { ...params } : { interval: ms(everyMs), ...params }, world: shared };
    }),
    engineRemaps(trace, remaps),
  );
  return parts.map((part) => new Result(trace, part));
}

/** One scheme in a world of its own. */
export async function alone(trace: PlainTrace, everyMs: number, run: string | EngineRun, setting: Setting = {}): Promise<Result> {
  return (await together(trace, everyMs, [run], setting))[0]!;
}

export class Result {
  readonly part: RecordingPart;
  readonly #pages: readonly number[];
  constructor(trace: PlainTrace, part: RecordingPart) {
    this.part = part;
    this.#pages = trackedPages(trace, undefined);
  }
  /** Page numbers of a set, window by window. */
  sets(kind = 'reported', scope = ''): number[][] {
    return this.part.windows.map(({ w }) => [...(this.part.sets.get(`${w} ${kind} ${scope}`)?.ids() ?? [])].map((id) => this.#pages[id]!));
  }
  last(kind = 'reported', scope = ''): number[] {
    return this.sets(kind, scope).at(-1)!;
  }
  total(op: string): number {
    return countsOf(this.part, op).reduce((sum, count) => sum + count, 0);
  }
  /** Recall over all windows but the first, which only warms up. */
  recall(): number {
    const truth = this.sets('truth', 'mapped').slice(1);
    const hits = this.sets()
      .slice(1)
      .map((set, w) => set.filter((page) => truth[w]!.includes(page)).length);
    return sum(hits) / sum(truth.map((set) => set.length));
  }
}
export const sum = (counts: readonly number[]): number => counts.reduce((a, b) => a + b, 0);

/** `n` pages from 0 on, each with the columns that `row` gives it. */
export function pages(n: number, row: (page: number) => string): PlainTrace {
  return grid(Array.from({ length: n }, (_, page) => `p${page}: ${row(page)}`).join('|'));
}
export const host = { mmu: 'host' } as const;
/** Holds the whole of every trace here. */
export const bigTlb = { entries: 4096, hugeEntries: 1024, ways: 4, flushFrames: 0 };
