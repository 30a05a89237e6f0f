/** Loops that a team shares out do what one thread does with them, and say as much of it. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Worker } from 'node:worker_threads';
import { Prng } from '@workset/model';
import { compressed } from '@workset/store/touches';
import { Arena, type SharedArena, type VectorLoops } from '../src/memory/arena.ts';
import { checkHelpers, Control } from '../src/team/control.ts';
import { help } from '../src/team/helper.ts';
import { SHARED_LOOPS } from '../src/team/loops.ts';
import { Team } from '../src/team/team.ts';
import type { WorkerStart } from '../src/worker.ts';

const PAGES = 1 << 18;
const WORDS = PAGES / 32;
let team: Team;
let alone: VectorLoops;
let arena: Arena;
let worker: Worker;

before(() => {
  arena = new Arena(PAGES, true);
  arena.share();
  alone = arena.loops;
  team = new Team(arena, PAGES, 1);
  worker = new Worker(new URL('../src/worker.ts', import.meta.url), { workerData: 'help' satisfies WorkerStart['kind'] });
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker thread, not a window
  worker.postMessage({ kind: 'help', seat: team.seat } satisfies WorkerStart);
});
after(async () => {
  team.dismiss();
  await worker.terminate();
});

/** Values of which about a third are equal, so that every comparison goes every way. */
const VALUES = [0, 1, 2, 3, 4].map((i) => {
  const random = new Prng(`column ${i}`);
  return Int32Array.from({ length: 2 * PAGES }, () => random.below(4));
});

const bytesOf = (column: Int32Array): Uint8Array => new Uint8Array(column.buffer, column.byteOffset, column.byteLength);

describe('a loop shared out', () => {
  for (const [kind, { name, words: place }] of SHARED_LOOPS.entries()) {
    it(`writes what one thread writes: ${name}`, () => {
      // Columns large enough for pairs of stamps; the arguments are addresses, small numbers, and the number of words.
      const run = (loops: VectorLoops): { readonly result: unknown; readonly columns: Int32Array[] } => {
        const columns = VALUES.map((values) => {
          const column = arena.int32(2 * PAGES);
          column.set(values);
          return column;
        });
        const { strides } = SHARED_LOOPS[kind]!;
        const args = [0, 1, 2, 3, 4].map((i) => (i === place ? WORDS : strides[i] ? columns[i]!.byteOffset : 2));
        const result = (loops[name] as (...args: number[]) => unknown)(...args);
        return { result: result ?? 0, columns };
      };
      const one = run(alone);
      for (let round = 0; round < 5; round++) {
        const all = run(arena.loops);
        assert.equal(all.result, one.result);
        for (const [i, column] of all.columns.entries())
          assert.ok(Buffer.compare(bytesOf(column), bytesOf(one.columns[i]!)) === 0, `argument ${i}`);
        for (const column of all.columns) arena.release(column);
      }
    });
  }

  it('has pages compressed as one thread would, in any order of asking', () => {
    const random = new Prng('pages');
    const raws = Array.from({ length: 100 }, (_, i) =>
      Buffer.from(Array.from({ length: 40 * (i % 7) * 100 }, () => random.below(i % 3 === 0 ? 256 : 3))),
    );
    const thunks = raws.map((raw) => {
      const passed = Buffer.from(raw);
      const thunk = team.compress(passed);
      passed.fill(0);
      return thunk;
    });
    const order = raws.map((_, i) => (i * 37) % raws.length);
    for (const i of order) assert.ok(Buffer.from(thunks[i]!()).equals(Buffer.from(compressed(raws[i]!))), `page ${i}`);
  });
});

describe('a helper that fails', () => {
  it('says so, and whoever waits for it stops waiting', () => {
    const control = new Control();
    checkHelpers(control, performance.now());
    assert.throws(() => help({ control: control.buffer, arena: {} as SharedArena, nPages: PAGES }));
    assert.throws(() => checkHelpers(control, performance.now()), /a helper thread of the replay failed/);
  });
});
