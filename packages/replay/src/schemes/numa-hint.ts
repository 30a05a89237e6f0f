/** NUMA hinting faults: PROT_NONE scanning of a window that moves through the address space (kernel-semantics 9). */
import { NS_PER_MS, NS_PER_S, PAGE_BYTES, type PageBitmap } from '@workset/model';
import { defineScheme, type Tracker, type TrackingKernel } from '../scheme.ts';
import { interval } from './shared.ts';

interface NumaConfig {
  readonly interval: number;
  readonly size: number;
  readonly periodMin: number;
  readonly periodMax: number;
}

export const numaHint = defineScheme({
  descriptor: {
    id: 'numa-hint',
    title: 'NUMA hinting faults',
    source: 'Linux kernel/sched/fair.c:task_numa_work; kernel-semantics 9',
    mechanism: 'every scan period the next scan_size of present entries becomes PROT_NONE; the next access to each takes a hint fault',
    sees: { reads: true, writes: true },
    granularity: 'folio: the fault of one page restores all its entries',
    domain: 'virtual',
    blindSpots: [
      'pages outside the window scanned in this interval',
      'one sighting per page and full pass',
      'pinned, shared-COW, KSM and other skipped pages (not modelled)',
      'hugetlb, which is not balanced',
      'no per-page export: this is what a tracer of the faults would see',
    ],
    target: 'touched',
  },
  config: {
    interval: { ...interval, help: 'length of a reported window' },
    size: {
      kind: 'size',
      default: 256 * 2 ** 20,
      unit: 'bytes',
      help: 'scan_size_mb: entries protected per scan',
      source: 'kernel-semantics 9',
    },
    periodMin: {
      kind: 'duration',
      default: NS_PER_S,
      min: NS_PER_MS,
      unit: 'ns',
      help: 'scan period at the start and the least; 1000 ms / windows, not below 100 ms',
      source: 'kernel-semantics 9',
    },
    periodMax: {
      kind: 'duration',
      default: 60 * NS_PER_S,
      min: NS_PER_MS,
      unit: 'ns',
      help: 'longest scan period, divided by the number of windows; the period doubles while no hint fault is taken',
      source: 'kernel-semantics 9',
    },
  },
  attach: (kernel, config) => new NumaScanner(kernel, config),
});

/** Windows of address space per scan at most (virtpages = pages << 3). */
const PASSED_OVER = 8;

class NumaScanner implements Tracker {
  readonly firstWakeNs: number;
  readonly #kernel: TrackingKernel;
  readonly #config: NumaConfig;
  readonly #longest: number;
  #period: number;
  #nextScan: number;
  #windowStart: number;
  #offset: number;
  readonly #startNs: number;
  #armed: PageBitmap;
  #faulted: PageBitmap;
  /** A hint fault was taken since the last scan. */
  #sinceScan = false;

  constructor(kernel: TrackingKernel, config: NumaConfig) {
    this.#kernel = kernel;
    this.#config = config;
    this.#startNs = this.#windowStart = kernel.now;
    this.#offset = kernel.range.from;
    this.#armed = kernel.emptySet();
    this.#faulted = kernel.emptySet();
    const windows = Math.max(1, Math.ceil(((kernel.range.to - kernel.range.from) * PAGE_BYTES) / config.size));
    this.#period = Math.max(100 * NS_PER_MS, config.periodMin / windows);
    this.#longest = Math.max(this.#period, config.periodMax / windows);
    this.#nextScan = kernel.now;
    this.#scan(kernel.now);
    this.firstWakeNs = Math.min(this.#nextScan, this.#windowStart + config.interval);
  }

  wake(now: number): number {
    if (now >= this.#windowStart + this.#config.interval) this.#report(now);
    if (now >= this.#nextScan) this.#scan(now);
    return Math.min(this.#nextScan, this.#windowStart + this.#config.interval);
  }

  #collect(): void {
    const found = this.#kernel.emptySet();
    this.#kernel.numaFaulted(this.#kernel.range, this.#armed, found);
    this.#armed.andNot(found);
    this.#faulted.or(found);
    this.#sinceScan ||= found.count() > 0;
  }

  #scan(now: number): void {
    this.#collect();
    if (now > this.#startNs && !this.#sinceScan) this.#period = Math.min(this.#longest, this.#period * 2);
    this.#sinceScan = false;
    const { range } = this.#kernel;
    // Windows without an entry to protect are passed over, up to eight times the scan size.
    for (let window = 0, armed = 0; window < PASSED_OVER && armed === 0 && (window === 0 || this.#offset > range.from); window++) {
      const to = Math.min(range.to, this.#offset + Math.floor(this.#config.size / PAGE_BYTES));
      armed = this.#kernel.numaProtect({ from: this.#offset, to }, this.#armed);
      this.#offset = to >= range.to ? range.from : to;
    }
    this.#nextScan = now + this.#period;
  }

  #report(now: number): void {
    this.#collect();
    const from = this.#windowStart;
    this.#kernel.report({ outerT0Ns: from, claimT0Ns: from, claimT1Ns: now, outerT1Ns: now, reported: this.#faulted });
    this.#faulted = this.#kernel.emptySet();
    this.#windowStart = now;
  }
}
