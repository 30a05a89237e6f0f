/** A page under eviction, as the oracle sees it: when accesses get in, when it is copied, when it is gone. */

import type { Actor } from '@workset/model';

/** Milestones of one batch, as numbers of completed steps. */
export interface OraclePrimitive {
  /** Steps after which writes (reads) through the entry wait; Infinity = never; 0 = from the start. */
  readonly writesWaitFrom: number;
  readonly readsWaitFrom: number;
  /** Steps after which the contents are copied, and the page is gone. */
  readonly copiedAt: number;
  readonly goneAt: number;
  /** Whose pages the kernel does not give away, as the first step finds. */
  readonly refuses?: 'pinned' | 'pinned and shared';
  /** File memory: until then another process's mapping has the page; default: until it is gone. */
  readonly cachedUntil?: number;
  /** False when the page cannot be given back once an access waits for it. */
  readonly canGiveBack?: false;
  /** Kernel reclaim holds the page lock in between; behind it an access maps the page again, which these steps notice. */
  readonly lock?: { readonly from: number; readonly until: number; readonly noticed: readonly number[] };
}

const UNPROTECTED = { writesWaitFrom: Infinity, readsWaitFrom: Infinity, copiedAt: 1, goneAt: 3 } as const;
const RWP = { writesWaitFrom: 0, readsWaitFrom: 0, copiedAt: 1, goneAt: 3 } as const;

export const ORACLE_PRIMITIVES: Readonly<Record<string, OraclePrimitive>> = {
  'uffd-wp': { writesWaitFrom: 1, readsWaitFrom: Infinity, copiedAt: 3, goneAt: 5 },
  'rwp-sync:minor=true': RWP,
  'rwp-sync:minor=false': RWP,
  'readv-dontneed:protect=rwp': RWP,
  'readv-dontneed:protect=none': UNPROTECTED,
  'uffd-move': { writesWaitFrom: 1, readsWaitFrom: 1, copiedAt: 3, goneAt: 5, refuses: 'pinned' },
  'uffd-evict': { writesWaitFrom: 1, readsWaitFrom: 1, copiedAt: 3, goneAt: 4, canGiveBack: false, refuses: 'pinned', cachedUntil: 1 },
  'maccess:protect=rwp': RWP,
  'maccess:protect=none': UNPROTECTED,
  'swap-access:protect=rwp': {
    writesWaitFrom: 0,
    readsWaitFrom: 0,
    copiedAt: 5,
    goneAt: 7,
    lock: { from: 1, until: 3, noticed: [4, 5] },
    refuses: 'pinned and shared',
  },
  'swap-access:protect=none': {
    writesWaitFrom: Infinity,
    readsWaitFrom: Infinity,
    copiedAt: 5,
    goneAt: 7,
    lock: { from: 1, until: 3, noticed: [4, 5] },
    refuses: 'pinned and shared',
  },
  'punch-hole': UNPROTECTED,
  'madv-pageout': {
    writesWaitFrom: Infinity,
    readsWaitFrom: Infinity,
    copiedAt: 3,
    goneAt: 4,
    lock: { from: 1, until: 3, noticed: [4] },
    refuses: 'pinned and shared',
    cachedUntil: 1,
  },
};

export interface OracleAccess {
  readonly writes: boolean;
  /** Through the user's mapping, and so through the TLB. */
  readonly mapped: boolean;
  readonly actor: Actor;
  readonly ns: number;
}

export interface OracleFlight {
  startNs: number;
  /** Number of the event that touched it first. */
  touched?: number;
  reads: number;
  /** One entry per write that went through, and what of it the copy holds. */
  readonly written: string[];
  copy?: string[];
  blockedNs: number;
  readonly waiters: OracleAccess[];
  isMappedAgain: boolean;
  /** What happens to an access after so many steps; `elsewhere`: through another process's mapping. */
  answer(window: OraclePrimitive, done: number, access: OracleAccess, elsewhere: boolean): 'passes' | 'waits' | 'lock';
  /** An access gets through. */
  note(access: OracleAccess): void;
}

export function flightOf(startNs: number): OracleFlight {
  let isTranslated = false;
  return {
    startNs,
    reads: 0,
    written: [],
    blockedNs: 0,
    waiters: [],
    isMappedAgain: false,
    note({ writes, ns }) {
      if (writes) this.written.push(`${ns} ${this.written.length}`);
      else this.reads++;
    },
    answer(window, done, access, elsewhere) {
      const { writes, mapped } = access;
      if (elsewhere && done < (window.cachedUntil ?? window.goneAt)) {
        this.note(access);
        return 'passes';
      }
      // Once somebody waits for the page, all do.
      if (this.waiters.length > 0) return 'waits';
      const { lock } = window;
      const isLocked = lock !== undefined && done >= lock.from && done < lock.until;
      const waitsFrom = isLocked ? lock.from : writes ? window.writesWaitFrom : window.readsWaitFrom;
      // A translation cached before the protection lasts until its flush, the step after it.
      const isStale = isTranslated && mapped && waitsFrom > 0 && done === waitsFrom;
      if (done >= waitsFrom && !isStale) return isLocked ? 'lock' : 'waits';
      this.note(access);
      // A translation made behind the protection lets nobody write.
      if (mapped && !isStale && done < window.writesWaitFrom) isTranslated = true;
      if (lock !== undefined && done >= lock.until) this.isMappedAgain = true;
      return 'passes';
    },
  };
}
