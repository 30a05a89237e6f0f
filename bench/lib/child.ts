/** Process of one bench, so that its peak memory is its own. usage: child.ts ID SCALE INPUTS; answers with JSON on the IPC channel. */
import { benches } from '../benches/index.ts';
import type { Scale } from './bench.ts';
import { runBench } from './run.ts';

const [id, scale, inputs] = process.argv.slice(2) as [string, Scale, string];
const bench = benches.find((known) => known.id === id)!;
process.send!(await runBench(bench, scale, inputs));
