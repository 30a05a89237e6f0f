/**
 * Draws every chart of one small set of results into docs/gallery, and docs/gallery/README.md that shows them.
 * usage: node scripts/run.mjs scripts/gallery.ts [--check]     --check: exit code 1 when a chart would come out otherwise
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { materialiseScores, Results } from '@workset/analyze';
import { CHARTS, renderChart, type DataRow, type QuerySource } from '@workset/charts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const GALLERY = join(ROOT, 'docs/gallery');
const CLI = join(ROOT, 'packages/cli/bin/workset.js');
const SCHEMES = ['uffd-rwp', 'idle-page', 'damon-paddr', 'mglru'];

const check = process.argv.includes('--check');
const dir = mkdtempSync(join(tmpdir(), 'workset-gallery-'));
try {
  const pages = await draw(makeResults());
  if (!check) mkdirSync(GALLERY, { recursive: true });
  for (const [name, text] of pages) {
    const file = join(GALLERY, name);
    if (!check) writeFileSync(file, text);
    else if (current(file) !== text) {
      console.error(`docs/gallery/${name} is out of date; look at the difference, then draw it again: npm run gallery`);
      process.exitCode = 1;
    }
  }
} finally {
  rmSync(dir, { recursive: true, force: true });
}

/** The bundled capture under a few schemes, with evictions and curves. */
function makeResults(): string {
  const trace = join(dir, 'rwp-shmem.trace');
  const results = join(dir, 'results');
  const schemes = SCHEMES.flatMap((id) => ['--scheme', id]);
  workset('ingest', join(ROOT, 'traces/rwp-shmem'), '-o', trace);
  workset('replay', trace, '-o', results, ...schemes);
  for (const limit of ['40%', '70%'])
    workset(
      'replay',
      trace,
      '-o',
      results,
      '--no-observed',
      '--scheme',
      'uffd-rwp',
      '--evict',
      `uffd-wp:limit=${limit},cold=2`,
      '--evict',
      `rwp-sync:limit=${limit},cold=2`,
    );
  workset('curve', trace, '-o', results);
  return results;
}

function workset(...args: readonly string[]): void {
  execFileSync(process.execPath, [...process.execArgv, CLI, ...args, '--quiet'], {
    env: { ...process.env, WORKSET_SRC: '1' },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
}

async function draw(path: string): Promise<Map<string, string>> {
  await materialiseScores(path);
  const results = await Results.open(path);
  const source: QuerySource = {
    query: async (sql) => {
      const { columns, rows } = await results.query(sql);
      return { columns, rows: rows as readonly DataRow[] };
    },
  };
  const pages = new Map<string, string>();
  const sections: string[] = [];
  try {
    for (const { descriptor } of CHARTS.all) {
      const warnings: string[] = [];
      const svg = await renderChart(source, descriptor.id, { format: 'svg', onWarning: (message) => warnings.push(message) });
      if (warnings.length > 0) throw new Error(`${descriptor.id}: ${warnings.join('; ')}`);
      pages.set(`${descriptor.id}.svg`, String(svg));
      sections.push(`## ${descriptor.id}\n\n${descriptor.title}\n\n![${descriptor.title}](${descriptor.id}.svg)\n`);
    }
  } finally {
    results.close();
  }
  const head =
    `# Gallery\n\nEvery chart, of the bundled capture rwp-shmem under ${SCHEMES.join(', ')} and two eviction primitives at two memory limits. ` +
    'Drawn by `npm run gallery`; `npm run check` draws them again and compares.\n';
  return pages.set('README.md', [head, ...sections].join('\n'));
}

function current(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
