/** The eviction replay: laws on random traces, and stories on drawn ones. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Prng, UsageError } from '@workset/model';
import { parseEvict, raceTable, windowExperiment, type RaceRow } from '@workset/replay';
import { arbitraryTrace, grid, QUANTUM_NS, type PlainTrace } from '@workset/testkit';
import { spaceOf } from './engine-harness.ts';
import { PRIMITIVE_SPECS, runEvictor, runEvictorInPass, truthfulReports, type EvictRun } from './evict-harness.ts';

const POLICIES = [
  'limit=20%',
  'cold=1',
  'cold=2',
  'limit=60%',
  'limit=70%,low=40%',
  'limit=50%,order=oldest-fault-in',
  'limit=3p,low=2p,cold=1',
];
/** Every primitive and protection, with a store so slow that frames pass between its steps. */
const PRIMITIVES = PRIMITIVE_SPECS;
const spec = (primitive: string, policy: string, handler: string, latency: string): string =>
  `${primitive}${primitive.includes(':') ? ',' : ':'}${policy},handler=${handler},batch=2,latency=${latency}`;

const specs = fc
  .tuple(
    fc.constantFrom(...PRIMITIVES),
    fc.constantFrom(...POLICIES),
    fc.constantFrom('rescue', 'finish'),
    fc.constantFrom('10us', '1500us', '4ms'),
  )
  .map(([primitive, policy, handler, latency]) => spec(primitive, policy, handler, latency));
const traces = arbitraryTrace({ aligned: true, maxFrames: 60 });
/** With touches by devices, hosts and other processes. */
const actorTraces = arbitraryTrace({ aligned: true, maxFrames: 60, classBits: 4 });
const num = (value: unknown): number => value as number;

test('no policy refaults less than OPT at equal memory, and every page is counted', () => {
  fc.assert(
    fc.property(fc.oneof(traces, actorTraces), specs, fc.integer({ min: 1, max: 5 }), fc.boolean(), (trace, text, every, armed) => {
      const { summary, evictions, refaults } = runEvictor(trace, text, truthfulReports(trace, every), armed);
      assert.ok(num(summary['regret_opt']) >= 0, `${text}: ${num(summary['refaults'])} refaults, OPT ${num(summary['opt_refaults'])}`);
      assert.ok(num(summary['opt_refaults']) <= num(summary['lru_refaults']));
      assert.ok(num(summary['peak_pages']) <= num(summary['memory_pages']));
      assert.equal(evictions.length, num(summary['evictions']) + num(summary['aborted']) + num(summary['unfinished']));
      assert.equal(refaults.length, summary['refaults']);
      assert.ok(num(summary['refaults']) <= num(summary['evictions']));
      assert.equal(
        summary['touches'],
        trace.frames.reduce((n, { touches }) => n + touches.length, 0),
      );
    }),
    { numRuns: 600 },
  );
});

/** Random walks over 400 pages, two of three of which come back, with a limit that is reached every few ms. */
const busy: fc.Arbitrary<PlainTrace> = fc.integer().map((seed) => {
  const random = new Prng(String(seed));
  const columns = Array.from({ length: 60 }, (_, f) =>
    Array.from({ length: 24 }, () => ({
      page: random.below(3) === 0 ? random.below(400) : (f * 5 + random.below(160)) % 400,
      cls: random.below(2),
    })),
  );
  const frames = columns.map((touches, f) => ({ t0Ns: f * QUANTUM_NS, t1Ns: (f + 1) * QUANTUM_NS, touches }));
  return { nPages: 400, classBits: 2, quantumNs: QUANTUM_NS, frames, spans: [{ t0Ns: 0, t1Ns: 60 * QUANTUM_NS, label: '1' }] };
});

test('a plain limit: the workload runs on while the reserve is filled up, so that primitives race and differ', () => {
  const total = { windowReads: 0, blockedReads: 0, lost: 0, differ: 0, direct: 0, background: 0 };
  fc.assert(
    fc.property(busy, (trace) => {
      const [wp, rwp, punch] = ['uffd-wp', 'rwp-sync', 'punch-hole'].map((primitive) =>
        runEvictor(trace, `${primitive}:limit=50%,batch=6,latency=300us`, truthfulReports(trace, 5), false),
      ) as [EvictRun, EvictRun, EvictRun];
      for (const { summary } of [wp, rwp, punch]) {
        assert.ok(num(summary['peak_pages']) <= num(summary['limit_pages']));
        assert.ok(num(summary['regret_opt']) >= 0);
      }
      assert.deepEqual([wp.summary['lost_writes'], rwp.summary['lost_writes'], rwp.summary['window_reads']], [0, 0, 0]);
      total.windowReads += num(wp.summary['window_reads']);
      total.blockedReads += num(rwp.summary['blocked_reads']);
      total.lost += num(punch.summary['lost_writes']);
      total.differ += Number(wp.summary['refaults'] !== rwp.summary['refaults']);
      total.direct += wp.evictions.filter(({ direct }) => direct).length;
      total.background += wp.evictions.filter(({ direct }) => !direct).length;
    }),
    { numRuns: 20 },
  );
  for (const [what, n] of Object.entries(total)) assert.ok(n > 0, `${what}: ${JSON.stringify(total)}`);
});

test('a limit too small for a reserve: nothing runs between the steps, and all primitives refault alike', () => {
  fc.assert(
    fc.property(traces, fc.integer({ min: 1, max: 15 }), (trace, pages) => {
      const refaults = ['uffd-wp', 'punch-hole', 'madv-pageout'].map((primitive) => {
        const { summary, evictions } = runEvictor(trace, `${primitive}:limit=${pages}p`, truthfulReports(trace, 3), false);
        assert.ok(evictions.every(({ direct }) => direct));
        return summary['refaults'];
      });
      assert.equal(new Set(refaults).size, 1);
    }),
    { numRuns: 60 },
  );
});

test('what the exploration calls safe loses nothing in any replay; what it calls unsafe loses somewhere', () => {
  safeLosesNothing(traces, ({ safe }) => safe);
});

test('so it is with pins and other mappings', () => {
  safeLosesNothing(actorTraces, ({ safe, losses }) => safe && Object.keys(losses).length === 0);
});

function safeLosesNothing(made: fc.Arbitrary<PlainTrace>, isSafe: (row: RaceRow) => boolean): void {
  const unsafe = new Set(
    raceTable({ maxAccesses: 1 })
      .filter((row) => !isSafe(row) && row.entry !== 'unmapped')
      .map(({ primitive, params }) => [primitive, ...Object.entries(params).map(([name, value]) => `${name}=${String(value)}`)].join(':')),
  );
  const lost = new Set<string>();
  fc.assert(
    fc.property(
      made,
      fc.constantFrom(...PRIMITIVES),
      fc.constantFrom('rescue', 'finish'),
      fc.boolean(),
      (trace, primitive, handler, armed) => {
        const { summary } = runEvictor(trace, spec(primitive, 'cold=1', handler, '1500us'), truthfulReports(trace, 2), armed);
        if (num(summary['lost_writes']) > 0) lost.add(primitive);
        if (!unsafe.has(primitive)) assert.deepEqual([summary['lost_writes'], summary['stale_reads']], [0, 0]);
      },
    ),
    { numRuns: 1500 },
  );
  assert.deepEqual([...lost].sort(), [...unsafe].sort());
}

test('the same run twice gives the same rows', () => {
  fc.assert(
    fc.property(traces, specs, (trace, text) =>
      assert.deepEqual(runEvictor(trace, text, truthfulReports(trace, 3), true), runEvictor(trace, text, truthfulReports(trace, 3), true)),
    ),
    { numRuns: 50 },
  );
});

test('events=off leaves out the rows and nothing else', () => {
  fc.assert(
    fc.property(traces, specs, (trace, text) => {
      const reports = truthfulReports(trace, 3);
      const [full, sums] = [runEvictor(trace, text, reports, true), runEvictor(trace, `${text},events=off`, reports, true)];
      assert.deepEqual({ ...sums.summary, spec: full.summary['spec'] }, full.summary);
      assert.deepEqual([sums.evictions, sums.refaults], [[], []]);
    }),
    { numRuns: 50 },
  );
});

test('the engine shows the swapper every touch and every report', async () => {
  const trace = grid`p0: R....R.R....R... | p1: WWWWWWWWWWWWWWWW | p2: .RW....W........ | p600: R..........B....`;
  for (const text of ['uffd-wp:cold=1,latency=1500us,batch=1', 'rwp-sync:limit=3p,low=2p,latency=500us', 'punch-hole:limit=2p']) {
    const direct = runEvictor(trace, text, truthfulReports(trace, 4), true);
    const passed = await runEvictorInPass(trace, text, 4_000_000);
    assert.ok(direct.evictions.length > 0);
    assert.deepEqual(passed, { evictions: direct.evictions, refaults: direct.refaults, summary: direct.summary, plan: direct.plan });
  }
});

/** Page 0 is cold at the second report, at 4 ms; its eviction ends at about 6.5 ms, so columns 4 and 5 are inside. Page 1 is
 * busy, and comes second in its frames: page 0 is touched in the middle of a column. */
const story = (p0: string): PlainTrace => grid(`p0: ${p0} | p1: WWWWWWWWWWWW`);
const SLOW_STORE = 'cold=1,latency=2500us,batch=1';
const reports = (trace: PlainTrace) => truthfulReports(trace, 2);

test('punch-hole: a write after the copy is lost, and the read that follows is stale', () => {
  const trace = story('R...........');
  const { evictions } = runEvictor(trace, `punch-hole:${SLOW_STORE}`, reports(trace), false);
  assert.deepEqual(
    evictions.map(({ t_ns, page, outcome }) => [t_ns, page, outcome]),
    [[4_000_000, 0, 'done']],
  );
  const late = story('R....W..R...');
  const run = runEvictor(late, `punch-hole:${SLOW_STORE}`, reports(late), false);
  assert.deepEqual(
    [run.evictions[0]!['outcome'], run.evictions[0]!['writes'], run.summary['lost_writes'], run.summary['stale_reads']],
    ['lost-write', 1, 1, 1],
  );
  assert.deepEqual(
    run.refaults.map(({ t_ns, access, stale }) => [t_ns, access, stale]),
    [[8_500_000, 'read', true]],
  );
});

test('a device writes through its pin: no fault, no wait, and what it writes after the copy is lost; so is all it writes later', () => {
  const trace = story('I....I..R..I');
  const { evictions, refaults, summary } = runEvictor(trace, `uffd-wp:${SLOW_STORE}`, reports(trace), false);
  assert.deepEqual(
    evictions.map(({ page, outcome, writes, lost_writes }) => [page, outcome, writes, lost_writes]),
    [[0, 'lost-write', 1, 1]],
  );
  assert.deepEqual(
    refaults.map(({ t_ns, access, stale }) => [t_ns, access, stale]),
    [[8_500_000, 'read', true]],
  );
  assert.deepEqual([summary['lost_writes'], summary['blocked_writes'], summary['stale_reads']], [2, 0, 1]);
  const user = story('R....W..R...');
  assert.equal(runEvictor(user, `uffd-wp:${SLOW_STORE}`, reports(user), false).evictions[0]!['outcome'], 'aborted-cancelled');
});

test('UFFDIO_MOVE refuses a pinned page; when all are, the limit cannot be kept', () => {
  const trace = story('I....I..R..I');
  const { evictions, summary } = runEvictor(trace, `uffd-move:${SLOW_STORE}`, reports(trace), false);
  assert.deepEqual([evictions[0]!['outcome'], summary['lost_writes'], summary['refaults']], ['aborted-pinned', 0, 0]);
  const all = grid`p0: I... | p1: .I.. | p2: ..I.`;
  const full = runEvictor(all, 'uffd-move:limit=2p,batch=1', [], false);
  assert.deepEqual(
    full.evictions.map(({ page, outcome, direct }) => [page, outcome, direct]),
    [
      [0, 'aborted-pinned', true],
      [1, 'aborted-pinned', true],
      // The swapper tries again in the background.
      [0, 'aborted-pinned', false],
    ],
  );
  assert.deepEqual([full.summary['peak_pages'], full.summary['regret_opt']], [3, 0]);
});

test("the references are not asked for pages that a device's pin stands for", () => {
  const trace = grid`p0: I.I.I.I. | p1: .R.R.R.R`;
  const { summary } = runEvictor(trace, 'uffd-wp:limit=1p,batch=1', [], false);
  assert.deepEqual([summary['lost_writes'], summary['refaults'], summary['opt_refaults'], summary['lru_refaults']], [3, 0, 0, 0]);
});

test("another process's entry is not protected: its write is lost; on a page that is gone it waits like any other", () => {
  const trace = story('x....X..X...');
  const { evictions, refaults, summary } = runEvictor(trace, `uffd-wp:${SLOW_STORE}`, reports(trace), false);
  assert.deepEqual([evictions[0]!['outcome'], evictions[0]!['lost_writes'], summary['blocked_writes']], ['lost-write', 1, 0]);
  assert.deepEqual([refaults[0]!['t_ns'], refaults[0]!['access']], [8_500_000, 'kernel write']);
});

test('C13: a read inside the window passes unseen under uffd-wp, and is caught under RW-protection', () => {
  const trace = story('R....R.R....');
  const wp = runEvictor(trace, `uffd-wp:${SLOW_STORE}`, reports(trace), false);
  assert.deepEqual([wp.evictions[0]!['outcome'], wp.summary['window_reads'], wp.summary['refaults_window_read']], ['done', 1, 1]);
  const rwp = runEvictor(trace, `rwp-sync:${SLOW_STORE}`, reports(trace), true);
  assert.deepEqual([rwp.evictions[0]!['outcome'], rwp.summary['blocked_reads'], rwp.summary['refaults']], ['aborted-cancelled', 1, 0]);
});

test('handler=finish: the write waits for the end of the eviction and brings the page back itself', () => {
  const trace = story('R....W......');
  const { evictions, refaults, summary } = runEvictor(trace, `uffd-wp:${SLOW_STORE},handler=finish`, reports(trace), false);
  assert.deepEqual([evictions[0]!['outcome'], evictions[0]!['lost_writes'], refaults.length, summary['blocked_writes']], ['done', 0, 1, 1]);
  assert.deepEqual([refaults[0]!['t_ns'], refaults[0]!['access'], refaults[0]!['away_ns']], [5_500_000, 'write', 0]);
  assert.ok(num(refaults[0]!['wait_ns']) > 500_000 && num(summary['blocked_user_ns']) === refaults[0]!['wait_ns']);
});

test('a limit is kept at every moment: the fault waits for the coldest page to go', () => {
  const trace = grid`p0: R....... | p1: .R..R... | p2: ..R..... | p3: ...R...R`;
  const { evictions, summary } = runEvictor(trace, 'uffd-wp:limit=2p,batch=1', [{ after: 2, pages: [1] }], false);
  assert.deepEqual(
    evictions.map(({ page, direct }) => [page, direct]),
    [
      [0, true],
      [1, true],
      [2, true],
    ],
  );
  assert.deepEqual([summary['peak_pages'], summary['limit_pages'], summary['refaults'], summary['opt_refaults']], [2, 2, 1, 0]);
});

test('after thousands of evictions it is still known when a page was dropped', () => {
  const frames = Array.from({ length: 5000 }, (_, f) => ({
    t0Ns: f * QUANTUM_NS,
    t1Ns: (f + 1) * QUANTUM_NS,
    touches: [{ page: f === 0 || f === 4999 ? 9 : f % 4, cls: 0 }],
  }));
  const trace: PlainTrace = {
    nPages: 16,
    classBits: 2,
    quantumNs: QUANTUM_NS,
    frames,
    spans: [{ t0Ns: 0, t1Ns: 5000 * QUANTUM_NS, label: '' }],
  };
  const { refaults } = runEvictor(trace, 'uffd-wp:limit=3p,batch=1,references=off', [], false);
  assert.equal(refaults.length, 5000 - 5);
  // Each page makes room for the next but two, and page 9 for the fourth touch.
  const away = refaults.map((row) => num(row['away_ns']) / QUANTUM_NS);
  assert.deepEqual(new Set(away.slice(0, -1)), new Set([1]));
  assert.equal(away.at(-1), 4999 - 3);
});

test('--evict refuses what makes no sense, and says what would', () => {
  for (const [text, message] of [
    ['uffd-wp', /neither/],
    ['uffd-wp:low=3p,cold=1', /low needs a limit/],
    ['uffd-wp:order=oldest-fault-in,cold=1', /needs a limit/],
    ['uffd-wp:order=oldest-fault-in,limit=5p,cold=1', /means nothing/],
    ['uffd-wp:limit=lots', /not a size/],
    ['uffd-wp:cold', /no value/],
    ['rwp-sync:cold=3,backing=anon', /waits for itself/],
    ['punchhole:cold=3', /unknown eviction primitive/],
    ['uffd-move:cold=3,minor=on', /no parameter "minor"/],
  ] as const) {
    assert.throws(
      () => parseEvict(text),
      (error: unknown) => error instanceof UsageError && message.test(error.message),
      text,
    );
  }
  assert.equal(parseEvict('uffd-wp:cold=3,limit=60%,batch=64').text, parseEvict('uffd-wp: limit=60% , cold=3').text);
  assert.equal(parseEvict('uffd-move:cold=3').backing, 'anon');
  assert.equal(parseEvict(parseEvict('readv-dontneed:protect=none,limit=1G,low=900M').text).policy, 'hysteresis');
});

test('the window experiment: unseen reads are the refaults that RW-protection would have saved', () => {
  const trace = grid`p0: R.....RR.... | p1: R......R.... | p2: R.....WR.... | p3: RRRRRRRRRRRR | p4: R.....r.....`;
  const result = windowExperiment({ space: spaceOf(trace), spans: trace.spans, windowNs: 3_000_000, evictNs: 1_000_000 });
  // Windows of 3 columns; all but p3 are cold after the second one, and column 6 is the eviction; nothing is cold after the others.
  assert.deepEqual(result, {
    windowNs: 3_000_000,
    evictNs: 1_000_000,
    windows: 3,
    cold: 4,
    readInEviction: 2,
    writtenInEviction: 1,
    kernelReadInEviction: 1,
    refaultsWp: 2,
    refaultsRwp: 1,
    refaultsUnseenRead: 1,
  });
  assert.throws(() => windowExperiment({ space: spaceOf(trace), spans: trace.spans, windowNs: 5, evictNs: 5 }), UsageError);
});
