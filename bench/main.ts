/**
 * npm run bench -- [--filter TEXT] [--scale tiny|small|full] [--json FILE] [--inputs DIR] [--list]
 * npm run bench -- compare A.json B.json
 * npm run bench -- chart A.json DIR
 *
 * Every bench runs in a process of its own; its inputs are made before, in this one, and kept.
 */
import { fork } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { allBenches } from './benches/index.ts';
import { SCALES, type Bench, type BenchFile, type BenchResult, type Scale } from './lib/bench.ts';
import { drawGrowth } from './lib/growth-chart.ts';
import { commitOf, machineLine } from './lib/machine.ts';
import { compareFiles, printResult } from './lib/print.ts';

const HERE = dirname(fileURLToPath(import.meta.url));
const ROOT = dirname(HERE);

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    filter: { type: 'string', default: '' },
    scale: { type: 'string', default: 'small' },
    json: { type: 'string' },
    inputs: { type: 'string', default: join(ROOT, 'out/bench') },
    list: { type: 'boolean', default: false },
  },
});

if (positionals[0] === 'compare') compare(positionals[1], positionals[2]);
else if (positionals[0] === 'chart') await chart(positionals[1], positionals[2]);
else await main(scaleOf(values.scale));

async function main(scale: Scale): Promise<void> {
  const wanted = (await allBenches()).filter(
    ({ bench: { id, scales = SCALES, byNameOnly = false } }) =>
      (byNameOnly && !values.list ? id === values.filter : id.includes(values.filter)) && scales.includes(scale),
  );
  if (wanted.length === 0) fail(`no bench at scale ${scale} has ${values.filter} in its name; --list shows them`);
  if (values.list) return wanted.forEach(({ bench: { id, title } }) => console.log(`${id.padEnd(24)} ${title}`));
  console.log(`${machineLine()}; scale ${scale}`);
  const results: BenchResult[] = [];
  for (const { file, bench } of wanted) {
    await bench.prepare({ scale, inputs: values.inputs });
    const result = await inChild(file, bench, scale);
    console.log(`\n${printResult(bench, result)}`);
    results.push(result);
  }
  const file: BenchFile = { machine: machineLine(), commit: commitOf(ROOT), results };
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(file, null, 1)}\n`);
}

function inChild(benchFile: string, bench: Bench, scale: Scale): Promise<BenchResult> {
  return new Promise((resolve, reject) => {
    // Without the flags of this process: the packages as built, which is what users run.
    const child = fork(join(HERE, 'lib/child.ts'), [benchFile, bench.id, scale, values.inputs], {
      execArgv: ['--disable-warning=ExperimentalWarning'],
    });
    let result: BenchResult | undefined;
    child.on('message', (message) => (result = message as BenchResult));
    child.on('error', reject);
    child.on('exit', (code) =>
      code === 0 && result !== undefined ? resolve(result) : reject(new Error(`bench ${bench.id} ended with code ${code}`)),
    );
  });
}

function compare(a: string | undefined, b: string | undefined): void {
  if (a === undefined || b === undefined) return fail('usage: npm run bench -- compare A.json B.json');
  console.log(compareFiles(readBenchFile(a), readBenchFile(b)));
}

async function chart(file: string | undefined, dir: string | undefined): Promise<void> {
  if (file === undefined || dir === undefined) return fail('usage: npm run bench -- chart A.json DIR');
  for (const path of await drawGrowth(readBenchFile(file), dir)) console.log(path);
}

function readBenchFile(path: string): BenchFile {
  return JSON.parse(readFileSync(path, 'utf8')) as BenchFile;
}

function scaleOf(text: string): Scale {
  const scale = SCALES.find((known) => known === text);
  return scale ?? fail(`--scale ${text}: it is ${SCALES.join(', ')}`);
}

function fail(message: string): never {
  console.error(message);
  process.exit(2);
}
