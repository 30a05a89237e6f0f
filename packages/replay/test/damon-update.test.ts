/** DAMON's ops update interval: when it sees memory that was mapped since it began (kernel-semantics 8, 8.3). */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { grid } from '@workset/testkit';
import { alone, ms, type Result } from './small-runs.ts';

/** Block 0 is used throughout, block 2 from 4 ms, block 1, between them, from 24 ms on. */
const trace = grid`p0: ${'R'.repeat(60)} | p1024: ${'.'.repeat(4)}${'R'.repeat(56)} | p512: ${'.'.repeat(24)}${'R'.repeat(36)}`;
const config = { sample: ms(1), aggr: ms(5), min: 3, max: 20, update: ms(20), mappings: 'touched' };
const vaddr = (params: object = {}): Promise<Result> => alone(trace, 5, { scheme: 'damon-vaddr', params: { ...config, ...params } });

/** First and last page and number of pages monitored, per aggregation. */
function monitored({ part }: Result): (readonly [number, number, number])[] {
  return part.windows.map(({ w }) => {
    const regions = part.regions.get(w)!;
    const last = regions.at(-1)!;
    return [regions[0]!.startPage, last.startPage + last.nPages, regions.reduce((sum, { nPages }) => sum + nPages, 0)] as const;
  });
}

describe('regions of one address space', () => {
  const [one, two, all] = [[0, 512, 512] as const, [0, 1536, 1024] as const, [0, 1536, 1536] as const];
  const times = <T>(n: number, value: T): T[] => Array.from({ length: n }, () => value);

  for (const kernel of ['6.1', '7.3'])
    it(`kernel ${kernel}: begin with nothing, follow the mappings once per update, and close holes`, async () => {
      // Nothing was touched at 0 ms; looked at again at 20 and 40 ms, behind the aggregations of those times.
      const found = (await vaddr({ kernel })).part;
      assert.ok(
        [...found.regions.keys()].every((w) => w >= 4),
        'no region in the first four aggregations',
      );
      const later = monitored({ part: { ...found, windows: found.windows.slice(4) } } as Result);
      assert.deepEqual(later, [...times(4, two), ...times(4, all)]);
    });
  it('the whole trace is mapped from the start unless said otherwise', async () => {
    assert.deepEqual(monitored(await vaddr({ mappings: 'trace' })), times(12, all));
  });
  it('intervals tuned more often than that put it off for good', async () => {
    const started = grid`p0: R${'R'.repeat(60)} | p1024: ${'.'.repeat(9)}${'R'.repeat(52)} | span: b.${'a'.repeat(59)}`;
    const run = (goal: number): Promise<Result> =>
      alone(started, 5, { scheme: 'damon-vaddr', params: { ...config, goal, goalAggrs: 1, minSample: ms(1), maxSample: ms(1) } });
    const [fixed, tuned] = [monitored(await run(0)), monitored(await run(0.9))];
    assert.deepEqual([fixed[0], fixed.at(-1)], [one, two]);
    assert.deepEqual([tuned[0], tuned.at(-1)], [one, one]);
  });
});
