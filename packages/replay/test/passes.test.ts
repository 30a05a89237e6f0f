/** Sharing out runs: every run once, within the limit, with the same results; the bound holds for what is really allocated. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { NS_PER_MS, UsageError, type SpaceInfo } from '@workset/model';
import { synthesise } from '@workset/ingest';
import { DEFAULT_TLB, planReplay, replay, schemes, type PlanOptions, type RunPlan } from '@workset/replay';
import type { SpaceReader, TraceReader } from '@workset/store';
import { Arena } from '../src/memory/arena.ts';
import { cachesOf, columnsOf, planPasses } from '../src/passes.ts';
import { worldKey } from '../src/plan.ts';

const PAGES = 65_536;
const GIB = 2 ** 30;
let dir: string;
let trace: string;
let results = 0;

before(async () => {
  dir = mkdtempSync(join(tmpdir(), 'workset-passes-'));
  trace = join(dir, 'mixed.trace');
  await synthesise('mixed', { pages: PAGES, seconds: 1, rate: 1e6, out: trace });
});
after(() => rmSync(dir, { recursive: true, force: true }));

/** A trace of 256 GiB of guest memory, or less, as far as planning looks at it. */
function hugeTrace(less: Partial<SpaceInfo> = {}): TraceReader {
  const info: SpaceInfo = {
    id: 'gpa',
    classBits: 1,
    nPages: 2 ** 26,
    nTouches: 1e9,
    nAccesses: 2e9,
    nFrames: 1e5,
    truth: 'exact',
    ...less,
  };
  const space = { info } as SpaceReader;
  return { manifest: { spans: [{ t0Ns: 0, t1Ns: 1e10, label: '' }] }, space: () => space } as unknown as TraceReader;
}

async function runsOf(options: PlanOptions): Promise<readonly RunPlan[]> {
  return (await planReplay(trace, options)).runs;
}

/** Runs that need least. */
function guests(runs: readonly RunPlan[]): RunPlan[] {
  return runs.filter(({ scheme }) => scheme !== 'mglru');
}

function hashOf(out: string): string[] {
  const files = readdirSync(out, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return files
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
    .map((path) => `${path.slice(out.length)} ${createHash('sha256').update(readFileSync(path)).digest('hex')}`);
}

describe('passes', () => {
  it('have every run once, in order, within the limit', async () => {
    const range = { from: 0, to: hugeTrace().space('gpa').info.nPages };
    const runs = guests(await runsOf({})).map((run) => ({ ...run, range }));
    for (const gib of [2, 3, 6, 12]) {
      for (const jobs of [1, 2, 4]) {
        const passes = planPasses(hugeTrace(), runs, { jobs, memoryLimitBytes: gib * GIB });
        assert.deepEqual(
          passes.flatMap(({ shares }) => shares.flat().map(({ runId }) => runId)).sort(),
          runs.map(({ runId }) => runId).sort(),
        );
        for (const { memoryBytes, shares } of passes) {
          assert.ok(memoryBytes <= gib * GIB);
          assert.ok(shares.length <= jobs && shares.every((share) => share.length > 0));
        }
      }
    }
    const count = (gib: number): number => planPasses(hugeTrace(), runs, { memoryLimitBytes: gib * GIB }).length;
    assert.ok(count(2) > count(3) && count(3) > count(24), `${count(2)} ${count(3)} ${count(24)}`);
    assert.equal(count(24), 1);
  });

  it('have no threads that would take longer to start than to help', async () => {
    const runs = guests(await runsOf({ schemes: ['uffd-rwp', 'uffd-wp', 'idle-page'] }));
    const threads = (nTouches: number, startMs?: number): number => {
      const [pass] = planPasses(hugeTrace({ nPages: 2 ** 20, nTouches }), runs, { jobs: 2, startMs });
      return pass!.shares.length + pass!.helpers;
    };
    assert.deepEqual([threads(1e6), threads(1e7), threads(1e7, 20), threads(1e9, 20)], [1, 2, 1, 2]);
  });

  it('keep schemes of one world together', async () => {
    const runs = await runsOf({ worlds: [['idle-page', 'mglru', 'clear-refs']] });
    for (const { shares } of planPasses(hugeTrace(), runs, { jobs: 4, memoryLimitBytes: 6 * GIB })) {
      const homes = shares.filter((share) => share.some(({ world }) => world.shared !== null));
      assert.ok(homes.length <= 1);
      if (homes.length === 1) assert.equal(homes[0]!.filter(({ world }) => world.shared !== null).length, 3);
    }
  });

  it('keep schemes of one world apart from those with another swapper', async () => {
    const runs = await runsOf({
      schemes: ['idle-page', 'mglru'],
      worlds: [['idle-page', 'mglru']],
      evict: ['uffd-wp:limit=50%', 'uffd-wp:limit=60%'],
    });
    assert.equal(runs.length, 4);
    assert.equal(new Set(runs.map(worldKey)).size, 2);
    assert.equal(new Set(runs.map(({ randomName }) => randomName)).size, 2);
  });

  it('draw the same random numbers whatever the trace and the prices, and others with another seed', async () => {
    const other = join(dir, 'other.trace');
    await synthesise('mixed', { pages: PAGES, seconds: 1, rate: 1e6, seed: 9, out: other });
    const schemeNames = ['damon-paddr', 'pebs'];
    const names = (runs: readonly RunPlan[]): string[] => runs.map(({ randomName }) => randomName);
    const own = await runsOf({ schemes: schemeNames });
    const { runs: others } = await planReplay(other, { schemes: schemeNames });
    assert.deepEqual(names(others), names(own));
    assert.deepEqual(names(await runsOf({ schemes: schemeNames, profile: 'tcg-7.3' })), names(own));
    assert.equal(new Set([...others, ...own].map(({ runId }) => runId)).size, 4);
    assert.equal(new Set([...names(own), ...names(await runsOf({ schemes: schemeNames, seed: 2 }))]).size, 4);
  });

  it('refuse a world that would hold a scheme twice', async () => {
    const worlds = [['idle-page', 'damon-paddr']];
    await assert.rejects(runsOf({ worlds, seeds: 2 }), UsageError);
    const twice = [{ id: 'idle-page', interval: 1e9 }, { id: 'idle-page', interval: 2e9 }, 'damon-paddr'];
    await assert.rejects(runsOf({ worlds, schemes: twice }), UsageError);
    assert.equal((await runsOf({ worlds, schemes: ['idle-page', 'damon-paddr'] })).length, 2);
  });

  it('refuse a limit that one run alone exceeds, and say what is needed', async () => {
    const runs = await runsOf({ schemes: ['uffd-rwp'] });
    assert.throws(
      () => planPasses(hugeTrace(), runs, { memoryLimitBytes: GIB }),
      (error) => error instanceof UsageError && /of 1 GiB/.test(error.message) && /--memory-limit to \d+M/.test(error.hint!),
    );
  });

  it('give the same results however many there are', async () => {
    const options = { windowNs: 250 * NS_PER_MS };
    const one = join(dir, `results-${results++}`);
    await replay(trace, { ...options, out: one });
    let limit = 180 << 20;
    const tooSmall = async (): Promise<boolean> =>
      planReplay(trace, { ...options, memoryLimitBytes: limit }).then(
        () => false,
        () => true,
      );
    while (await tooSmall()) limit += 1 << 20;
    const { passes } = await planReplay(trace, { ...options, memoryLimitBytes: limit });
    assert.ok(passes > 1, `${passes} passes`);
    const many = join(dir, `results-${results++}`);
    await replay(trace, { ...options, out: many, memoryLimitBytes: limit });
    assert.deepEqual(hashOf(many), hashOf(one));
  });
});

describe('the bound on columns', () => {
  const worlds: Readonly<Record<string, PlanOptions>> = {
    'a guest': {},
    'a host': { mmu: 'host' },
    'a host with huge anon pages': { mmu: 'host', backing: 'anon', thp: 'all' },
    'a guest with huge pages': { thp: 'all' },
    'a TLB': { tlb: DEFAULT_TLB },
  };
  for (const [name, options] of Object.entries(worlds)) {
    it(`holds for every scheme: ${name}`, async (t) => {
      for (const id of schemes.ids) {
        const columns = new Set<Int32Array>();
        const original = Arena.prototype.int32;
        t.mock.method(Arena.prototype, 'int32', function (this: Arena, length: number) {
          const column = original.call(this, length);
          if (length === PAGES) columns.add(column);
          return column;
        });
        const chosen = { ...options, schemes: [id], windowNs: 250 * NS_PER_MS };
        await replay(trace, { ...chosen, out: join(dir, `results-${results++}`) });
        t.mock.restoreAll();
        const [run] = await runsOf(chosen);
        const bound = columnsOf(run!, false, { nPages: PAGES }) + cachesOf({ classBits: 1 } as SpaceInfo, [run!]);
        assert.ok(columns.size <= bound, `${id}: ${columns.size} columns, at most ${bound} expected`);
      }
    });
  }
});
