/** The oracle itself, on cases worked out by hand: a judge must be right before it judges. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { grid, QUANTUM_NS, simulate, type OracleWindow, type PlainTrace } from '@workset/testkit';

type MarkAndLook = 'uffd-rwp' | 'uffd-wp' | 'idle-page';

function windowsOf(trace: PlainTrace, scheme: MarkAndLook, quanta: number): OracleWindow[] {
  return simulate(trace, { scheme, interval: quanta * QUANTUM_NS });
}
function reportedBy(trace: PlainTrace, scheme: MarkAndLook, quanta: number): number[][] {
  return windowsOf(trace, scheme, quanta).map(({ reported }) => [...reported]);
}
function truth(windows: readonly OracleWindow[], scope: string, target: string): number[][] {
  return windows.map(({ truths }) => [...truths.find((one) => one.scope === scope && one.target === target)!.truth]);
}

const trace = grid`p0: R.W. | p1: ..Rw | p2: .r..`;

describe('oracle', () => {
  it('uffd-rwp sees user reads and writes', () => assert.deepEqual(reportedBy(trace, 'uffd-rwp', 2), [[0], [0, 1]]));
  it('uffd-wp sees user writes', () => assert.deepEqual(reportedBy(trace, 'uffd-wp', 2), [[], [0]]));
  it('idle-page sees pages that were there when marked', () => assert.deepEqual(reportedBy(trace, 'idle-page', 2), [[], [0]]));
  it('truth by scope and target', () => {
    const windows = windowsOf(trace, 'uffd-rwp', 2);
    assert.deepEqual(truth(windows, 'any', 'touched'), [
      [0, 2],
      [0, 1],
    ]);
    assert.deepEqual(truth(windows, 'mapped', 'touched'), [[0], [0, 1]]);
    assert.deepEqual(truth(windows, 'any', 'written'), [[], [0, 1]]);
    assert.deepEqual(truth(windows, 'mapped', 'written'), [[], [0]]);
  });
  it('DAMON: one region of one page counts its accesses', () => {
    const windows = simulate(grid`p0: RR.R....`, {
      scheme: 'damon-paddr',
      config: { sample: QUANTUM_NS, aggr: 4 * QUANTUM_NS, min: 3, max: 9, threshold: 1, kernel: '7.3' },
      monitored: { startPage: 0, nPages: 1 },
      random: () => () => 0,
    });
    assert.deepEqual(
      windows.map(({ regions }) => regions!.map(({ score }) => score)),
      [[3], [0]],
    );
  });
});
