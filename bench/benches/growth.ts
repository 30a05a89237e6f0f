/** How the cost of a replay grows: with accesses, pages, schemes and windows, one at a time. `npm run bench -- chart` draws them. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { replay, schemes } from '@workset/replay';
import type { Bench, Scale, TimedWork } from '../lib/bench.ts';
import { hashResults } from '../lib/hash.ts';
import { prepareSynth, synthPath, type SynthInput } from '../lib/inputs.ts';
import { EIGHT, traceFacts, zipfInput } from './replay.ts';

interface Point {
  /** Value on the axis; also the name of the step. */
  readonly x: number;
  readonly input: SynthInput;
  readonly schemes: readonly string[];
  readonly windowNs: number;
}

interface Growth {
  readonly id: string;
  /** Title of the axis. */
  readonly axis: string;
  readonly points: (scale: Scale) => readonly Point[];
}

const secondsOf = (scale: Scale): number => zipfInput(scale).seconds;
const windowOf = (scale: Scale): number => (secondsOf(scale) * 1e9) / 10;

const base = (scale: Scale): Omit<Point, 'x'> => ({ input: zipfInput(scale), schemes: EIGHT, windowNs: windowOf(scale) });

const GROWTHS: readonly Growth[] = [
  {
    id: 'accesses',
    axis: 'accesses',
    points: (scale) =>
      [0.1, 0.3, 1, 3].map((factor) => {
        const input = { ...zipfInput(scale), seconds: factor * secondsOf(scale) };
        return { ...base(scale), x: Math.round(input.seconds * input.rate), input };
      }),
  },
  {
    id: 'pages',
    axis: 'pages of 4 KiB',
    points: (scale) =>
      (scale === 'full' ? [1 << 16, 1 << 18, 1 << 20, 1 << 22, 1 << 24] : [1 << 12, 1 << 14, 1 << 16]).map((pages) => ({
        ...base(scale),
        x: pages,
        input: { ...zipfInput(scale), pages },
      })),
  },
  {
    id: 'schemes',
    axis: 'schemes',
    points: (scale) => [1, 2, 4, 8, schemes.ids.length].map((n) => ({ ...base(scale), x: n, schemes: firstSchemes(n) })),
  },
  {
    id: 'windows',
    axis: 'windows',
    points: (scale) =>
      (scale === 'tiny' ? [5, 10, 20] : [5, 10, 20, 50, 100]).map((n) => ({
        ...base(scale),
        x: n,
        windowNs: (secondsOf(scale) * 1e9) / n,
      })),
  },
];

/** The eight page-granular schemes first, then the others. */
function firstSchemes(n: number): string[] {
  return [...EIGHT, ...schemes.ids.filter((id) => !EIGHT.some((known) => known === id))].slice(0, n);
}

export const benches: readonly Bench[] = GROWTHS.map(({ id, axis, points }) => ({
  id: `growth-${id}`,
  title: `cost of a replay by ${axis}`,
  async prepare({ scale, inputs }) {
    for (const { input } of points(scale)) await prepareSynth(inputs, input);
  },
  async run({ scale, inputs, scratch, inTurn }) {
    const works: TimedWork[] = [];
    for (const { x, input, schemes: ids, windowNs } of points(scale)) {
      const path = synthPath(inputs, input);
      const { nAccesses } = await traceFacts(path);
      const out = join(scratch, String(x));
      const work = async (): Promise<void> => {
        rmSync(out, { recursive: true, force: true });
        await replay(path, { windowNs, schemes: ids, out });
      };
      works.push({ name: String(x), unit: 'accesses', units: nAccesses, work });
    }
    await inTurn(scale === 'tiny' ? 1 : 3, works);
    return { hash: works.map(({ name }) => hashResults(join(scratch, name))).join('-'), facts: { axis } };
  },
}));
