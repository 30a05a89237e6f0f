/** Memory with real bits: every page is an object, and every touch flips what the hardware and the fault handler would. */
import { meaningOf, type PlainTouch, type PlainTrace } from '../trace.ts';

export class OraclePage {
  present = false;
  /** Accessed bit of the user's entry. */
  accessed = false;
  /** Armed for RW-protection: PROT_NONE and the uffd bit. */
  uffdRwp = false;
  /** Write-protected with the uffd bit; on a page that is not present, a marker. */
  uffdWp = false;
  /** PG_idle. */
  idle = false;
  onLru = false;
}

/** Work done since somebody last asked. */
export interface OracleCounts {
  /** Pages newly armed by RW-protection. */
  rwpArm: number;
  /** First accesses to armed pages. */
  rwpFault: number;
}

export class OracleMemory {
  counts: OracleCounts = { rwpArm: 0, rwpFault: 0 };
  readonly #trace: PlainTrace;
  readonly #pages = new Map<number, OraclePage>();
  #nFramesDone = 0;

  constructor(trace: PlainTrace, pages: readonly number[]) {
    this.#trace = trace;
    for (const page of pages) this.#pages.set(page, new OraclePage());
  }

  /** The page, undefined when the trace holds no such page. */
  page(page: number): OraclePage | undefined {
    return this.#pages.get(page);
  }

  /** Lets the workload run until `ns`: every frame that ends by then has happened. */
  runUntil(ns: number): void {
    const { frames } = this.#trace;
    while (this.#nFramesDone < frames.length && frames[this.#nFramesDone]!.t1Ns <= ns) {
      for (const touch of frames[this.#nFramesDone]!.touches) this.#touch(touch);
      this.#nFramesDone++;
    }
  }

  /** UFFDIO_RWPROTECT of one page: only a present one is armed, and armed once. */
  armRwp(number: number): void {
    const page = this.#pages.get(number)!;
    if (!page.present || page.uffdRwp) return;
    page.uffdRwp = true;
    this.counts.rwpArm++;
  }

  /** Counts since the last call. */
  takeCounts(): OracleCounts {
    const { counts } = this;
    this.counts = { rwpArm: 0, rwpFault: 0 };
    return counts;
  }

  /** Kills the tracker of the last span: its protections and flags are gone, the pages stay. Faults it never saw are not counted. */
  forgetMarks(): void {
    this.counts.rwpFault = 0;
    for (const page of this.#pages.values()) page.uffdRwp = page.uffdWp = page.idle = false;
  }

  #touch(touch: PlainTouch): void {
    const { writes, mapped } = meaningOf(this.#trace, touch);
    // Through the kernel's own mapping: no user entry is used, nothing a tracker watches changes.
    if (!mapped) return;
    const page = this.#pages.get(touch.page)!;
    if (!page.present) page.present = page.onLru = true;
    if (page.uffdRwp) {
      page.uffdRwp = false;
      this.counts.rwpFault++;
    }
    if (writes && page.uffdWp) page.uffdWp = false;
    page.accessed = true;
  }
}
