/** Eviction replays: a tracker, a swapper that acts on its reports, at several memory limits. */
import { join } from 'node:path';
import { replay } from '@workset/replay';
import type { Bench } from '../lib/bench.ts';
import { hashResults } from '../lib/hash.ts';
import { prepareSynth, synthPath } from '../lib/inputs.ts';
import { traceFacts, zipfInput } from './replay.ts';

/** References are benches of their own; rows of single events are counted in one step and left out in another. */
const STEPS = {
  '90 %': 'uffd-wp:limit=90%,cold=3,references=off',
  '80 %': 'uffd-wp:limit=80%,cold=3,references=off',
  '60 %': 'uffd-wp:limit=60%,cold=3,references=off',
  '40 %': 'uffd-wp:limit=40%,cold=3,references=off',
  '60 %, sums only': 'uffd-wp:limit=60%,cold=3,references=off,events=off',
  '40 %, sums only': 'uffd-wp:limit=40%,cold=3,references=off,events=off',
  'rwp-sync 60 %, sums only': 'rwp-sync:limit=60%,cold=3,references=off,events=off',
} as const;

const evictionReplay: Bench = {
  id: 'eviction-replay',
  title: 'uffd-rwp and a swapper under memory limits, zipf over 1 M pages',
  bars: ['90 %', '60 %', '40 %, sums only'].map((step) => ({ step, what: 'units/cpu-s', atLeast: 20e6 })),
  prepare: ({ scale, inputs }) => prepareSynth(inputs, zipfInput(scale)),
  async run({ scale, inputs, scratch, step }) {
    const path = synthPath(inputs, zipfInput(scale));
    const { limits, nAccesses, nTouches } = await traceFacts(path);
    const windowNs = scale === 'tiny' ? 1e7 : 1e9;
    const hashes: string[] = [];
    for (const [name, evict] of Object.entries(STEPS)) {
      const out = join(scratch, name.replaceAll(/[ %,]/g, ''));
      await step(name, 'accesses', nAccesses, () => replay(path, { windowNs, schemes: ['uffd-rwp'], evict: [evict], out }));
      hashes.push(hashResults(out));
    }
    return { hash: hashes.join('-').slice(0, 64), limits, facts: { accesses: nAccesses, touches: nTouches } };
  },
};

export const benches: readonly Bench[] = [evictionReplay];
