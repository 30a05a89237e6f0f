/**
 * Every bench, by the file it is in. To add one: write it beside these, in a file that exports its `benches`, and name the file here; a
 * tiny run of it is then part of `npm test`.
 */
import type { Bench } from '../lib/bench.ts';

const FILES: Readonly<Record<string, () => Promise<{ readonly benches: readonly Bench[] }>>> = {
  score: () => import('./score.ts'),
  replay: () => import('./replay.ts'),
  curves: () => import('./curves.ts'),
  eviction: () => import('./eviction.ts'),
  ingest: () => import('./ingest.ts'),
  growth: () => import('./growth.ts'),
};

/** The benches of one file. What is loaded beside them is marked by every garbage collection of what they time. */
export async function benchesOf(file: string): Promise<readonly Bench[]> {
  return (await FILES[file]!()).benches;
}

/** In order, each with the file it is in. */
export async function allBenches(): Promise<readonly { readonly file: string; readonly bench: Bench }[]> {
  const files = await Promise.all(Object.keys(FILES).map(async (file) => ({ file, benches: await benchesOf(file) })));
  return files.flatMap(({ file, benches }) => benches.map((bench) => ({ file, bench })));
}
