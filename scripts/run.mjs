// npm run … : runs a TypeScript file of this repository from source, under the pinned Node.
// usage: node scripts/run.mjs FILE.ts [arguments]
import { installIfNeeded, pinnedNode, run, SOURCE_FLAGS } from './lib/tools.mjs';

const [file, ...args] = process.argv.slice(2);
if (file === undefined) {
  console.error('usage: node scripts/run.mjs FILE.ts [arguments]');
  process.exit(2);
}
installIfNeeded();
const { code } = await run(pinnedNode(), [...SOURCE_FLAGS, file, ...args]);
process.exit(code);
