// npm test: installs when needed, checks all types, then runs every test from source. The runner's summary comes last.
// usage: npm test [-- --test-name-pattern=… | FILE…]
import { availableParallelism } from 'node:os';

import { installIfNeeded, pinnedNode, run, SOURCE_FLAGS } from './lib/tools.mjs';

const args = process.argv.slice(2);
const flags = args.filter((arg) => arg.startsWith('-'));
const files = args.filter((arg) => !arg.startsWith('-'));

installIfNeeded();
const types = await run('tsc', ['-b', 'packages/cli', 'packages/testkit']);
if (types.code !== 0) console.error('types: FAILED (the tests run all the same; the exit code will tell)');

const reporter = flags.some((flag) => flag.startsWith('--test-reporter')) ? [] : ['--test-reporter=spec'];
const tests = await run(pinnedNode(), [
  ...SOURCE_FLAGS,
  '--test',
  `--test-concurrency=${Math.max(2, availableParallelism())}`,
  ...reporter,
  ...flags,
  ...(files.length > 0 ? files : ['packages/*/test/**/*.test.ts']),
]);
process.exit(tests.code === 0 ? types.code : tests.code);
