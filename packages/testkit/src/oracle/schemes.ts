/**
 * The mark-and-look trackers as the kernel documents tell them (kernel-semantics 14), each a coroutine: it yields the time it wants to
 * wake at and is given the time it was woken at.
 */
import type { OracleMemory } from './memory.ts';
import type { OracleWindowTimes } from './truth.ts';

export interface OracleRegion {
  readonly startPage: number;
  readonly nPages: number;
  readonly score: number;
  readonly ageNs: number;
}

export interface OracleReport extends OracleWindowTimes {
  readonly reported: ReadonlySet<number>;
  /** Absent = all tracked pages. */
  readonly eligible?: ReadonlySet<number>;
  readonly regions?: readonly OracleRegion[];
}

export interface OracleCycle {
  readonly setBeginNs: number;
  readonly setEndNs: number;
  readonly readBeginNs: number;
  readonly readEndNs: number;
}

export type Coroutine = Generator<number, void, number>;

export interface OracleWorld {
  readonly memory: OracleMemory;
  /** Tracked page numbers, ascending. */
  readonly tracked: readonly number[];
  readonly startNs: number;
  report(report: OracleReport): void;
}

/** Steps of one tracker on one world. */
export interface MarkAndLook {
  mark(): ReadonlySet<number> | undefined;
  look(): ReadonlySet<number>;
  /** The look sets the next marks. */
  readonly lookMarks: boolean;
}

export function rwp({ memory, tracked }: OracleWorld): MarkAndLook {
  return {
    lookMarks: false,
    mark() {
      for (const page of tracked) memory.armRwp(page);
      return new Set(tracked.filter((page) => memory.page(page)!.uffdRwp));
    },
    look: () => new Set(tracked.filter((page) => memory.page(page)!.present && !memory.page(page)!.uffdRwp)),
  };
}

export function wp({ memory, tracked }: OracleWorld): MarkAndLook {
  return {
    lookMarks: true,
    mark() {
      for (const page of tracked) memory.page(page)!.uffdWp = true;
      return undefined;
    },
    look() {
      const written = new Set<number>();
      for (const page of tracked) {
        if (memory.page(page)!.uffdWp) continue;
        written.add(page);
        memory.page(page)!.uffdWp = true;
      }
      return written;
    },
  };
}

export function idle({ memory, tracked }: OracleWorld): MarkAndLook {
  let marked: number[] = [];
  return {
    lookMarks: false,
    mark() {
      marked = tracked.filter((page) => memory.page(page)!.onLru);
      for (const number of marked) {
        const page = memory.page(number)!;
        page.accessed = false;
        page.idle = true;
      }
      return new Set(marked);
    },
    look() {
      for (const number of marked) {
        const page = memory.page(number)!;
        if (page.idle && page.accessed) page.idle = page.accessed = false;
      }
      return new Set(marked.filter((page) => !memory.page(page)!.idle));
    },
  };
}

/** Mark, sleep the interval, look, report, mark again at once. */
export function* periodic(world: OracleWorld, steps: MarkAndLook, intervalNs: number): Coroutine {
  let markedAt = world.startNs;
  let eligible = steps.mark();
  for (;;) {
    const now: number = yield markedAt + intervalNs;
    const reported = steps.look();
    world.report({ outerT0Ns: markedAt, claimT0Ns: markedAt, claimT1Ns: now, outerT1Ns: now, reported, ...(eligible && { eligible }) });
    markedAt = now;
    if (!steps.lookMarks) eligible = steps.mark();
  }
}

/** Repeats the cycles of a capture: marks when its marking ended, looks when its reading began. */
export function* recorded(world: OracleWorld, steps: MarkAndLook, cycles: readonly OracleCycle[]): Coroutine {
  let eligible: ReadonlySet<number> | undefined;
  let isFirst = true;
  for (const cycle of cycles) {
    if (cycle.setEndNs < world.startNs) continue;
    if (isFirst || !steps.lookMarks) {
      yield cycle.setEndNs;
      eligible = steps.mark();
    }
    isFirst = false;
    yield cycle.readBeginNs;
    const reported = steps.look();
    world.report({
      outerT0Ns: cycle.setBeginNs,
      claimT0Ns: cycle.setEndNs,
      claimT1Ns: cycle.readBeginNs,
      outerT1Ns: cycle.readEndNs,
      reported,
      ...(eligible && { eligible }),
    });
  }
}
