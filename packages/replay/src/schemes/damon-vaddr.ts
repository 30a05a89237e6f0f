/** DAMON over one address space (kernel-semantics 8): three initial regions, primary page tables of one mm. */
import { NS_PER_S, type ParamSpec } from '@workset/model';
import { defineScheme } from '../scheme.ts';
import type { MemoryRun } from './damon-clock.ts';
import { damonPaddr } from './damon-paddr.ts';
import { damonTracker } from './damon-regions.ts';

const { start: _start, end: _end, ...shared } = damonPaddr.config;
const config = {
  ...shared,
  update: {
    kind: 'duration',
    default: 60 * NS_PER_S,
    min: 1,
    unit: 'ns',
    help: 'ops update interval: how often the regions are derived from the mappings again; tuned intervals count anew',
    source: 'mm/damon kernel default',
  },
  mappings: {
    kind: 'choice',
    default: 'trace',
    choices: ['trace', 'touched'],
    help: 'trace: all memory of the trace is mapped from the start, and an update changes nothing; touched: each 2 MiB from its first touch on',
    source: 'estimate: traces carry no mappings',
  },
} as const satisfies ParamSpec;

export const damonVaddr = defineScheme({
  descriptor: {
    ...damonPaddr.descriptor,
    id: 'damon-vaddr',
    title: 'DAMON, virtual address operations',
    source: 'Linux mm/damon/{core,vaddr}.c; kernel-semantics 8',
    domain: 'virtual',
    blindSpots: [
      ...damonPaddr.descriptor.blindSpots.filter((spot) => !/^(kernel=6\.1|which page|hugetlb)/.test(spot)),
      'which page of a large folio was accessed, when somebody else clears its PG_idle',
    ],
  },
  config,
  attach(kernel, given) {
    // A recorded kdamond's own mappings, where the capture has them: a trace of addresses does not say whose they are.
    const seen = kernel.recorded?.find(({ readBeginNs }) => readBeginNs > kernel.now)?.monitored;
    const isFollowing = kernel.recorded === null && given.mappings === 'touched';
    const mapped = (): readonly MemoryRun[] => threeRegions(isFollowing ? kernel.mappedRuns() : kernel.memoryRuns());
    const regions = seen ?? mapped();
    // Later kernels leave the cutting to the size limit (8.3).
    return damonTracker(kernel, given, given.kernel === '6.1' ? evenPieces(regions, given.min) : regions, {
      rmap: false,
      skipsTails: false,
      ...(isFollowing ? { update: mapped } : {}),
    });
  },
});

/** The address space minus its two largest gaps (damon_va_three_regions). */
function threeRegions(runs: readonly { startPage: number; nPages: number }[]): { startPage: number; nPages: number }[] {
  const gaps = runs.slice(1).map((run, i) => ({ before: i + 1, size: run.startPage - (runs[i]!.startPage + runs[i]!.nPages) }));
  const cuts = gaps
    .sort((a, b) => b.size - a.size || a.before - b.before)
    .slice(0, 2)
    .map(({ before }) => before)
    .sort((a, b) => a - b);
  return [0, ...cuts].map((first, i) => {
    const last = (cuts[i] ?? runs.length) - 1;
    const startPage = runs[first]?.startPage ?? 0;
    return { startPage, nPages: runs.length === 0 ? 0 : runs[last]!.startPage + runs[last]!.nPages - startPage };
  });
}

/** Cuts the initial regions into equal pieces of at least total / min_nr_regions (damon_va_evenly_split_region). */
function evenPieces(regions: readonly { startPage: number; nPages: number }[], min: number): { startPage: number; nPages: number }[] {
  const size = Math.max(1, Math.floor(regions.reduce((sum, { nPages }) => sum + nPages, 0) / min));
  return regions.flatMap(({ startPage, nPages }) => {
    const pieces = Math.max(1, Math.floor(nPages / size));
    const each = Math.floor(nPages / pieces);
    return Array.from({ length: pieces }, (_, i) => ({
      startPage: startPage + i * each,
      nPages: i === pieces - 1 ? nPages - i * each : each,
    }));
  });
}
