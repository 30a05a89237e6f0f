/**
 * Runs the notebooks without a browser: makes the data they name from traces/, runs every cell, writes one HTML page each.
 * usage: npm run notebooks [-- NAME…] [--out DIR] [--keep]     --keep: use data made by older code; exit code 1 when a query fails or a verdict cannot be derived
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { readDataSpec } from './notebooks/data.ts';
import { pageHtml } from './notebooks/page.ts';
import { parseNotebook } from './notebooks/parse.ts';
import { Session } from './notebooks/session.ts';

const ROOT = resolve(fileURLToPath(import.meta.url), '../..');
const FOLDER = join(ROOT, 'notebooks');
const { values, positionals } = parseArgs({
  options: { out: { type: 'string', default: join(ROOT, 'out/notebooks') }, keep: { type: 'boolean', default: false } },
  allowPositionals: true,
});
const shop = { root: ROOT, out: resolve(values.out), spec: readDataSpec(join(FOLDER, 'data.yaml')), keep: values.keep, log: console.log };
mkdirSync(shop.out, { recursive: true });

const names = readdirSync(FOLDER)
  .filter((file) => /^\d\d-.*\.md$/.test(file))
  .map((file) => basename(file, '.md'))
  .filter((name) => positionals.length === 0 || positionals.some((wanted) => name.includes(wanted)))
  .sort();
if (names.length === 0) {
  console.error(`no notebook is called ${positionals.join(', ')}`);
  process.exitCode = 2;
}
for (const name of names) await runOne(name);

async function runOne(name: string): Promise<void> {
  const start = performance.now();
  try {
    const notebook = parseNotebook(readFileSync(join(FOLDER, `${name}.md`), 'utf8'));
    const session = new Session(shop, notebook);
    try {
      const outputs = await session.run();
      const html = join(shop.out, `${name}.html`);
      writeFileSync(html, pageHtml(notebook, outputs));
      const verdicts = outputs.flatMap((output) => ('verdict' in output ? [output.verdict] : []));
      if (verdicts.length > 0) writeFileSync(join(shop.out, `${name}.verdicts.json`), `${JSON.stringify(verdicts, null, 1)}\n`);
      for (const { claim, verdict, because } of verdicts) console.log(`  ${claim.padEnd(4)} ${verdict}: ${because}`);
      console.log(`ok      ${name}  ${((performance.now() - start) / 1000).toFixed(1)} s  ${html}`);
    } finally {
      session.close();
    }
  } catch (error) {
    console.error(`FAILED  ${name}: notebooks/${name}.md ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = 1;
  }
}
