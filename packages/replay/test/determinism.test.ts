/** Equal input and seed give equal bytes, for any number of workers; a finished run is left alone. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { NS_PER_MS } from '@workset/model';
import { replay, type ReplayOptions } from '@workset/replay';
import { createTraceWriter } from '@workset/store';
import { grid, type PlainTrace } from '@workset/testkit';

const trace = grid`
  span: aaaaaaaaaaaaaaa..bbbbbbbbbbbbbbb
  p0:   RRRRRRRRRRRRRRR..RRRRRRRRRRRRRRR
  p1:   ..W...W...W...W..W...W...W...W..
  p2:   rrr......WWW.........bbb........
  p600: R.R.R.R.R.R.R.R..R.R.R.R.R.R.R.R
  p700: ......................W.........`;

const SCHEMES = [
  { id: 'uffd-rwp', interval: 3 * NS_PER_MS },
  { id: 'uffd-wp', interval: 2 * NS_PER_MS },
  { id: 'idle-page', interval: 4 * NS_PER_MS },
  { id: 'damon-paddr', sample: NS_PER_MS, aggr: 5 * NS_PER_MS },
] as const;

/** Writes a plain trace as a trace directory. */
async function writeTrace({ frames, spans, nPages, quantumNs }: PlainTrace, out: string): Promise<void> {
  const writer = await createTraceWriter({ out });
  writer.declareRange('gpa', 0, nPages);
  for (const { t0Ns, t1Ns, touches } of frames) {
    writer.frame(
      'gpa',
      t0Ns,
      t1Ns,
      touches.length,
      Float64Array.from(touches, ({ page }) => page),
      Uint8Array.from(touches, ({ cls }) => cls),
    );
  }
  await writer.close({
    name: 'grid',
    clock: 'trace',
    epochNs: '0',
    quantumNs,
    vcpus: 1,
    truth: 'exact',
    synthetic: true,
    spans,
    markers: [],
    inputs: [],
    diagnostics: [],
    notes: {},
    producer: { version: '0', argv: [] },
    mapTime: (ns) => ns,
    truthOf: { gpa: 'exact' },
  });
}

class Scratch {
  readonly dir: string;
  #results = 0;
  constructor(t: TestContext) {
    this.dir = mkdtempSync(join(tmpdir(), 'workset-replay-'));
    t.after(() => rmSync(this.dir, { recursive: true, force: true }));
  }
  /** Hashes of all result files of one replay of the trace above, by path. */
  async replay(options: Partial<ReplayOptions> = {}): Promise<Map<string, string>> {
    const path = join(this.dir, 'trace');
    if (this.#results === 0) await writeTrace(trace, path);
    const out = join(this.dir, `results-${this.#results++}`);
    await replay(path, { out, schemes: SCHEMES, seeds: 2, ...options });
    return hashesOf(out);
  }
}

function hashesOf(dir: string): Map<string, string> {
  const files = readdirSync(dir, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const paths = files.map((entry) => join(entry.parentPath, entry.name)).sort();
  return new Map(paths.map((path) => [path.slice(dir.length), createHash('sha256').update(readFileSync(path)).digest('hex')]));
}

function regionsOf(files: Map<string, string>): string[] {
  return [...files].filter(([path]) => path.startsWith('/regions/')).map(([, hash]) => hash);
}

describe('a replay', () => {
  it('writes the same bytes with one worker and with two', async (t) => {
    const scratch = new Scratch(t);
    const one = await scratch.replay({ jobs: 1 });
    assert.ok(
      [...one.keys()].filter((path) => path.startsWith('/runs/')).length === SCHEMES.length + 1,
      'four schemes, DAMON with two seeds',
    );
    assert.deepEqual(await scratch.replay({ jobs: 2 }), one);
  });

  it('writes the same bytes of eviction runs with one worker and with two', async (t) => {
    const scratch = new Scratch(t);
    const evict = ['uffd-wp:cold=1', 'rwp-sync:limit=3p,low=2p', 'punch-hole:limit=2p,order=oldest-fault-in', 'madv-pageout:limit=60%'];
    const one = await scratch.replay({ jobs: 1, evict });
    const parts = (table: string): number => [...one.keys()].filter((path) => path.startsWith(`/${table}/`)).length;
    assert.equal(parts('eviction_runs'), evict.length * (SCHEMES.length + 1));
    assert.ok(parts('evictions') > evict.length && parts('refaults') > evict.length);
    assert.deepEqual(await scratch.replay({ jobs: 2, evict }), one);
    assert.deepEqual(await scratch.replay({ jobs: 3, evict }), one);
  });

  it('writes the same bytes again with the same seed', async (t) => {
    const scratch = new Scratch(t);
    assert.deepEqual(await scratch.replay({ seed: 7 }), await scratch.replay({ seed: 7 }));
  });

  it('draws other random numbers with another seed', async (t) => {
    const scratch = new Scratch(t);
    assert.notDeepEqual(regionsOf(await scratch.replay({ seed: 7 })), regionsOf(await scratch.replay({ seed: 8 })));
  });

  it('does not do a finished run again', async (t) => {
    const scratch = new Scratch(t);
    const before = await scratch.replay();
    const out = join(scratch.dir, 'results-0');
    const { skipped, touches } = await replay(join(scratch.dir, 'trace'), { out, schemes: SCHEMES, seeds: 2 });
    assert.deepEqual([skipped.length, touches], [SCHEMES.length + 1, 0]);
    assert.deepEqual(hashesOf(out), before);
  });
});
