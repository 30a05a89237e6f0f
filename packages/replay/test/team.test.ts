/** Threads that help with a pass, or go through it side by side: the same bytes as one thread; damage and interruption reach all. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { closeSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, it } from 'node:test';
import { InterruptedError, NS_PER_MS, NS_PER_S, TraceFormatError } from '@workset/model';
import { synthesise } from '@workset/ingest';
import { DEFAULT_TLB, planReplay, replay, type ReplayOptions } from '@workset/replay';
import { startWorkers } from '@workset/replay/workers';

/** Enough touches for several threads, and in a window enough to share out: see the thresholds in passes.ts and feed.ts. */
const SYNTH = { pages: 40_960, seconds: 1.2, rate: 4e6, seed: 3 };
const WINDOW_NS = 400 * NS_PER_MS;

let dir: string;
let trace: string;
let results = 0;

before(async () => {
  dir = mkdtempSync(join(tmpdir(), 'workset-team-'));
  trace = join(dir, 'mixed.trace');
  await synthesise('mixed', { ...SYNTH, out: trace });
});
after(() => rmSync(dir, { recursive: true, force: true }));
// So few touches are not worth starting threads for: they are there.
beforeEach(() => startWorkers(2, 'help'));

async function replayed(options: Partial<ReplayOptions>, path = trace): Promise<Map<string, string>> {
  const out = join(dir, `results-${results++}`);
  await replay(path, { out, windowNs: WINDOW_NS, ...options });
  return hashesOf(out);
}

function hashesOf(out: string): Map<string, string> {
  const files = readdirSync(out, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const paths = files.map((entry) => join(entry.parentPath, entry.name)).sort();
  return new Map(paths.map((path) => [path.slice(out.length), createHash('sha256').update(readFileSync(path)).digest('hex')]));
}

describe('several threads', () => {
  const cases: Readonly<Record<string, Partial<ReplayOptions>>> = {
    'schemes at their defaults': {},
    'schemes that look at nothing but stamps': { schemes: ['uffd-rwp', 'uffd-wp', 'idle-page', 'soft-dirty', 'mm-young'] },
    'a TLB and shared worlds': { schemes: ['idle-page', 'mglru', 'uffd-rwp'], worlds: [['idle-page', 'mglru']], tlb: DEFAULT_TLB },
    swappers: { schemes: ['uffd-wp'], evict: ['uffd-wp:limit=50%', 'uffd-wp:limit=70%'] },
    'a part of the time': { schemes: ['uffd-rwp', 'damon-paddr'], time: [300 * NS_PER_MS, 900 * NS_PER_MS] },
  };
  for (const [name, options] of Object.entries(cases)) {
    it(`write what one thread writes: ${name}`, async () => {
      const one = await replayed({ ...options, jobs: 1 });
      assert.ok([...one.keys()].some((path) => path.startsWith('/page_sets/')));
      assert.deepEqual(await replayed({ ...options, jobs: 2 }), one);
      assert.deepEqual(await replayed({ ...options, jobs: 3 }), one);
    });
  }

  // So many touches in a frame that pieces of several batches are stamped side by side, and pieces of as many frames as bytes tell apart.
  for (const [name, seconds, rate] of [
    ['pieces cut by rows', 0.4, 4e7],
    ['pieces cut by frames', 1.2, 9.32e6],
  ] as const) {
    it(`write what one thread writes when touches are stamped side by side: ${name}`, async () => {
      const dense = join(dir, `${rate}.trace`);
      await synthesise('zipf', { ...SYNTH, seconds, rate, out: dense });
      const options = { schemes: ['uffd-rwp', 'uffd-wp', 'idle-page', 'damon-paddr'], windowNs: (seconds / 3) * NS_PER_S };
      const one = await replayed({ ...options, jobs: 1 }, dense);
      assert.deepEqual(await replayed({ ...options, jobs: 2 }, dense), one);
      assert.deepEqual(await replayed({ ...options, jobs: 3 }, dense), one);
    });
  }

  it('apply every touch', async () => {
    const out = join(dir, `results-${results++}`);
    const schemes = ['uffd-rwp', 'idle-page', 'soft-dirty'];
    const { touches } = await replay(trace, { out, windowNs: WINDOW_NS, schemes, jobs: 3 });
    const plan = await planReplay(trace, { windowNs: WINDOW_NS, schemes, jobs: 3 });
    assert.deepEqual([plan.passes, plan.touches], [1, touches]);
  });

  it('stop together when interrupted, and leave no run', async () => {
    const out = join(dir, `results-${results++}`);
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 20);
    // So many windows take far longer than this.
    await assert.rejects(replay(trace, { out, windowNs: 2 * NS_PER_MS, jobs: 2, signal: controller.signal }), InterruptedError);
    assert.deepEqual(
      [...hashesOf(out).keys()].filter((path) => !/inputs|diagnostics|workset\.json/.test(path)),
      [],
    );
  });

  it('fail together when touches are damaged', async () => {
    const broken = join(dir, 'broken.trace');
    await synthesise('mixed', { ...SYNTH, out: broken });
    const fd = openSync(join(broken, 'touches.gpa.arrow'), 'r+');
    writeSync(fd, Uint8Array.of(255, 255, 255), 0, 3, 9 << 20);
    closeSync(fd);
    const out = join(dir, `results-${results++}`);
    await assert.rejects(replay(broken, { out, windowNs: 1200 * NS_PER_MS, jobs: 2, schemes: ['uffd-rwp', 'uffd-wp'] }), TraceFormatError);
  });
});
