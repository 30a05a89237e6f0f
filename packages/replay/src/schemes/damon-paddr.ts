/** DAMON over physical addresses (kernel-semantics 8): sampled regions that merge and split. */
import { NS_PER_MS, NS_PER_S } from '@workset/model';
import { defineScheme } from '../scheme.ts';
import { damonTracker } from './damon-regions.ts';

export const damonPaddr = defineScheme({
  descriptor: {
    id: 'damon-paddr',
    title: 'DAMON, physical address operations',
    source: 'Linux mm/damon/{core,paddr}.c; kernel-semantics 8',
    mechanism:
      'one random page per region and sampling interval: mkold, sleep, check A, PG_idle and the secondary MMU; regions with like counts merge, all split at random each aggregation',
    sees: { reads: true, writes: true },
    granularity: 'region',
    domain: 'physical',
    blindSpots: [
      'differences inside a region: a region is hot or cold as a whole',
      'accesses between samples to pages that were not picked',
      'accesses that hit a TLB entry cached before mkold (no flush)',
      'MGLRU aging inside a sampling interval',
      'kernel=6.1: all but the head page of a large folio, so it is nearly blind there',
      'which page of a large folio was accessed: all its entries and one flag are looked at',
      'hugetlb, which is on no LRU list',
    ],
    target: 'touched',
  },
  config: {
    sample: { kind: 'duration', default: 5 * NS_PER_MS, min: 1, unit: 'ns', help: 'sampling interval', source: 'mm/damon kernel default' },
    aggr: {
      kind: 'duration',
      default: 100 * NS_PER_MS,
      min: 1,
      unit: 'ns',
      help: 'aggregation interval',
      source: 'mm/damon kernel default',
    },
    min: { kind: 'count', default: 10, min: 3, unit: 'regions', help: 'minimum number of regions', source: 'mm/damon kernel default' },
    max: { kind: 'count', default: 1000, min: 3, unit: 'regions', help: 'maximum number of regions', source: 'mm/damon kernel default' },
    threshold: {
      kind: 'count',
      default: 1,
      min: 1,
      unit: 'nr_accesses',
      help: 'a region with at least this many counts as accessed',
      source: 'damo wss default acc_thres',
    },
    kernel: {
      kind: 'choice',
      default: '7.3',
      choices: ['6.1', '7.3'],
      help: "kernel version whose merge, age and split rules apply; unless given, the capture's own when it says",
      source: 'kernel-changes 12-14',
    },
    recheck: {
      kind: 'choice',
      default: 'off',
      choices: ['off', 'young'],
      help: 'pages of cold regions checked one by one with the DAMOS filter "young" before they are called cold',
      source: 'S. Park, 24 Apr 2026 (thread C10)',
    },
    goal: {
      kind: 'ratio',
      default: 0,
      unit: '1',
      help: 'auto-tuning of the intervals: share of sampling checks that should find an access; 0 = off; not before 6.15',
      source: 'off by default; design.rst recommends 0.04 (8.3)',
    },
    goalAggrs: {
      kind: 'count',
      default: 3,
      min: 1,
      unit: 'aggregations',
      help: 'auto-tuning: aggregations from one tuning to the next',
      source: 'estimate: what damo asks for',
    },
    minSample: {
      kind: 'duration',
      default: 5 * NS_PER_MS,
      min: 1,
      unit: 'ns',
      help: 'auto-tuning: shortest sampling interval',
      source: 'estimate: what damo asks for',
    },
    maxSample: {
      kind: 'duration',
      default: 10 * NS_PER_S,
      min: 1,
      unit: 'ns',
      help: 'auto-tuning: longest sampling interval',
      source: 'estimate: what damo asks for',
    },
    start: {
      kind: 'size',
      default: 0,
      unit: 'bytes',
      help: 'first monitored address; with end=0: the longest contiguous memory',
      source: 'user space decides',
    },
    end: { kind: 'size', default: 0, unit: 'bytes', help: 'end of the monitored range, exclusive', source: 'user space decides' },
  },
  attach: (kernel, config) =>
    damonTracker(kernel, config, [longestRun(kernel.memoryRuns(), config)], { rmap: true, skipsTails: config.kernel === '6.1' }),
});

/** What paddr users monitor: the given range, else the largest "System RAM" resource. */
function longestRun(
  runs: readonly { startPage: number; nPages: number }[],
  { start, end }: { start: number; end: number },
): { startPage: number; nPages: number } {
  if (end > 0) return { startPage: Math.floor(start / 4096), nPages: Math.ceil((end - start) / 4096) };
  return runs.reduce((best, run) => (run.nPages > best.nPages ? run : best), { startPage: 0, nPages: 0 });
}
