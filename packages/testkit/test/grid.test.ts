import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { arbitraryTrace, blocksOf, grid, pagesOf, printGrid, QUANTUM_NS } from '@workset/testkit';

describe('grid', () => {
  it('one column is one quantum, one row is one page', () => {
    const { frames, nPages } = grid`p0: R.W | p3: .B.`;
    assert.equal(nPages, 4);
    assert.deepEqual(
      frames.map(({ t0Ns, t1Ns }) => [t0Ns / QUANTUM_NS, t1Ns / QUANTUM_NS]),
      [
        [0, 1],
        [1, 2],
        [2, 3],
      ],
    );
    assert.deepEqual(
      frames.map(({ touches }) => touches),
      [
        [{ page: 0, cls: 0 }],
        [
          { page: 3, cls: 0 },
          { page: 3, cls: 1 },
        ],
        [{ page: 0, cls: 1 }],
      ],
    );
  });
  it('small letters are kernel touches', () => {
    assert.deepEqual(
      grid`p0: rwb`.frames.map(({ touches }) => touches.map(({ cls }) => cls)),
      [[2], [3], [2, 3]],
    );
  });
  it('a gap in the row of spans has no frames', () => {
    const { frames, spans } = grid`span: aa.b | p0: R.RR`;
    assert.equal(frames.length, 3);
    assert.deepEqual(
      spans.map(({ label, t0Ns, t1Ns }) => [label, t0Ns / QUANTUM_NS, t1Ns / QUANTUM_NS]),
      [
        ['a', 0, 2],
        ['b', 3, 4],
      ],
    );
  });
  it('a split column shares the interval of the one before it', () => {
    const { frames } = grid`split: .+. | p0: RWR`;
    assert.deepEqual(
      frames.map(({ t0Ns }) => t0Ns / QUANTUM_NS),
      [0, 0, 1],
    );
  });
  it('refuses rows and symbols it does not know', () => {
    assert.throws(() => grid`p0 R`, /not a grid row/);
    assert.throws(() => grid`p0: Rz`, /not a grid symbol: "z"/);
  });
  it('prints the rows it was drawn from', () => {
    assert.deepEqual(
      printGrid(grid`p0: R.Wb | p3: .B.5`)
        .split('\n')
        .slice(0, 2),
      ['p0: R.Wb', 'p3: .B.5'],
    );
  });
  it('what it prints of a random trace draws the same touches again', () => {
    fc.assert(
      fc.property(arbitraryTrace(), ({ frames, ...rest }) => {
        const rows = printGrid({ frames, ...rest })
          .split('\n')
          .filter((row) => row.startsWith('p'));
        const sorted = (list: typeof frames) => list.map(({ touches }) => [...touches].sort((a, b) => a.page - b.page || a.cls - b.cls));
        if (rows.length > 0) assert.deepEqual(sorted(grid(rows.join('|')).frames), sorted(frames));
      }),
    );
  });
});

describe('random traces', () => {
  it('keep the contract of frames: times never fall, equal intervals are one quantum', () => {
    fc.assert(
      fc.property(arbitraryTrace(), ({ frames, spans }) => {
        for (let i = 1; i < frames.length; i++) {
          const [a, b] = [frames[i - 1]!, frames[i]!];
          assert.ok((a.t0Ns === b.t0Ns && a.t1Ns === b.t1Ns) || b.t0Ns >= a.t1Ns);
        }
        for (const { t0Ns, t1Ns } of frames) assert.ok(Math.abs(t1Ns - t0Ns - QUANTUM_NS) <= QUANTUM_NS / 100);
        for (let i = 1; i < spans.length; i++) assert.ok(spans[i]!.t0Ns > spans[i - 1]!.t1Ns);
      }),
    );
  });
  it('reach gaps, split quanta, kernel touches and all class bits', () => {
    const traces = fc.sample(arbitraryTrace(), { numRuns: 300, seed: 1 });
    assert.ok(traces.some(({ spans }) => spans.length > 2));
    assert.ok(traces.some(({ frames }) => frames.some((frame, i) => frame.t0Ns === frames[i - 1]?.t0Ns)));
    assert.deepEqual([...new Set(traces.map(({ classBits }) => classBits))].sort(), [0, 1, 2]);
    assert.ok(traces.some(({ frames }) => frames.some(({ touches }) => touches.some(({ cls }) => cls === 3))));
  });
});

describe('pages of a trace', () => {
  it('are whole blocks of 512, ascending', () => {
    const trace = grid`p1500: R | p3: W`;
    assert.deepEqual(blocksOf(trace), [0, 1, 2]);
    assert.deepEqual([pagesOf(trace)[0], pagesOf(trace).at(-1), pagesOf(trace).length], [0, 1535, 1536]);
  });
});
