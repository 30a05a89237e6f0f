/** Differential test: the fate of every background eviction on random traces, against the oracle's windows. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { costProfiles, DEFAULT_PROFILE, KERNEL_OPS, parseEvict, primitives, type KernelOp } from '@workset/replay';
import { arbitraryTrace, oracleEviction, ORACLE_PRIMITIVES, printGrid } from '@workset/testkit';
import { runEvictor, truthfulReports } from './evict-harness.ts';

const { prices } = costProfiles.get(DEFAULT_PROFILE);
const LATENCY = { '100us': 100_000, '1500us': 1_500_000, '4ms': 4_000_000 } as const;

/** Completion times of one batch of one page. */
function stepTimes(text: string, startNs: number, latencyNs: number): number[] {
  const plan = parseEvict(text);
  const steps = [...primitives.get(plan.primitive).evict({ backing: plan.backing, armed: true, params: plan.params })];
  let at = startNs;
  return steps.map((step: KernelOp) => {
    const { perPage, perCall } = KERNEL_OPS[step];
    at +=
      step === 'store'
        ? latencyNs + Math.round((4096 * 1e9) / plan.bytesPerSecond)
        : [...perPage, ...perCall].reduce((sum, op) => sum + prices[op].trackerNs, 0);
    return at;
  });
}

const traces = arbitraryTrace({ aligned: true, maxFrames: 40 });

for (const primitive of Object.keys(ORACLE_PRIMITIVES)) {
  test(`${primitive}: every eviction ends as the oracle says`, () => {
    let compared = 0;
    fc.assert(
      fc.property(traces, fc.boolean(), fc.constantFrom('100us', '1500us', '4ms'), (trace, rescue, latency) => {
        const text = `${primitive}${primitive.includes(':') ? ',' : ':'}cold=1,batch=1,references=off,latency=${latency},handler=${rescue ? 'rescue' : 'finish'}`;
        const { evictions } = runEvictor(trace, text, truthfulReports(trace, 3), true);
        const endNs = trace.frames.at(-1)?.t1Ns ?? 0;
        for (const row of evictions) {
          const startNs = row['t_ns'] as number;
          const plan = {
            page: row['page'] as number,
            startNs,
            stepsNs: stepTimes(text, startNs, LATENCY[latency as keyof typeof LATENCY]),
          };
          const { page, outcome, reads, writes, lost } = oracleEviction(trace, plan, primitive, rescue, endNs);
          const got = { page: row['page'], outcome: row['outcome'], reads: row['reads'], writes: row['writes'], lost: row['lost_writes'] };
          assertFate(got, { page, outcome, reads, writes, lost }, () => `${text}, eviction at ${startNs} on\n${printGrid(trace)}`);
          compared++;
        }
      }),
      { numRuns: 150, endOnFailure: true },
    );
    assert.ok(compared > 100);
  });
}

function assertFate(got: object, expected: object, where: () => string): void {
  try {
    assert.deepEqual(got, expected);
  } catch (error) {
    throw new Error(`${where()}\n${(error as Error).message}`, { cause: error });
  }
}
