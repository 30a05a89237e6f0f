/** DAMON over one address space (kernel-semantics 8): three initial regions, primary page tables of one mm. */
import { defineScheme } from '../scheme.ts';
import { damonPaddr } from './damon-paddr.ts';
import { damonTracker } from './damon-regions.ts';

const { start: _start, end: _end, ...config } = damonPaddr.config;

export const damonVaddr = defineScheme({
  descriptor: {
    ...damonPaddr.descriptor,
    id: 'damon-vaddr',
    title: 'DAMON, virtual address operations',
    source: 'Linux mm/damon/{core,vaddr}.c; kernel-semantics 8',
    domain: 'virtual',
  },
  config,
  attach: (kernel, given) => damonTracker(kernel, given, threeRegions(kernel.memoryRuns())),
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
