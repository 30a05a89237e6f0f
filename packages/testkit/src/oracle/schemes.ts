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

/** What a loop needs: when it began, and where its reports go. */
export type OracleDesk = Pick<OracleWorld, 'startNs' | 'report'>;

/** Mark, sleep the interval, look, report, mark again at once. */
export function* periodic(world: OracleDesk, steps: MarkAndLook, intervalNs: number): Coroutine {
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
export function* recorded(world: OracleDesk, steps: MarkAndLook, cycles: readonly OracleCycle[]): Coroutine {
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

/** Pages of a pass in address order, grouped by when the pass came by; a page outside `worked` costs a fiftieth of one inside. */
function partsOf(
  tracked: readonly number[],
  worked: ReadonlySet<number>,
  beginNs: number,
  endNs: number,
): { atNs: number; pages: number[] }[] {
  const n = Math.max(1, Math.round((endNs - beginNs) / 1e6));
  const parts = Array.from({ length: n }, (_, k) => ({ atNs: beginNs + ((k + 0.5) / n) * (endNs - beginNs), pages: [] as number[] }));
  const total = 0.02 * tracked.length + (1 - 0.02) * tracked.filter((page) => worked.has(page)).length;
  let done = 0;
  let part = 0;
  for (const page of tracked) {
    parts[part]!.pages.push(page);
    done += worked.has(page) ? 1 : 0.02;
    if (part < n - 1 && done >= ((part + 1) * total) / n) part++;
  }
  return parts;
}

/** Idle tracking at the times of a capture: passes over the bitmap take time, so each page is marked and read when they come by. */
export function* recordedIdle({ memory, tracked, startNs, report }: OracleWorld, cycles: readonly OracleCycle[]): Coroutine {
  for (const cycle of cycles) {
    if (cycle.setBeginNs < startNs) continue;
    yield cycle.setBeginNs;
    const marked = new Set(tracked.filter((page) => memory.page(page)!.onLru));
    for (const { atNs, pages } of partsOf(tracked, marked, cycle.setBeginNs, cycle.setEndNs)) {
      yield atNs;
      for (const number of pages.filter((page) => marked.has(page))) {
        const page = memory.page(number)!;
        page.accessed = false;
        page.idle = true;
      }
    }
    const reported = new Set<number>();
    for (const { atNs, pages } of partsOf(tracked, marked, cycle.readBeginNs, cycle.readEndNs)) {
      yield atNs;
      for (const number of pages.filter((page) => marked.has(page))) {
        const page = memory.page(number)!;
        if (page.idle && page.accessed) page.idle = page.accessed = false;
        if (!page.idle) reported.add(number);
      }
    }
    yield cycle.readEndNs;
    report({
      outerT0Ns: cycle.setBeginNs,
      claimT0Ns: cycle.setEndNs,
      claimT1Ns: cycle.readBeginNs,
      outerT1Ns: cycle.readEndNs,
      reported,
      eligible: marked,
    });
  }
}
