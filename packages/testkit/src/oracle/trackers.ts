/** Every tracking scheme, as kernel-semantics 2 to 10 tell it, on a machine with real bits. */
import { damonLoop, type DrawRandom, type MonitoredRange, type OracleDamonConfig } from './damon.ts';
import type { Machine } from './machine.ts';
import { periodic, recorded, type Coroutine, type MarkAndLook, type OracleCycle, type OracleDesk } from './schemes.ts';

export type WorldTracker =
  | { readonly scheme: MarkAndLookId; readonly interval: number; readonly flags?: Readonly<Record<string, boolean | number>> }
  | { readonly scheme: MarkAndLookId; readonly cycles: readonly OracleCycle[]; readonly flags?: Readonly<Record<string, boolean | number>> }
  | { readonly scheme: 'mglru'; readonly interval: number; readonly force: boolean }
  | {
      readonly scheme: 'numa-hint';
      readonly interval: number;
      readonly size: number;
      readonly periodMin: number;
      readonly periodMax: number;
    }
  | {
      readonly scheme: 'damon-paddr' | 'damon-vaddr';
      readonly config: OracleDamonConfig;
      readonly monitored: readonly MonitoredRange[];
      /** What to monitor instead, given the 2 MiB blocks touched so far. */
      readonly mappings?: (blocks: readonly number[], isFirst: boolean) => readonly MonitoredRange[];
      readonly random: (span: number) => DrawRandom;
    };

export type MarkAndLookId = keyof typeof MARK_AND_LOOK;

interface TrackerDesk extends OracleDesk {
  readonly machine: Machine;
  /** Tracked page numbers, ascending. */
  readonly tracked: readonly number[];
}

export function startTracker(tracker: WorldTracker, desk: TrackerDesk, span: number): Coroutine {
  if (tracker.scheme === 'mglru') return mglru(desk, tracker.interval, tracker.force);
  if (tracker.scheme === 'numa-hint') return numaHint(desk, tracker);
  if ('monitored' in tracker) {
    const inside = new Set(desk.tracked);
    const { machine } = desk;
    // Before 6.15 the physical operations knew head pages only.
    const knowsTails = tracker.scheme === 'damon-vaddr' || tracker.config.kernel !== '6.1';
    const rmap = tracker.scheme === 'damon-paddr';
    const knows = (page: number): boolean => inside.has(page) && (knowsTails || !machine.isTail(page));
    const primitives = {
      mkold: (page: number) => (knows(page) ? machine.damonMkold(page, rmap) : undefined),
      isAccessed: (page: number) => knows(page) && machine.damonIsAccessed(page, rmap),
    };
    const { mappings } = tracker;
    const touched = (): number[] => [
      ...new Set(desk.tracked.filter((page) => machine.entry(page).everMapped).map((page) => Math.floor(page / 512))),
    ];
    return damonLoop(
      { ...desk, ...primitives },
      tracker.config,
      mappings?.(touched(), true) ?? tracker.monitored,
      tracker.random(span),
      mappings && (() => mappings(touched(), false)),
    );
  }
  const steps = MARK_AND_LOOK[tracker.scheme](desk, tracker.flags ?? {});
  return 'cycles' in tracker ? recorded(desk, steps, tracker.cycles) : periodic(desk, steps, tracker.interval);
}

type Flags = Readonly<Record<string, boolean | number>>;

const MARK_AND_LOOK = {
  'uffd-rwp': rwp,
  'uffd-rwp-sync': rwpSync,
  'uffd-wp': wp,
  'uffd-wp-sync': wpSync,
  'soft-dirty': softDirty,
  'kvm-dirty-log': dirtyLog,
  'kvm-dirty-ring': dirtyLog,
  pml: dirtyLog,
  'idle-page': idle,
  'clear-refs': clearRefs,
  'mm-young': mmYoung,
  'ept-young': eptYoung,
  pebs,
} as const;

/** `cold`: what is not armed counts as hot, mapped or not. `chunk`: pages armed per call. */
function rwp({ machine, tracked }: TrackerDesk, { cold = false, minor = false, chunk = 0 }: Flags): MarkAndLook {
  const size = chunk === 0 ? Math.max(1, tracked.length) : Number(chunk);
  return {
    lookMarks: false,
    mark() {
      for (let at = 0; at < tracked.length; at += size) machine.rwProtect(tracked.slice(at, at + size), minor === true);
      return new Set(tracked.filter((page) => machine.isRwpWatched(page)));
    },
    look: () => new Set(tracked.filter((page) => (cold === true ? !machine.entry(page).rwp : machine.isRwpAccessed(page)))),
  };
}

/** The handler's log: armed pages touched, and, registered for MISSING, pages mapped for the first time. */
function rwpSync({ machine, tracked }: TrackerDesk, { missing = true }: Flags): MarkAndLook {
  let armed = new Set<number>();
  let mapped = new Set<number>();
  return {
    lookMarks: false,
    mark() {
      machine.rwProtect(tracked);
      armed = new Set(tracked.filter((page) => machine.entry(page).rwp));
      mapped = new Set(tracked.filter((page) => machine.entry(page).everMapped));
      return armed;
    },
    look() {
      const messages = [...armed].filter((page) => !machine.entry(page).rwp);
      const populated = tracked.filter((page) => machine.entry(page).everMapped && !mapped.has(page));
      return new Set(missing ? [...messages, ...populated] : messages);
    },
  };
}

function wp({ machine, tracked }: TrackerDesk): MarkAndLook {
  return {
    lookMarks: true,
    mark() {
      machine.writeProtect(tracked);
      return undefined;
    },
    look: () => machine.scanWritten(tracked),
  };
}

function wpSync({ machine, tracked }: TrackerDesk): MarkAndLook {
  return {
    lookMarks: true,
    mark() {
      machine.writeProtect(tracked);
      return undefined;
    },
    look: () => machine.takeWpMessages(tracked),
  };
}

function softDirty({ machine, tracked }: TrackerDesk): MarkAndLook {
  return {
    lookMarks: false,
    mark() {
      machine.clearSoftDirty(tracked);
      return undefined;
    },
    look: () => new Set(tracked.filter((page) => machine.isSoftDirty(page))),
  };
}

function dirtyLog({ machine, tracked }: TrackerDesk): MarkAndLook {
  return {
    lookMarks: true,
    mark() {
      machine.takeDirtyLog(tracked);
      return undefined;
    },
    look: () => machine.takeDirtyLog(tracked),
  };
}

function idle({ machine, tracked }: TrackerDesk): MarkAndLook {
  let marked: number[] = [];
  return {
    lookMarks: false,
    mark() {
      marked = tracked.filter((page) => machine.isOnLru(page));
      machine.idleMark(marked);
      return new Set(marked);
    },
    look: () => machine.idleRead(marked),
  };
}

function clearRefs({ machine, tracked }: TrackerDesk): MarkAndLook {
  return {
    lookMarks: false,
    mark() {
      machine.clearRefs(tracked);
      return undefined;
    },
    look: () => new Set(tracked.filter((page) => machine.isSmapsReferenced(page))),
  };
}

function mmYoung({ machine, tracked }: TrackerDesk, { flush = false }: Flags): MarkAndLook {
  const walk = (): Set<number> => machine.takeYoung(tracked, flush === true);
  return {
    lookMarks: true,
    mark() {
      walk();
      return undefined;
    },
    look: walk,
  };
}

function eptYoung({ machine, tracked }: TrackerDesk): MarkAndLook {
  return {
    lookMarks: true,
    mark() {
      machine.takeYoungSptes(tracked);
      return undefined;
    },
    look: () => machine.takeYoungSptes(tracked),
  };
}

function pebs({ machine }: TrackerDesk, { period = 1000 }: Flags): MarkAndLook {
  const seen = machine.sample(Number(period));
  return {
    lookMarks: false,
    mark() {
      seen.clear();
      return undefined;
    },
    look: () => new Set(seen),
  };
}

/** 7.2: two sightings promote; without force only page tables that were busy last time are walked, and PMD-mapped memory always. */
function* mglru({ machine, tracked, startNs, report }: TrackerDesk, intervalNs: number, force: boolean): Coroutine {
  let busy: Set<number> | undefined;
  let maxSeq = 0;
  let from = startNs;
  const age = (): void => {
    machine.usesMglru = true;
    maxSeq++;
    if (machine.isHugetlb) return;
    const stillBusy = new Set<number>();
    for (const table of new Set(tracked.map((page) => Math.floor(page / 512)))) {
      const pages = tracked.filter((page) => Math.floor(page / 512) === table);
      const entries = machine.entriesOf(pages);
      const isLeaf = [...entries].some((entry) => entry.isHuge);
      if (!isLeaf && !force && busy !== undefined && !busy.has(table)) continue;
      // One sighting per folio and walk; of a large one all mapped entries count as young.
      const seen = new Set([...entries].filter((entry) => machine.makeOld(entry)).map(({ folio }) => folio));
      const young = [...entries].filter((entry) => seen.has(entry.folio) && entry.everMapped).length;
      for (const folio of seen) {
        if (folio.referenced || folio.workingset) Object.assign(folio, { generation: maxSeq, workingset: true, referenced: false });
        else folio.referenced = true;
      }
      if (!isLeaf && young * 8 >= pages.length) stillBusy.add(table);
    }
    busy = stillBusy;
  };
  age();
  for (;;) {
    const now: number = yield from + intervalNs;
    age();
    const reported = new Set(tracked.filter((page) => machine.entry(page).folio.generation === maxSeq));
    report({ outerT0Ns: from, claimT0Ns: from, claimT1Ns: now, outerT1Ns: now, reported });
    from = now;
  }
}

/** 9: a window of the address space every scan period; windows without a page to protect are passed over, eight at most. */
function* numaHint(
  { machine, tracked, startNs, report }: TrackerDesk,
  config: { interval: number; size: number; periodMin: number; periodMax: number },
): Coroutine {
  const pagesPerScan = Math.floor(config.size / 4096);
  const nWindows = Math.max(1, Math.ceil((tracked.length * 4096) / config.size));
  const shortest = Math.max(100e6, config.periodMin / nWindows);
  const longest = Math.max(shortest, config.periodMax / nWindows);
  let period = shortest;
  let windowStart = startNs;
  let offset = 0;
  const faulted = new Set<number>();
  let sinceScan = 0;
  const collect = (): void => {
    for (const page of machine.numaFaults) faulted.add(page);
    sinceScan += machine.numaFaults.size;
    machine.numaFaults.clear();
  };
  const scan = (now: number, isFirst: boolean): number => {
    collect();
    if (!isFirst && sinceScan === 0) period = Math.min(longest, period * 2);
    sinceScan = 0;
    for (let window = 0, armed = 0; window < 8 && armed === 0 && (window === 0 || offset > 0); window++) {
      armed = machine.numaProtect(tracked.slice(offset, offset + pagesPerScan)).size;
      offset = offset + pagesPerScan >= tracked.length ? 0 : offset + pagesPerScan;
    }
    return now + period;
  };
  let nextScan = scan(startNs, true);
  for (;;) {
    const now: number = yield Math.min(nextScan, windowStart + config.interval);
    if (now >= windowStart + config.interval) {
      collect();
      report({ outerT0Ns: windowStart, claimT0Ns: windowStart, claimT1Ns: now, outerT1Ns: now, reported: new Set(faulted) });
      faulted.clear();
      windowStart = now;
    }
    if (now >= nextScan) nextScan = scan(now, false);
  }
}
