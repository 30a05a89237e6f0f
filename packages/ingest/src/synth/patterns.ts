/** The made-up workloads: each is a list of phases, each phase a sampler and a share of writes. */
import { BLOCK_PAGES, defineRegistry, type Descriptor, type Prng } from '@workset/model';
import { sequential, strided, uniform, zipf, type Sampler } from './samplers.ts';

export interface Phase {
  readonly name: string;
  /** Share of the whole time; the shares of a pattern's phases add up to 1. */
  readonly share: number;
  /** Share of the accesses that write. */
  readonly writes: number;
  /** Accesses per second relative to the rate asked for; default 1. */
  readonly rate?: number;
  readonly sampler: () => Sampler;
}

export interface PatternInput {
  readonly nPages: number;
  readonly theta: number;
  readonly random: Prng;
}

export interface Pattern<Id extends string = string> {
  readonly descriptor: Descriptor<Id>;
  phases(input: PatternInput): readonly Phase[];
}

const STEPS = 8;
const SOURCE = 'workset';

function thirdOf(nPages: number): number {
  return Math.max(1, Math.floor(nPages / 3));
}

const all: readonly Pattern[] = [
  {
    descriptor: { id: 'zipf', title: 'zipf over all pages, popular pages scattered in runs of 8; 20% writes', source: SOURCE },
    phases: ({ nPages, theta, random }) => [{ name: 'zipf', share: 1, writes: 0.2, sampler: () => zipf(random, 0, nPages, theta) }],
  },
  {
    descriptor: { id: 'scan', title: 'sequential passes over all pages; 1 in 8 writes', source: SOURCE },
    phases: ({ nPages }) => [{ name: 'scan', share: 1, writes: 1 / 8, sampler: () => sequential(0, nPages) }],
  },
  {
    descriptor: {
      id: 'stairs',
      title: 'uniform over a working set that grows in 8 steps from an eighth to all pages; half writes',
      source: SOURCE,
    },
    phases: ({ nPages, random }) =>
      Array.from({ length: STEPS }, (_, i) => ({
        name: `step ${i + 1}`,
        share: 1 / STEPS,
        writes: 0.5,
        sampler: () => uniform(random, 0, Math.max(1, Math.floor(((i + 1) * nPages) / STEPS))),
      })),
  },
  {
    descriptor: {
      id: 'phase-shift',
      title: 'zipf over the first third, then the second, the third, and the first again; half writes',
      source: SOURCE,
    },
    phases: ({ nPages, theta, random }) =>
      [0, 1, 2, 0].map((third, i) => ({
        name: `third ${third + 1}${i === 3 ? ' again' : ''}`,
        share: 1 / 4,
        writes: 0.5,
        sampler: () => zipf(random, third * thirdOf(nPages), thirdOf(nPages), theta),
      })),
  },
  {
    descriptor: { id: 'read-mostly', title: 'uniform over half of the pages; 1 in 64 writes', source: SOURCE },
    phases: ({ nPages, random }) => [
      { name: 'read-mostly', share: 1, writes: 1 / 64, sampler: () => uniform(random, 0, Math.max(1, nPages >> 1)) },
    ],
  },
  {
    descriptor: { id: 'thp', title: 'one hot page in each 2 MiB of memory, its neighbours cold; 1 in 4 writes', source: SOURCE },
    phases: ({ nPages, random }) => [
      { name: 'one page per huge page', share: 1, writes: 0.25, sampler: () => strided(random, 0, nPages, BLOCK_PAGES) },
    ],
  },
  {
    descriptor: {
      id: 'mixed',
      title: 'populate, zipf, scan, read-mostly, shifted zipf and a trickle, one after the other',
      source: SOURCE,
    },
    phases: ({ nPages, theta, random }) => {
      const third = thirdOf(nPages);
      return [
        { name: 'populate', share: 0.1, writes: 1, sampler: () => sequential(0, nPages) },
        { name: 'zipf_hot', share: 0.2, writes: 0.5, sampler: () => zipf(random, 0, third, theta) },
        { name: 'seq_scan', share: 0.2, writes: 1 / 8, sampler: () => sequential(0, nPages) },
        { name: 'read_mostly', share: 0.2, writes: 1 / 64, rate: 0.1, sampler: () => uniform(random, third, Math.max(1, third >> 1)) },
        { name: 'zipf_shift', share: 0.2, writes: 0.5, sampler: () => zipf(random, nPages - third, third, theta) },
        { name: 'trickle', share: 0.1, writes: 0, rate: 0.01, sampler: () => uniform(random, 0, Math.min(64, nPages)) },
      ];
    },
  },
];

export const patterns = defineRegistry('pattern', all);
