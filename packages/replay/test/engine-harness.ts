/** Runs the engine over a plain trace in memory and gives back windows in the oracle's shape. */
import assert from 'node:assert/strict';
import { BLOCK_PAGES, PageBitmap, parseParams, Prng, TABLES, type ParamValues, type Row } from '@workset/model';
import type { BulkColumn, EvictionTable, PackedSet, RunPart, SpaceReader, WindowRow } from '@workset/store';
import {
  blocksOf,
  pagesOf,
  printGrid,
  type DrawRandom,
  type OracleCycle,
  type OracleRegion,
  type OracleRemap,
  type OracleWindow,
  type OracleWorldConfig,
  type PlainTrace,
} from '@workset/testkit';
import {
  costProfiles,
  DEFAULT_PROFILE,
  runPass,
  schemes,
  type PageRange,
  type PassRun,
  type PassWorld,
  type Remap,
  type Report,
} from '@workset/replay';

/** A batch size that cuts frames in odd places. */
const BATCH_ROWS = 7;

/** The trace as a space of the store. */
export function spaceOf(trace: PlainTrace, batchRows: number = BATCH_ROWS): SpaceReader {
  const { frames, classBits } = trace;
  const blocks = Float64Array.from(blocksOf(trace));
  const idOf = (page: number): number => {
    const block = blocks.indexOf(Math.floor(page / BLOCK_PAGES));
    return block < 0 ? -1 : block * BLOCK_PAGES + (page % BLOCK_PAGES);
  };
  const rows = frames.flatMap(({ touches }) => touches.map(({ page, cls }) => (idOf(page) << classBits) | cls));
  const counts = frames.map(({ touches }) => touches.length);
  const rowStart = [0];
  for (const n of counts) rowStart.push(rowStart.at(-1)! + n);
  return {
    info: {
      id: 'gpa',
      classBits,
      nPages: blocks.length * BLOCK_PAGES,
      nTouches: rows.length,
      nAccesses: rows.length,
      nFrames: frames.length,
      truth: 'exact',
    },
    blocks,
    frames: {
      n: frames.length,
      t0Ns: Float64Array.from(frames, ({ t0Ns }) => t0Ns),
      t1Ns: Float64Array.from(frames, ({ t1Ns }) => t1Ns),
      rowStart: Float64Array.from(rowStart),
      nAccesses: Float64Array.from(counts),
      span: new Int32Array(frames.length),
    },
    batchRows,
    nBatches: Math.ceil(rows.length / batchRows),
    touchPlaces: () => undefined,
    readBatch(i, into) {
      const batch = rows.slice(i * batchRows, (i + 1) * batchRows);
      into.set(batch);
      return batch.length;
    },
    pageOf: (id) => blocks[Math.floor(id / BLOCK_PAGES)]! * BLOCK_PAGES + (id % BLOCK_PAGES),
    idOf,
  };
}

/** What parts have packed: any part may write it. */
const packedSets = new WeakMap<PackedSet, PageBitmap>();

/** A results part that keeps everything. */
export class RecordingPart implements RunPart {
  readonly windows: WindowRow[] = [];
  readonly sets = new Map<string, PageBitmap>();
  readonly regions = new Map<number, OracleRegion[]>();
  readonly costs: { readonly w: number; readonly op: string; readonly count: number }[] = [];

  window(row: WindowRow): void {
    this.windows.push(row);
  }
  pageSet(w: number, kind: string, scope: string, set: PageBitmap): void {
    const key = `${w} ${kind} ${scope}`;
    assert.ok(!this.sets.has(key), `set ${key} is written twice`);
    this.sets.set(key, set.clone());
  }
  pack(set: PageBitmap): PackedSet {
    const packed = { chunks: [], frames: [] };
    packedSets.set(packed, set.clone());
    return packed;
  }
  packedSet(w: number, kind: string, scope: string, set: PackedSet): void {
    this.pageSet(w, kind, scope, packedSets.get(set)!);
  }
  region(w: number, startPage: number, nPages: number, score: number, ageNs: number | null): void {
    const rows = this.regions.get(w) ?? [];
    rows.push({ startPage, nPages, score, ageNs: ageNs! });
    this.regions.set(w, rows);
  }
  cost(w: number, op: string, count: number): void {
    this.costs.push({ w, op, count });
  }
  readonly rows: { readonly table: EvictionTable; readonly row: Row }[] = [];
  row(table: EvictionTable, row: Row): void {
    this.rows.push({ table, row });
  }
  columns(table: EvictionTable, rows: number, columns: Readonly<Record<string, BulkColumn>>): void {
    for (let i = 0; i < rows; i++)
      this.row(table, Object.fromEntries(Object.entries(columns).map(([name, column]) => [name, cellOf(table, name, column, i)])));
  }
  drain = (): undefined => undefined;
  close = (): Promise<void> => Promise.resolve();
  abort = (): Promise<void> => Promise.resolve();
}

/** A cell as the store would write it. */
function cellOf(table: EvictionTable, name: string, column: BulkColumn, row: number): string | number | boolean {
  if (typeof column !== 'object') return column;
  if ('first' in column) return column.first + row;
  if ('codes' in column) return column.texts[column.codes[row]!]!;
  const { type } = TABLES[table].columns.find((spec) => spec.name === name)!;
  return type === 'BOOLEAN' ? column[row] !== 0 : Math.round(column[row]!);
}

export interface EngineRun {
  readonly scheme: string;
  readonly params?: Readonly<Record<string, unknown>>;
  readonly cycles?: readonly OracleCycle[];
  readonly range?: PageRange;
  readonly world?: PassWorld;
}

const SEED = 1;

function passRun(
  space: SpaceReader,
  part: RunPart,
  { range, world }: Pick<EngineRun, 'range' | 'world'>,
  work: PassRun['work'],
  randomName: string,
): PassRun {
  return {
    randomName,
    range: range ?? { from: 0, to: space.info.nPages },
    part,
    profile: costProfiles.get(DEFAULT_PROFILE),
    seed: SEED,
    world,
    work,
  };
}

/** The oracle's world as the engine's: blocks become dense ids, and all runs that are given it share it. */
export function engineWorld(trace: PlainTrace, { tlb, hugeBlocks, ...config }: OracleWorldConfig, name = 'shared'): PassWorld {
  const blocks = blocksOf(trace);
  const huge = config.backing === 'hugetlb' ? blocks : hugeBlocks;
  const dense = huge.map((block) => blocks.indexOf(block)).filter((block) => block >= 0);
  return {
    name,
    config: { ...config, hugeBlocks: dense.length === 0 ? undefined : PageBitmap.of(blocks.length, dense) },
    tlb,
  };
}

/** Page numbers as the engine's dense ids. */
export function engineRemaps(trace: PlainTrace, remaps: readonly OracleRemap[]): Remap[] {
  const pages = pagesOf(trace);
  return remaps.map(({ page, ...remap }) => ({ ...remap, id: pages.indexOf(page) }));
}

/** One pass with all the given runs in it. */
export async function runEngine(trace: PlainTrace, runs: readonly EngineRun[], remaps: readonly Remap[] = []): Promise<RecordingPart[]> {
  const space = spaceOf(trace);
  const parts = runs.map(() => new RecordingPart());
  const passRuns = runs.map(({ scheme: id, params = {}, cycles, ...where }, i) => {
    const scheme = schemes.get(id);
    const values: ParamValues = parseParams(id, scheme.config, params);
    const cyclesOrNull = cycles?.map((cycle, n) => ({ ...cycle, cycle: n })) ?? null;
    return passRun(space, parts[i]!, where, { kind: 'simulated', scheme, params: values, recorded: cyclesOrNull }, randomNameOf(id));
  });
  await runPass({ space, spans: trace.spans, quantumNs: trace.quantumNs, runs: passRuns, remaps });
  return parts;
}

/** Scores reports of a real tracker. */
export async function observeWithEngine(trace: PlainTrace, reports: readonly Report[]): Promise<RecordingPart> {
  const space = spaceOf(trace);
  const part = new RecordingPart();
  await runPass({
    space,
    spans: trace.spans,
    quantumNs: trace.quantumNs,
    runs: [passRun(space, part, {}, { kind: 'observed', reports }, 'observed')],
  });
  return part;
}

function randomNameOf(scheme: string): string {
  return `run of ${scheme}`;
}

/** The stream that the engine gives to a run in its n-th span. */
export function randomOf(scheme: string): (span: number) => DrawRandom {
  return (span) => {
    const stream = new Prng(`${randomNameOf(scheme)} ${SEED} ${span}`);
    return (n) => stream.below(n);
  };
}

/** Page numbers of the dense ids [from, to). */
export function trackedPages(trace: PlainTrace, range: PageRange | undefined): number[] {
  return range === undefined ? pagesOf(trace) : pagesOf(trace).slice(range.from, range.to);
}

const SCORED_KINDS = { touched: ['truth', 'edge'], written: ['truth_writes', 'edge_writes'] } as const;

/** Windows of the oracle, in a form that compares and prints. */
export function printOracle(windows: readonly Omit<OracleWindow, 'counts'>[]): object[] {
  return windows.map((window) => ({
    times: [window.outerT0Ns, window.claimT0Ns, window.claimT1Ns, window.outerT1Ns],
    span: window.span,
    reported: ascending(window.reported),
    eligible: window.eligible === undefined ? 'all' : ascending(window.eligible),
    regions: window.regions ?? [],
    truths: Object.fromEntries(
      window.truths.flatMap(({ scope, target, truth, edge }) => [
        [`${SCORED_KINDS[target][0]} ${scope}`, ascending(truth)],
        [`${SCORED_KINDS[target][1]} ${scope}`, ascending(edge)],
      ]),
    ),
  }));
}

/** Windows of the engine, in the same form. */
export function printEngine(trace: PlainTrace, part: RecordingPart): object[] {
  const pages = pagesOf(trace);
  const numbers = (set: PageBitmap): number[] => [...set.ids()].map((id) => pages[id]!);
  return part.windows.map((row) => {
    const eligible = part.sets.get(`${row.w} eligible `);
    const truths = [...part.sets].filter(([key]) => key.startsWith(`${row.w} truth`));
    return {
      times: [row.outerT0Ns, row.claimT0Ns, row.claimT1Ns, row.outerT1Ns],
      span: row.scored ? row.span : -1,
      reported: numbers(part.sets.get(`${row.w} reported `)!),
      eligible: eligible === undefined ? 'all' : numbers(eligible),
      regions: part.regions.get(row.w) ?? [],
      truths: Object.fromEntries(
        truths.flatMap(([key, truth]) => {
          // An empty edge set need not be written.
          const edge = part.sets.get(key.replace('truth', 'edge'));
          const name = key.slice(key.indexOf(' ') + 1);
          return [
            [name, numbers(truth)],
            [name.replace('truth', 'edge'), edge === undefined ? [] : numbers(edge)],
          ];
        }),
      ),
    };
  });
}

function ascending(set: ReadonlySet<number>): number[] {
  return [...set].sort((a, b) => a - b);
}

/** What the engine charged for one operation, window by window. */
export function countsOf(part: RecordingPart, op: string): number[] {
  return part.windows.map(({ w }) =>
    part.costs.filter((cost) => cost.w === w && cost.op === op).reduce((sum, { count }) => sum + count, 0),
  );
}

/** Asserts equality; a failure shows the trace as a grid. */
export function assertSame(trace: PlainTrace, engine: readonly unknown[], oracle: readonly unknown[]): void {
  try {
    assert.deepEqual(engine, oracle);
  } catch (error) {
    throw new Error(`engine (actual) and oracle (expected) disagree on\n${printGrid(trace)}\n${(error as Error).message}`, {
      cause: error,
    });
  }
}
