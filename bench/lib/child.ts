/** Process of one bench, so that its peak memory is its own. usage: child.ts FILE ID SCALE INPUTS; answers with JSON on the IPC channel. */
import { benchesOf } from '../benches/index.ts';
import type { Scale } from './bench.ts';
import { runBench } from './run.ts';

const [file, id, scale, inputs] = process.argv.slice(2) as [string, string, Scale, string];
const bench = (await benchesOf(file)).find((known) => known.id === id)!;
process.send!(await runBench(bench, scale, inputs));
