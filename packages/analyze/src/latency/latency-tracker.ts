/** How long pages wait for a tracker, window by window. Touch times are known to a window only, so every latency is a pair of bounds. */
import type { Chunks } from '../scores/window-sets.ts';
import { common, minus, sizeOf, union } from './chunk-sets.ts';

export const LATENCY_KINDS = ['detection', 'detection_never', 'cold', 'cold_never'] as const;
/**
 * detection: from the first touch after a window without one to the first report that holds the page; never: the span ended first.
 * cold: from the last touch to the first report without the page; never: it was touched again, or the span ended, first.
 */
export type LatencyKind = (typeof LATENCY_KINDS)[number];

export interface LatencyWindow {
  readonly claimT0Ns: number;
  readonly claimT1Ns: number;
  readonly outerT0Ns: number;
  readonly outerT1Ns: number;
  readonly reportNs: number;
  /** Surely touched in the claim window; touched at its edges; reported. */
  readonly truth: Chunks;
  readonly edge: Chunks;
  readonly reported: Chunks;
}
/** Called with the bounds of a latency in ns (high NULL = never) and the pages that had it. */
export type OnLatency = (what: LatencyKind, lowNs: number, highNs: number | null, n: number) => void;

interface Waiting {
  readonly since: LatencyWindow;
  pages: Chunks;
}

/** Give it the windows of one recorded span in order, then end it. */
export class LatencyTracker {
  readonly #on: OnLatency;
  #before: LatencyWindow | undefined;
  #touchedBefore: Chunks = new Map();
  #unseen: Waiting[] = [];
  #uncold: Waiting[] = [];

  constructor(on: OnLatency) {
    this.#on = on;
  }

  add(window: LatencyWindow): void {
    const touched = union(window.truth, window.edge);
    const before = this.#before;
    if (before !== undefined) {
      const known = this.#unseen.reduce((pages, waiting) => minus(pages, waiting.pages), minus(window.truth, this.#touchedBefore));
      this.#unseen.push({ since: window, pages: known });
      this.#uncold = this.#uncold.filter((waiting) => this.#drop(waiting, touched));
      this.#startCold(before, minus(this.#touchedBefore, touched));
    }
    this.#unseen = this.#unseen.filter((waiting) => this.#found(waiting, window));
    this.#uncold = this.#uncold.filter((waiting) => this.#calledCold(waiting, window));
    this.#before = window;
    this.#touchedBefore = touched;
  }

  /** What still waits never was found, or called cold, in this span. */
  end(): void {
    const last = this.#before;
    if (last === undefined) return;
    for (const { since, pages } of this.#unseen) this.#count('detection_never', last.reportNs - since.claimT1Ns, null, pages);
    for (const { since, pages } of this.#uncold) this.#count('cold_never', last.reportNs - since.outerT1Ns, null, pages);
    this.#unseen = [];
    this.#uncold = [];
    this.#before = undefined;
    this.#touchedBefore = new Map();
  }

  /** Pages whose last touch was in `since`: its own report may have called them cold already. */
  #startCold(since: LatencyWindow, pages: Chunks): void {
    const waiting = { since, pages };
    if (this.#calledCold(waiting, since)) this.#uncold.push(waiting);
  }

  #drop(waiting: Waiting, touched: Chunks): boolean {
    const again = common(waiting.pages, touched);
    this.#count('cold_never', 0, null, again);
    waiting.pages = minus(waiting.pages, touched);
    return waiting.pages.size > 0;
  }

  #found(waiting: Waiting, { reported, reportNs }: LatencyWindow): boolean {
    const { since } = waiting;
    this.#count('detection', reportNs - since.claimT1Ns, reportNs - since.claimT0Ns, common(waiting.pages, reported));
    waiting.pages = minus(waiting.pages, reported);
    return waiting.pages.size > 0;
  }

  #calledCold(waiting: Waiting, { reported, reportNs }: LatencyWindow): boolean {
    const { since } = waiting;
    this.#count('cold', reportNs - since.outerT1Ns, reportNs - since.outerT0Ns, minus(waiting.pages, reported));
    waiting.pages = common(waiting.pages, reported);
    return waiting.pages.size > 0;
  }

  #count(what: LatencyKind, lowNs: number, highNs: number | null, pages: Chunks): void {
    const n = sizeOf(pages);
    if (n > 0) this.#on(what, Math.max(0, lowNs), highNs, n);
  }
}
