/** Every rule of the tracking schemes and of scoring, each on a trace small enough to draw. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { PageBitmap } from '@workset/model';
import { grid, QUANTUM_NS, type PlainTrace } from '@workset/testkit';
import { countsOf, observeWithEngine, runEngine, type RecordingPart } from './engine-harness.ts';

const ms = (n: number): number => Math.round(n * QUANTUM_NS);

/** One run with the interval in milliseconds; the page numbers of a set, window by window. */
async function run(trace: PlainTrace, scheme: string, intervalMs: number): Promise<Sets> {
  return setsOf((await runEngine(trace, [{ scheme, params: { interval: ms(intervalMs) } }]))[0]!);
}

/** One run at the times [set begin, set end, read begin, read end] in milliseconds. */
async function runAt(trace: PlainTrace, scheme: string, ...cycles: [number, number, number, number][]): Promise<Sets> {
  const times = cycles.map(([a, b, c, d]) => ({ setBeginNs: ms(a), setEndNs: ms(b), readBeginNs: ms(c), readEndNs: ms(d) }));
  return setsOf((await runEngine(trace, [{ scheme, cycles: times }]))[0]!);
}

type Sets = RecordingPart & { of(kind: string, scope?: string): (number[] | null)[] };

function setsOf(part: RecordingPart): Sets {
  return Object.assign(part, {
    of: (kind: string, scope = '') =>
      part.windows.map(({ w }) => {
        const set = part.sets.get(`${w} ${kind} ${scope}`);
        return set === undefined ? null : [...set.ids()];
      }),
  });
}

describe('uffd-rwp', () => {
  it('a page first touched after arming is unarmed: reported, but not eligible', async () => {
    const sets = await run(grid`p0: R... | p1: ..R.`, 'uffd-rwp', 2);
    assert.deepEqual(sets.of('reported'), [[0], [1]]);
    assert.deepEqual(sets.of('eligible'), [[], [0]]);
  });
  it('a page nobody maps is never reported', async () => {
    assert.deepEqual((await run(grid`p0: .... | p1: ....`, 'uffd-rwp', 2)).of('reported'), [[], []]);
  });
  it('an armed page that nobody touches stays armed over many cycles', async () => {
    assert.deepEqual((await run(grid`p0: R.....`, 'uffd-rwp', 1)).of('reported'), [[0], [], [], [], [], []]);
  });
  it('sees reads and writes alike', async () => {
    assert.deepEqual((await run(grid`p0: R.R. | p1: R.W.`, 'uffd-rwp', 2)).of('reported').at(-1), [0, 1]);
  });
  it('does not see the kernel touch a page through its own mapping', async () => {
    const sets = await run(grid`p0: R.w. | p1: ..r.`, 'uffd-rwp', 2);
    assert.deepEqual(sets.of('reported'), [[0], []]);
  });
  it('one async fault for each armed page touched, none for a page populated unarmed', async () => {
    const { costs } = await run(grid`p0: R.RR | p1: ..R.`, 'uffd-rwp', 2);
    assert.deepEqual(
      costs.filter(({ op }) => op === 'rwp-fault'),
      [{ w: 1, op: 'rwp-fault', count: 1 }],
    );
  });
  it('an access between the scan and the next arming is erased by the arming', async () => {
    const sets = await runAt(grid`p0: R..R... | p1: R......`, 'uffd-rwp', [1, 1, 3, 3], [3, 4, 6, 6]);
    assert.deepEqual(sets.of('reported'), [[], []]);
  });
});

describe('uffd-wp', () => {
  it('misses every read', async () => {
    assert.deepEqual((await run(grid`p0: R.R. | p1: R.W.`, 'uffd-wp', 2)).of('reported'), [[], [1]]);
  });
  it('catches the first write to a page that was not populated, by its marker', async () => {
    assert.deepEqual((await run(grid`p0: ..W. | p1: ..R.`, 'uffd-wp', 2)).of('reported'), [[], [0]]);
  });
  it('a scan arms again what it reports', async () => {
    assert.deepEqual((await run(grid`p0: W.W...`, 'uffd-wp', 2)).of('reported'), [[0], [0], []]);
  });
  it('arms everything once; after that a scan arms only what it reports', async () => {
    const part = await run(grid`p0: W.W... | p1: ..W...`, 'uffd-wp', 2);
    assert.deepEqual(countsOf(part, 'wp-arm'), [512, 0, 0]);
    assert.deepEqual(countsOf(part, 'scan-rearm'), [1, 2, 0]);
  });
  it('reads between two scans lose nothing: every write is in exactly one report', async () => {
    const sets = await runAt(grid`p0: .W.W.. | p1: ..W...`, 'uffd-wp', [0, 0, 2, 2], [2, 2, 4, 4]);
    assert.deepEqual(sets.of('reported'), [[0], [0, 1]]);
  });
});

describe('idle-page', () => {
  it('eligible are the pages present when the marks were set', async () => {
    const sets = await run(grid`p0: R... | p1: ..R.`, 'idle-page', 2);
    assert.deepEqual(sets.of('eligible'), [[], [0]]);
  });
  it('a page populated after marking is not tracked, so not reported', async () => {
    assert.deepEqual((await run(grid`p0: R.R. | p1: ..R.`, 'idle-page', 2)).of('reported'), [[], [0]]);
  });
  it('does not see kernel touches', async () => {
    assert.deepEqual((await run(grid`p0: R.r.`, 'idle-page', 2)).of('reported'), [[], []]);
  });
});

describe('truth', () => {
  it('kernel touches are in scope any alone', async () => {
    const sets = await run(grid`p0: Rr | p1: .w | p2: R.`, 'uffd-rwp', 1);
    assert.deepEqual(sets.of('truth', 'any'), [
      [0, 2],
      [0, 1],
    ]);
    assert.deepEqual(sets.of('truth', 'mapped'), [[0, 2], []]);
    assert.deepEqual(sets.of('truth_writes', 'any'), [[], [1]]);
  });
  it('a quantum that a tick cuts is edge, never truth, for both windows', async () => {
    const sets = await run(grid`p0: .R.. | p1: R...`, 'uffd-rwp', 1.5);
    assert.deepEqual(sets.of('truth', 'mapped'), [[1], []]);
    assert.deepEqual(sets.of('edge', 'mapped'), [[0], [0]]);
  });
  it('touches while marks are set or read are edge', async () => {
    const sets = await runAt(grid`p0: R...... | p1: .R..... | p2: ...R... | p3: .....R. | p4: ......R`, 'uffd-rwp', [1, 2, 5, 6]);
    assert.deepEqual(sets.of('truth', 'mapped'), [[2]]);
    assert.deepEqual(sets.of('edge', 'mapped'), [[1, 3]]);
  });
  it('is not shared by windows that differ in their claim alone', async () => {
    const claims = [1, 3].map((setEnd) => ({ setBeginNs: 0, setEndNs: ms(setEnd), readBeginNs: ms(4), readEndNs: ms(4) }));
    const parts = await runEngine(
      grid`p0: .R.. | p1: ...R`,
      claims.map((cycle) => ({ scheme: 'uffd-rwp', cycles: [cycle] })),
    );
    assert.deepEqual(
      parts.map((part) => setsOf(part).of('truth', 'mapped')),
      [[[0, 1]], [[1]]],
    );
  });
  it('a page both in truth and on the edge counts as truth', async () => {
    const sets = await runAt(grid`p0: .R.R.R.`, 'uffd-rwp', [1, 2, 5, 6]);
    assert.deepEqual([sets.of('truth', 'mapped'), sets.of('edge', 'mapped')], [[[0]], [[]]]);
  });
  it('quanta split by a marker count alike', async () => {
    const trace = grid`split: ..+. | p0: .R.. | p1: ..R. | p2: ...R`;
    assert.deepEqual((await run(trace, 'uffd-rwp', 1)).of('truth', 'mapped'), [[], [0, 1], [2]]);
  });
});

describe('spans', () => {
  const gap = grid`span: aa..bb | p0: RR..RR | p1: .R....`;

  it('a tracker starts again, with fresh marks, in every span', async () => {
    const sets = await run(gap, 'uffd-rwp', 1);
    assert.deepEqual(
      sets.windows.map(({ claimT0Ns, span }) => [claimT0Ns / QUANTUM_NS, span]),
      [
        [0, 0],
        [1, 0],
        [4, 1],
        [5, 1],
      ],
    );
    assert.deepEqual(sets.of('reported').slice(2), [[0], [0]]);
  });
  it('pages stay populated across the gap', async () => {
    assert.deepEqual((await run(gap, 'uffd-rwp', 1)).of('eligible'), [[], [0], [0, 1], [0, 1]]);
  });
  it('a report that claims time across a gap is kept but not scored', async () => {
    const part = await observeWithEngine(gap, [
      { outerT0Ns: ms(1), claimT0Ns: ms(1), claimT1Ns: ms(5), outerT1Ns: ms(5), reported: PageBitmap.of(512, [0]) },
    ]);
    assert.deepEqual(
      part.windows.map(({ span, scored }) => [span, scored]),
      [[-1, false]],
    );
    assert.deepEqual([...part.sets.keys()], ['0 reported ']);
  });
  it('no window is reported when the interval is longer than the span', async () => {
    assert.equal((await run(gap, 'uffd-rwp', 3)).windows.length, 0);
  });
});

/** Times of the ticks, in quanta. */
function ticksOf({ windows }: RecordingPart): number[] {
  return windows.map(({ claimT1Ns }) => claimT1Ns / QUANTUM_NS);
}

describe('time', () => {
  it('a tick that misses a frame edge by clock drift happens at the edge', async () => {
    const trace = grid`p0: RRRR`;
    const drifted = {
      ...trace,
      frames: trace.frames.map((frame, i) => ({ ...frame, t0Ns: frame.t0Ns + 9000 * Math.sign(i), t1Ns: frame.t1Ns + 9000 })),
    };
    assert.deepEqual(ticksOf(await run(drifted, 'uffd-rwp', 1)), [1.009, 2.009, 3.009]);
  });
  it('a tick is never moved back to the one before it', async () => {
    assert.deepEqual(ticksOf(await run({ ...grid`p0: RRRR`, quantumNs: 200 * QUANTUM_NS }, 'uffd-rwp', 1)), [1, 2, 3, 4]);
  });
  it('a tracker starts at the first frame start of the span, not inside the quantum that the span cuts', async () => {
    const trace = { ...grid`p0: RRRRR`, spans: [{ t0Ns: ms(0.4), t1Ns: ms(5), label: 'cut' }] };
    assert.deepEqual(
      (await run(trace, 'uffd-rwp', 2)).windows.map(({ claimT0Ns, claimT1Ns }) => [claimT0Ns / ms(1), claimT1Ns / ms(1)]),
      [
        [1, 3],
        [3, 5],
      ],
    );
  });
});

describe('damon-paddr', () => {
  const all = { sample: ms(1), aggr: ms(4), min: 3, max: 9, start: 0, end: 3 * 4096 };

  async function scores(trace: PlainTrace, kernel: string): Promise<number[][]> {
    const [part] = await runEngine(trace, [{ scheme: 'damon-paddr', params: { ...all, kernel } }]);
    return part!.windows.map(({ w }) => (part!.regions.get(w) ?? []).map(({ score }) => score));
  }
  it('counts the samples that found the page accessed', async () => {
    assert.deepEqual(await scores(grid`p0: RRRR | p1: R.R. | p2: ....`, '7.3'), [[4, 2, 0]]);
  });
  it('does not see kernel touches', async () => {
    assert.deepEqual(await scores(grid`p0: rwrw | p1: bbbb | p2: ....`, '7.3'), [[0, 0, 0]]);
  });
  it('6.1 begins with one region, 7.3 with the least number of regions', async () => {
    const trace = grid`p0: .... | p1: .... | p2: ....`;
    assert.deepEqual([(await scores(trace, '6.1'))[0]!.length, (await scores(trace, '7.3'))[0]!.length], [1, 3]);
  });
  it('7.3 resets the age of a region that wakes or falls silent, however small the change', async () => {
    const trace = grid`p0: RRRRRRRRRRRRRRRRRRRR.......... | p1: R.............................`;
    assert.deepEqual(await agesOf(trace, '7.3'), [
      [0, 0],
      [1, 0],
      [0, 1],
    ]);
  });
});

/** Ages of two one-page regions in aggregations of ten samples, so that a change of one is within the merge threshold. */
async function agesOf(trace: PlainTrace, kernel: string): Promise<number[][]> {
  const [part] = await runEngine(trace, [
    { scheme: 'damon-paddr', params: { sample: ms(1), aggr: ms(10), min: 3, max: 9, end: 2 * 4096, kernel } },
  ]);
  return part!.windows.map(({ w }) => part!.regions.get(w)!.map(({ ageNs }) => ageNs / ms(10)));
}

describe('costs', () => {
  it('work after the last report is booked on window -1, not lost', async () => {
    const trace = grid`p0: RRRR | p1: R.R.`;
    const [part] = await runEngine(trace, [{ scheme: 'uffd-rwp', params: { interval: 2 * QUANTUM_NS } }]);
    const arms = part!.costs.filter(({ op }) => op === 'rwp-arm');
    assert.deepEqual(
      arms.map(({ w }) => w).sort((a, b) => a - b),
      [-1, 1],
    );
  });
});

describe('mglru without force', () => {
  /** `n` pages of one table used all the time, before the tracker starts as well: the second span begins with their A bits set. */
  const table = (n: number): PlainTrace => grid(['span: a.bbbb', ...Array.from({ length: n }, (_, page) => `p${page}: R.RRRR`)].join('|'));
  async function scans(n: number): Promise<number[]> {
    const [part] = await runEngine(table(n), [{ scheme: 'mglru', params: { interval: ms(1), force: false } }]);
    return countsOf(part!, 'pte-scan').slice(1);
  }
  it('a table stays in the Bloom filter while an eighth of its entries is young', async () => {
    // The first window holds the pass at the start too.
    assert.deepEqual(await scans(64), [1024, 512, 512, 512]);
  });
  it('and falls out with one entry less', async () => {
    assert.deepEqual(await scans(63), [512, 0, 0, 0]);
  });
});

describe('damon-paddr', () => {
  it('rechecked page by page, calls no page cold that was touched since it was last made old', async () => {
    const trace = grid`p0: RRRRRRRR | p1: ........ | p2: R....... | p3: R...R...`;
    const params = { sample: QUANTUM_NS, aggr: 4 * QUANTUM_NS, min: 3, max: 3, recheck: 'young', end: 4 * 4096 };
    const [part] = await runEngine(trace, [{ scheme: 'damon-paddr', params }]);
    const found = part!.windows.map(({ w }) => [...part!.sets.get(`${w} reported `)!.ids()]);
    assert.deepEqual(
      found.map((ids) => ids.includes(0) && ids.includes(3)),
      [true, true],
    );
    assert.ok(!found[1]!.includes(1), 'a page nobody touched stays cold unless its region is hot');
  });
});

describe('damon with a goal (8.3)', () => {
  const tuned = async (row: string, goal: number, more: object = {}): Promise<number[]> => {
    const params = {
      sample: ms(1),
      aggr: ms(2),
      min: 3,
      max: 9,
      end: 4096,
      goal,
      goalAggrs: 1,
      minSample: ms(1) / 4,
      maxSample: ms(4),
      ...more,
    };
    const [part] = await runEngine(grid`p0: ${row}`, [{ scheme: 'damon-paddr', params }]);
    return part!.windows.map(({ claimT0Ns, claimT1Ns }) => (claimT1Ns - claimT0Ns) / ms(1));
  };
  it('doubles intervals in which nothing is seen, up to the limit', async () => {
    // One check of two in the first aggregation is what was wanted.
    assert.deepEqual((await tuned('R...............................', 0.5)).slice(0, 5), [2, 2, 4, 8, 8]);
  });
  it('halves them at most when far more is seen than wanted, down to the limit', async () => {
    const given = { sample: ms(4), aggr: ms(8), minSample: ms(1) };
    assert.deepEqual((await tuned('R'.repeat(24), 0.01, given)).slice(0, 4), [8, 4, 2, 2]);
  });
  it('leaves them alone when what is seen is what was wanted', async () => {
    assert.deepEqual(await tuned('RRRRRRRR', 1), [2, 2, 2, 2]);
  });
  it('is refused with the rules of 6.1', async () => {
    await assert.rejects(tuned('RRRR', 0.5, { kernel: '6.1' }), /intervals cannot be tuned here/);
  });
});
