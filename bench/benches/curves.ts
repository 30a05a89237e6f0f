/** Miss-ratio and working-set curves, and the eviction references, on one zipf trace. */
import { lruMisses, missRatioCurve, optMisses, pageString, sampledMissRatioCurve, workingSetCurve } from '@workset/replay';
import { openTrace } from '@workset/store';
import type { Bench } from '../lib/bench.ts';
import { hashOf } from '../lib/hash.ts';
import { prepareSynth, synthPath } from '../lib/inputs.ts';
import { stampLoop } from '../lib/limits.ts';
import { zipfInput } from './replay.ts';

/** Sizes at which curves are compared and hashed. */
function sizesOf(nPages: number): number[] {
  return Array.from({ length: 256 }, (_, i) => Math.ceil(((i + 1) * nPages) / 256));
}

const curves: Bench = {
  id: 'curves',
  title: 'exact and sampled miss-ratio curve, working-set curve; zipf',
  bars: [
    { step: 'exact MRC', what: 'units/cpu-s', atLeast: 8e6 },
    { step: 'sampled MRC', what: 'units/cpu-s', atLeast: 80e6 },
  ],
  prepare: ({ scale, inputs }) => prepareSynth(inputs, zipfInput(scale)),
  async run({ scale, inputs, step }) {
    const trace = await openTrace(synthPath(inputs, zipfInput(scale)));
    try {
      const space = trace.space('gpa');
      const { nAccesses, nTouches, nPages } = space.info;
      const exact = await step('exact MRC', 'accesses', nAccesses, () => missRatioCurve(space));
      const sampled = await step('sampled MRC', 'accesses', nAccesses, () => sampledMissRatioCurve(space));
      const workingSet = await step('working set', 'accesses', nAccesses, () => workingSetCurve(space));
      const sizes = sizesOf(nPages);
      const offs = sizes.map((size) => Math.abs(exact.missRatio(size) - sampled.missRatio(size)));
      const points = [
        ...sizes.flatMap((size) => [exact.missRatio(size), sampled.missRatio(size)]),
        workingSet.pages(10),
        workingSet.pages(1000),
      ];
      const loop = stampLoop(space);
      return {
        hash: hashOf(JSON.stringify(points)),
        limits: [{ ...loop, unit: 'accesses', unitsPerCpuS: (loop.unitsPerCpuS * nAccesses) / nTouches }],
        facts: { touches: nTouches, 'mean error of the sample': offs.reduce((sum, off) => sum + off, 0) / offs.length },
      };
    } finally {
      trace.close();
    }
  },
};

const eviction: Bench = {
  id: 'eviction',
  title: 'exact LRU and OPT at half of the memory; zipf',
  prepare: ({ scale, inputs }) => prepareSynth(inputs, zipfInput(scale === 'full' ? 'small' : scale)),
  async run({ scale, inputs, step }) {
    const trace = await openTrace(synthPath(inputs, zipfInput(scale === 'full' ? 'small' : scale)));
    try {
      const space = trace.space('gpa');
      const { nTouches, nPages } = space.info;
      const string = await step('read', 'touches', nTouches, () => pageString(space));
      const lru = await step('LRU', 'touches', nTouches, () => lruMisses(string, nPages >> 1));
      const opt = await step('OPT', 'touches', nTouches, () => optMisses(string, nPages >> 1));
      return {
        hash: hashOf(JSON.stringify([lru, opt])),
        limits: [stampLoop(space)],
        facts: { lruMisses: lru.misses, optMisses: opt.misses },
      };
    } finally {
      trace.close();
    }
  },
};

export const benches: readonly Bench[] = [curves, eviction];
