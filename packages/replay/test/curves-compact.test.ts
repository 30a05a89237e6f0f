/** A compacted trace gives the same results under schemes that tick with its quantum. */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { compactTrace, synthesise } from '@workset/ingest';
import { NS_PER_MS } from '@workset/model';
import { replay } from '@workset/replay';
import { openTrace } from '@workset/store';

const QUANTUM = 5 * NS_PER_MS;
const SCHEMES = [
  { id: 'uffd-rwp', interval: 2 * QUANTUM },
  { id: 'uffd-wp', interval: QUANTUM },
  { id: 'idle-page', interval: 3 * QUANTUM },
  { id: 'mm-young', interval: QUANTUM },
];
/** Tables without the name of the trace, which has another hash. */
const TABLES = ['windows', 'page_sets', 'regions', 'costs'];

/** Rows of all tables but for the run ids, which hold the trace's hash (and feed DAMON's random numbers, so it cannot be compared). */
async function rowsOf(dir: string): Promise<unknown[]> {
  const { Results } = await import('@workset/analyze');
  const results = await Results.open(dir);
  try {
    const tables = TABLES.filter((table) => readdirSync(dir).includes(table));
    const rows = [];
    for (const table of tables) {
      const query = `SELECT r.scheme, t.* EXCLUDE (run_id) FROM ${table} t JOIN runs r USING (run_id) ORDER BY ALL`;
      rows.push([table, (await results.query(query)).rows]);
    }
    return rows;
  } finally {
    results.close();
  }
}

describe('compaction', () => {
  it('leaves the results of schemes that tick in whole quanta as they were', async (t) => {
    const dir = mkdtempSync(join(tmpdir(), 'workset-compact-'));
    t.after(() => rmSync(dir, { recursive: true, force: true }));
    let n = 0;
    await fc.assert(
      fc.asyncProperty(fc.constantFrom('zipf', 'scan', 'mixed', 'thp'), fc.integer({ min: 1, max: 1000 }), async (pattern, seed) => {
        const base = join(dir, String(n++));
        await synthesise(pattern, { out: `${base}.trace`, pages: 600, seconds: 0.1, rate: 100_000, seed });
        const before = await openTrace(`${base}.trace`);
        const after = await compactTrace(`${base}.trace`, { out: `${base}.compact`, quantumNs: QUANTUM });
        assert.equal(after.spaces[0]!.nAccesses, before.manifest.spaces[0]!.nAccesses);
        assert.ok(after.spaces[0]!.nFrames < before.manifest.spaces[0]!.nFrames);
        assert.ok(after.spaces[0]!.nTouches <= before.manifest.spaces[0]!.nTouches);
        before.close();
        await replay(`${base}.trace`, { out: `${base}.a`, schemes: SCHEMES });
        await replay(`${base}.compact`, { out: `${base}.b`, schemes: SCHEMES });
        const [a, b] = [await rowsOf(`${base}.a`), await rowsOf(`${base}.b`)];
        assert.ok(JSON.stringify(a).length > 1000);
        assert.deepEqual(b, a);
      }),
      { numRuns: 3 },
    );
  });

  it("refuses a quantum that cuts the trace's own", async (t) => {
    const dir = mkdtempSync(join(tmpdir(), 'workset-compact-'));
    t.after(() => rmSync(dir, { recursive: true, force: true }));
    const path = join(dir, 'a.trace');
    await synthesise('zipf', { out: path, pages: 64, seconds: 0.01, rate: 10_000 });
    await assert.rejects(compactTrace(path, { out: join(dir, 'b.trace'), quantumNs: 1.5 * NS_PER_MS }), /does not fit/);
  });
});
