/** Touches that a team stamps in advance are those that one thread applies, wherever its intervals end and whatever was expected. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Worker } from 'node:worker_threads';
import { PageBitmap, Prng } from '@workset/model';
import { synthesise } from '@workset/ingest';
import { openTrace } from '@workset/store';
import { TouchFeed, type Watcher } from '../src/feed.ts';
import { Arena } from '../src/memory/arena.ts';
import { tablesFor } from '../src/team/piece-queue.ts';
import type { Interval } from '../src/team/shared-touches.ts';
import { Team } from '../src/team/team.ts';
import type { WorkerStart } from '../src/worker.ts';

/** In an interval of thirty frames as many touches as threads share. */
const SYNTH = { pages: 40_960, seconds: 2, rate: 2e7, seed: 5 };
const MEAN_FRAMES = 45;
const ROUNDS = 24;

let dir: string;
let trace: string;
let worker: Worker;

before(async () => {
  dir = mkdtempSync(join(tmpdir(), 'workset-shared-touches-'));
  trace = join(dir, 'zipf.trace');
  await synthesise('zipf', { ...SYNTH, out: trace });
  worker = new Worker(new URL('../src/worker.ts', import.meta.url), { workerData: 'help' satisfies WorkerStart['kind'] });
});
after(async () => {
  await worker.terminate();
  rmSync(dir, { recursive: true, force: true });
});

describe('touches stamped in advance', () => {
  for (let round = 0; round < ROUNDS; round++) {
    // With a helper, and with one that never comes: the leader does everything then.
    it(`give the stamps of one thread, round ${round}`, async () => {
      const random = new Prng(`shared touches ${round}`);
      const reader = await openTrace(trace);
      const space = reader.space(reader.manifest.spaces[0]!.id);
      const arena = Arena.of(space.info);
      arena.share();
      const team = new Team(arena, space.info.nPages, 1 + (round % 3));
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker thread, not a window
      if (round % 2 === 0) worker.postMessage({ kind: 'help', seat: team.seat } satisfies WorkerStart);
      const together = new TouchFeed({ space, team, arena });
      const alone = new TouchFeed({ space });
      try {
        let shared = 0;
        let guesses: readonly Interval[] = [];
        const since: Interval[] = [];
        for (let first = 0; first < space.frames.n;) {
          // Mostly what was expected: only then are the next guesses trusted.
          const asExpected = guesses[0] !== undefined && random.below(4) > 0;
          const end = asExpected ? guesses[0]!.end : Math.min(space.frames.n, first + 1 + random.below(2 * MEAN_FRAMES));
          const interval = { first, end, isAlike: random.below(2) === 0 };
          guesses = guessedBehind(end, space.frames.n, guesses.slice(1), random);
          const watcher = random.below(10) === 0 ? NOBODY : undefined;
          await together.advance(interval, watcher, guesses);
          await alone.advance({ ...interval, isAlike: false }, watcher, []);
          since.push(interval);
          // Stamps are brought up to date by whoever looks at them: not always, and then sets have to do.
          if (random.below(6) === 0) assertStamps(together, alone, since.splice(0));
          else assertSets(together, alone, since[random.below(since.length)]!.first);
          if (end - first > MEAN_FRAMES) shared++;
          first = end;
        }
        together.finish();
        assertStamps(together, alone, since);
        assert.ok(shared > 0);
        assert.equal(together.touches, space.info.nTouches);
      } finally {
        team.dismiss();
        if (round % 2 === 0) await new Promise((resolve) => worker.once('message', resolve));
        arena.close();
        reader.close();
      }
    });
  }

  it('have a table for each thread, more where they are small, and never more than there are places', () => {
    assert.equal(tablesFor(2, 1 << 21), 16);
    assert.equal(tablesFor(2, 1 << 27), 2);
    assert.equal(tablesFor(32, 1 << 10), 32);
  });
});

/** Up to three intervals, one behind the other: those that were expected before, as long as nobody thinks otherwise. */
function guessedBehind(end: number, n: number, before: readonly Interval[], random: Prng): Interval[] {
  const guesses: Interval[] = [];
  for (let first = end, count = random.below(4); guesses.length < count && first < n;) {
    const known = before[guesses.length];
    const guess =
      known?.first === first && random.below(4) > 0
        ? known
        : { first, end: Math.min(n, first + random.below(3 * MEAN_FRAMES)), isAlike: random.below(2) === 0 };
    guesses.push(guess);
    first = guess.end;
  }
  return guesses;
}

const NOBODY: Watcher = { frame: () => undefined, touches: () => undefined };
const seen = new WeakMap<TouchFeed, Int32Array>();

/** Touches of the intervals have the exact stamp, or the end of the one they were in; older ones keep theirs. */
function assertStamps(together: TouchFeed, alone: TouchFeed, intervals: readonly Interval[]): void {
  const stamps = together.memory.stamps;
  const exact = alone.memory.stamps;
  const before = seen.get(together) ?? new Int32Array(stamps.length);
  const first = intervals[0]?.first ?? Infinity;
  const endOf = new Map(intervals.flatMap((one) => (one.isAlike ? framesOf(one).map((frame) => [frame + 1, one.end] as const) : [])));
  for (let slot = 0; slot < stamps.length; slot++) {
    const wanted = exact[slot]! <= first ? before[slot]! : exact[slot]!;
    if (stamps[slot] !== wanted && (exact[slot]! <= first || stamps[slot] !== endOf.get(exact[slot]!)))
      assert.fail(`slot ${slot}: ${stamps[slot]}, not ${wanted}, from frame ${first} on`);
  }
  seen.set(together, stamps.slice());
}
function framesOf({ first, end }: Interval): number[] {
  return Array.from({ length: end - first }, (_, i) => first + i);
}

/** Pages touched, and written, after the first `frames` frames. */
function assertSets(together: TouchFeed, alone: TouchFeed, frames: number): void {
  const sets = ({ memory }: TouchFeed): PageBitmap[] => {
    const found = [new PageBitmap(memory.nPages), new PageBitmap(memory.nPages)] as const;
    memory.column.fillTouchedAndWritten({ from: 0, to: memory.nPages }, frames, ...found);
    return [...found];
  };
  const [one, other] = [sets(together), sets(alone)];
  one.forEach((set, i) => assert.ok(set.equals(other[i]!), `${i === 0 ? 'touched' : 'written'} after frame ${frames}`));
}
