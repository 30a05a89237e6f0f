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

export class OracleMemory {
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

  /** Kills the tracker of the last span: its protections and flags are gone, the pages stay. */
  forgetMarks(): void {
    for (const page of this.#pages.values()) page.uffdRwp = page.uffdWp = page.idle = false;
  }

  #touch(touch: PlainTouch): void {
    const { writes, mapped } = meaningOf(this.#trace, touch);
    // Through the kernel's own mapping: no user entry is used, nothing a tracker watches changes.
    if (!mapped) return;
    const page = this.#pages.get(touch.page)!;
    if (!page.present) page.present = page.onLru = true;
    if (page.uffdRwp) page.uffdRwp = false;
    if (writes && page.uffdWp) page.uffdWp = false;
    page.accessed = true;
  }
}
