/** Differential test: whole eviction replays on random traces, every primitive under every policy, against the oracle. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { costProfiles, DEFAULT_PROFILE, KERNEL_OPS, primitives, type EvictPlan, type KernelOp } from '@workset/replay';
import {
  arbitraryTrace,
  oracleEvictions,
  ORACLE_PRIMITIVES,
  printGrid,
  QUANTUM_NS,
  type OracleStep,
  type OracleSwapper,
  type PlainTrace,
} from '@workset/testkit';
import { PRIMITIVE_SPECS, runEvictor, truthfulReports, type EvictRun } from './evict-harness.ts';

const { prices } = costProfiles.get(DEFAULT_PROFILE);

const RUNS = 16;
/** Pages of a memory that is looked over a few rows at a time, as it does not fit into the cache. */
const LARGE = 70_000;

/** Policies on few pages, and with a limit that leaves room for background evictions. */
const POLICIES = [
  'cold=1',
  'cold=2',
  'limit=3p',
  'limit=60%',
  'limit=5p,cold=1',
  'limit=6p,low=3p',
  'limit=80%,low=30%,cold=1',
  'limit=4p,order=oldest-fault-in',
  'limit=7p,low=2p,order=oldest-fault-in',
] as const;
/** Limits of 16 pages and more keep a reserve, and need more pages than the usual random trace has. */
const WIDE_POLICIES = ['limit=20p', 'limit=36p,cold=1', 'limit=33p,order=oldest-fault-in'] as const;
const traces = arbitraryTrace({ aligned: true, maxFrames: 40 });
const wideTraces = tracesOf(63, 16, fc.nat(3), 2);
/** Devices, hosts, GUP and other processes too; half of the touches are the user's. */
const actorClass = fc.oneof(fc.nat(1), fc.nat(13));
const actorTraces = tracesOf(11, 5, actorClass, 4);
const wideActorTraces = tracesOf(63, 16, actorClass, 4);

function tracesOf(
  lastPage: number,
  maxLength: number,
  cls: fc.Arbitrary<number>,
  classBits: PlainTrace['classBits'],
): fc.Arbitrary<PlainTrace> {
  const touches = fc.array(fc.record({ page: fc.nat(lastPage), cls }), { maxLength });
  // In frames as short as a kernel step, touches meet every state of a page under eviction.
  const frame = fc.record({ touches, ns: fc.constantFrom(QUANTUM_NS, QUANTUM_NS / 50, QUANTUM_NS / 500) });
  return fc.array(frame, { minLength: 8, maxLength: 400 / maxLength, size: 'max' }).map((columns) => {
    let endNs = 0;
    const frames = columns.map(({ touches, ns }) => ({ t0Ns: endNs, t1Ns: (endNs += ns), touches }));
    return { nPages: 64, classBits, quantumNs: QUANTUM_NS, frames, spans: [{ t0Ns: 0, t1Ns: endNs, label: '1' }] };
  });
}

for (const primitive of PRIMITIVE_SPECS) {
  for (const policy of [...POLICIES, ...WIDE_POLICIES]) {
    const isWide = (WIDE_POLICIES as readonly string[]).includes(policy);
    for (const [who, made] of [
      ['', isWide ? wideTraces : traces],
      [' with devices and other processes', isWide ? wideActorTraces : actorTraces],
    ] as const) {
      test(`${primitive} under ${policy}${who}: every eviction, refault and wait is as the oracle says`, () => {
        compare(primitive, policy, made);
      });
    }
  }
}

function compare(primitive: string, policy: string, made: fc.Arbitrary<PlainTrace>): void {
  let compared = 0;
  fc.assert(
    fc.property(
      fc.tuple(made, fc.boolean()).map(([trace, isLarge]) => (isLarge ? { ...trace, nPages: LARGE } : trace)),
      fc.constantFrom('rescue', 'finish'),
      fc.constantFrom('10us', '300us', '1500us', '4ms'),
      fc.constantFrom(1, 2, 5),
      fc.integer({ min: 1, max: 6 }),
      fc.boolean(),
      (trace, handler, latency, batch, every, armed) => {
        const text = `${primitive}${primitive.includes(':') ? ',' : ':'}${policy},batch=${batch},references=off,latency=${latency},handler=${handler}`;
        const reports = truthfulReports(trace, every);
        const run = runEvictor(trace, text, reports, armed);
        const expected = oracleEvictions(trace, swapperOf(run.plan, primitive, footprintOf(trace), armed), reports);
        compared += run.evictions.length;
        assertSame(run, expected, () => `${text}, reports every ${every}, ${armed ? '' : 'not '}armed, on\n${printGrid(trace)}`);
      },
    ),
    { numRuns: RUNS, endOnFailure: true },
  );
  assert.ok(compared > RUNS, `only ${compared} evictions`);
}

test('the oracle knows every primitive', () => {
  assert.deepEqual(Object.keys(ORACLE_PRIMITIVES).sort(), [...PRIMITIVE_SPECS].sort());
});

function footprintOf(trace: PlainTrace): number {
  return new Set(trace.frames.flatMap(({ touches }) => touches.map(({ page }) => page))).size;
}

/** The documented rules: pages of a limit, two batches of reserve without `low`, direct evictions of a 32nd. */
function swapperOf(plan: EvictPlan, primitive: string, footprint: number, armed: boolean): OracleSwapper {
  const setup = { backing: plan.backing, params: plan.params };
  const { open, evict, close } = primitives.get(plan.primitive);
  const pages = (text: string): number =>
    Math.max(1, text.endsWith('%') ? Math.floor((footprint * Number(text.slice(0, -1))) / 100) : Number(text.slice(0, -1)));
  const limit = plan.limit === '' ? undefined : pages(plan.limit);
  const reserve = limit === undefined ? 0 : Math.min(2 * plan.batch, Math.floor(limit / 16));
  const low = limit === undefined ? Infinity : plan.low === '' ? limit - reserve : Math.min(limit, pages(plan.low));
  const messageNs = prices['uffd-message'].vcpuNs;
  return {
    primitive,
    open: stepsOf(open({ ...setup, armed: true }), plan),
    openArming: stepsOf(open({ ...setup, armed: false }), plan),
    evict: stepsOf(evict({ ...setup, armed: true }), plan),
    close: stepsOf(close({ ...setup, armed: true }), plan),
    limit,
    high: limit === undefined ? Infinity : Math.floor((limit + low) / 2),
    low,
    direct: Math.min(plan.batch, Math.max(1, Math.floor((limit ?? 1) / 32))),
    cold: plan.cold,
    byFaultIn: plan.order === 'oldest-fault-in',
    rescue: plan.handler === 'rescue',
    isFile: plan.backing !== 'anon',
    batch: plan.batch,
    armed,
    messageNs,
    refaultNs: storeNs(plan, 1) + (plan.primitive === 'madv-pageout' ? 0 : messageNs + prices['uffd-copy'].trackerNs),
  };
}

function stepsOf(steps: Iterable<KernelOp>, plan: EvictPlan): OracleStep[] {
  return [...steps].map((name) => {
    const { perPage, perCall } = KERNEL_OPS[name];
    const sum = (ops: typeof perPage): number => ops.reduce((total, op) => total + prices[op].trackerNs, 0);
    const isStore = name === 'store' || name === 'writeback';
    return { name, ns: (pages: number) => (isStore ? storeNs(plan, pages) : pages * sum(perPage) + sum(perCall)) };
  });
}

function storeNs({ latencyNs, bytesPerSecond }: EvictPlan, pages: number): number {
  return latencyNs + Math.round((pages * 4096 * 1e9) / bytesPerSecond);
}

/** Rows in an order of their own: which of two pages of a batch comes first says nothing. */
function assertSame(run: EvictRun, expected: ReturnType<typeof oracleEvictions>, where: () => string): void {
  const got = {
    evictions: sorted(
      run.evictions.map((row) => ({
        page: row['page'],
        t: row['t_ns'],
        outcome: row['outcome'],
        direct: row['direct'],
        latency: row['latency_ns'],
        reads: row['reads'],
        writes: row['writes'],
        lost: row['lost_writes'],
        blocked: row['blocked_ns'],
      })),
    ),
    refaults: sorted(
      run.refaults.map((row) => ({
        page: row['page'],
        t: row['t_ns'],
        access: row['access'],
        away: row['away_ns'],
        wait: row['wait_ns'],
        windowRead: row['window_read'],
        stale: row['stale'],
      })),
    ),
    blocked: {
      user: run.summary['blocked_user_ns'],
      kernel: run.summary['blocked_kernel_ns'],
      reads: run.summary['blocked_reads'],
      writes: run.summary['blocked_writes'],
    },
    lost: run.summary['lost_writes'],
    peak: run.summary['peak_pages'],
  };
  try {
    assert.deepEqual(got, { ...expected, evictions: sorted(expected.evictions), refaults: sorted(expected.refaults) });
  } catch (error) {
    throw new Error(`${where()}\n${(error as Error).message}`, { cause: error });
  }
}

function sorted(rows: readonly object[]): object[] {
  return rows.toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
}
