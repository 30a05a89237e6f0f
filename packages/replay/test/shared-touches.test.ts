/** Touches that a team stamps in advance are those that one thread applies, wherever its intervals end and whatever was expected. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Worker } from 'node:worker_threads';
import { Prng } from '@workset/model';
import { synthesise } from '@workset/ingest';
import { openTrace } from '@workset/store';
import { TouchFeed, type Watcher } from '../src/feed.ts';
import { Arena } from '../src/memory/arena.ts';
import { tablesFor } from '../src/team/piece-queue.ts';
import { Team } from '../src/team/team.ts';
import type { WorkerStart } from '../src/worker.ts';

/** In an interval of thirty frames as many touches as threads share. */
const SYNTH = { pages: 40_960, seconds: 0.4, rate: 2e7, seed: 5 };
const MEAN_FRAMES = 45;
const ROUNDS = 16;

let dir: string;
let trace: string;
let worker: Worker;

before(async () => {
  dir = mkdtempSync(join(tmpdir(), 'workset-shared-touches-'));
  trace = join(dir, 'zipf.trace');
  await synthesise('zipf', { ...SYNTH, out: trace });
  worker = new Worker(new URL('../src/worker.ts', import.meta.url));
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
        let guess = 0;
        for (let first = 0; first < space.frames.n;) {
          // Mostly what was expected: only then is the next guess trusted.
          const asExpected = guess > first && random.below(4) > 0;
          const end = Math.min(space.frames.n, asExpected ? guess : first + 1 + random.below(2 * MEAN_FRAMES));
          guess = Math.min(space.frames.n, end + random.below(3 * MEAN_FRAMES));
          const interval = { first, end, isAlike: random.below(2) === 0 };
          const expected = { first: end, end: guess, isAlike: random.below(2) === 0 };
          const watcher = random.below(10) === 0 ? NOBODY : undefined;
          await together.advance(interval, watcher, expected);
          await alone.advance({ ...interval, isAlike: false }, watcher, expected);
          assertStamps(together, alone, interval);
          if (end - first > MEAN_FRAMES) shared++;
          first = end;
        }
        together.finish();
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

const NOBODY: Watcher = { frame: () => undefined, touches: () => undefined };
const seen = new WeakMap<TouchFeed, Int32Array>();

/** Touches of the interval have a stamp inside it, the exact one or its end; older ones keep theirs. */
function assertStamps(
  together: TouchFeed,
  alone: TouchFeed,
  { first, end, isAlike }: { first: number; end: number; isAlike: boolean },
): void {
  const stamps = together.memory.stamps;
  const exact = alone.memory.stamps;
  const before = seen.get(together) ?? new Int32Array(stamps.length);
  for (let slot = 0; slot < stamps.length; slot++) {
    const wanted = exact[slot]! <= first ? before[slot]! : exact[slot]!;
    if (stamps[slot] !== wanted && !(isAlike && exact[slot]! > first && stamps[slot] === end))
      assert.fail(`slot ${slot}: ${stamps[slot]}, not ${wanted}, in frames ${first} to ${end}`);
  }
  seen.set(together, stamps.slice());
}
