/** Ingest of the bundled captures, unpacked beforehand: raw bytes per second, from file to trace. */
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { ingestCapture } from '@workset/ingest';
import type { Bar, Bench, Scale } from '../lib/bench.ts';
import { bandwidth } from '../lib/limits.ts';

const TRACES = join(dirname(fileURLToPath(import.meta.url)), '../../traces');
/** Times the file is ingested: the bundled ones are small. */
const ROUNDS: Readonly<Record<Scale, number>> = { tiny: 1, small: 4, full: 20 };

function ingestBench(id: string, title: string, file: string, bars: readonly Bar[] = []): Bench {
  const unpacked = (inputs: string): string => join(inputs, basename(file, '.gz'));
  return {
    id: `ingest-${id}`,
    title,
    bars,
    async prepare({ inputs }) {
      mkdirSync(inputs, { recursive: true });
      if (!existsSync(unpacked(inputs))) writeFileSync(unpacked(inputs), gunzipSync(readFileSync(join(TRACES, file))));
    },
    async run({ scale, inputs, scratch, step }) {
      const path = unpacked(inputs);
      const rounds = ROUNDS[scale];
      // What is loaded on first use, and the compiler's warm-up, are a step of their own.
      const first = await step('first', 'bytes', statSync(path).size, () => ingestCapture([path], { out: join(scratch, 'first') }));
      await step('again', 'bytes', statSync(path).size * rounds, async () => {
        for (let i = 0; i < rounds; i++) await ingestCapture([path], { out: join(scratch, 'again') });
      });
      const touches = first.spaces.reduce((sum, space) => sum + space.nTouches, 0);
      return { hash: first.traceId.slice(0, 16), limits: [bandwidth(scale === 'tiny' ? 1 << 20 : 64 << 20)], facts: { touches } };
    },
  };
}

export const ingestBenches: readonly Bench[] = [
  ingestBench('vmgt', 'exact log of a VM (vmgt)', 'redis-pti/gt.vmgt.gz', [{ step: 'again', what: 'units/cpu-s', atLeast: 100e6 }]),
  ingestBench('perf-text', 'perf script text', 'perf-text/exc.default.txt.gz'),
  ingestBench('damon-text', 'DAMON tracepoints as ftrace text', 'redis-pti/A.ftrace.txt.gz'),
];
