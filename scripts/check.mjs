// npm run check: everything but the tests. Each step is one line; what a failed step printed follows it.
import { installIfNeeded, pinnedNode, run, SOURCE_FLAGS } from './lib/tools.mjs';

const STEPS = [
  ['types', 'tsc', ['-b', 'packages/cli', 'packages/testkit']],
  ['types of tests and scripts', 'tsc', ['-p', 'scripts/tsconfig.tests.json']],
  ['lint', 'oxlint', ['--deny-warnings']],
  ['format', 'oxfmt', ['--check', '.']],
  ['reference docs', pinnedNode(), [...SOURCE_FLAGS, 'scripts/docs.ts', '--check']],
  ['gallery', pinnedNode(), [...SOURCE_FLAGS, 'scripts/gallery.ts', '--check']],
  ['unused files', 'knip', ['--include', 'files', '--no-progress', '--no-config-hints', '--tsConfig', 'tsconfig.base.json']],
  ['package', 'publint', ['packages/cli', '--strict']],
];

installIfNeeded();
let failed = 0;
for (const [name, command, args] of STEPS) {
  const start = performance.now();
  const { code, output } = await run(command, args, { capture: true });
  console.log(`${code === 0 ? 'ok    ' : 'FAILED'}  ${name}  ${((performance.now() - start) / 1000).toFixed(1)} s`);
  if (code !== 0) {
    failed++;
    console.log(output.trimEnd());
  }
}
process.exit(failed === 0 ? 0 : 1);
