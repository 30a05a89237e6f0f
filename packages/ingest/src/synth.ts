/** Writes a made-up trace: every access known because it was drawn here. Same pattern, options and seed: same trace. */
import { NS_PER_MS, NS_PER_S, Prng, REMAP_KINDS, throwIfAborted, UsageError, type RemapKind } from '@workset/model';
import { createTraceWriter, type TraceManifest, type TraceWriter } from '@workset/store';
import { patterns, type Phase } from './synth/patterns.ts';
import { VERSION } from './version.ts';

export interface SynthOptions {
  /** Directory of the trace to write. */
  readonly out: string;
  readonly name?: string;
  /** Pages of the made-up guest. Default 16384 (64 MiB). */
  readonly pages?: number;
  /** Default 10. */
  readonly seconds?: number;
  /** Accesses per second. Default 1 million. */
  readonly rate?: number;
  /** Default 1. */
  readonly seed?: number;
  /** Default 1 ms. */
  readonly quantumNs?: number;
  /** Skew of zipf patterns. Default 0.99. */
  readonly theta?: number;
  /** Pages per second, any of them, whose contents move to another frame. Default 0. */
  readonly migrations?: number;
  /** Pages per second, any of them, that go out to swap, to come back at their next touch. Default 0. */
  readonly swaps?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: { readonly accesses: number; readonly accessesTotal: number }) => void;
  readonly argv?: readonly string[];
}

const PAGES_MAX = 2 ** 26;
const REMAPS_MAX = 1e6;
/** Accesses of one quantum; more would only repeat touches. */
const QUANTUM_ACCESSES_MAX = 2 ** 26;

/** @throws UsageError for an unknown pattern or a number out of range; InterruptedError */
export async function synthesise(pattern: string, options: SynthOptions): Promise<TraceManifest> {
  const settings = settingsOf(options);
  const { nPages, seconds, rate, seed, quantumNs, theta } = settings;
  const random = new Prng(`${pattern} ${seed}`);
  const phases = patterns.get(pattern).phases({ nPages, theta, random });
  const writer = await createTraceWriter({ out: options.out, classBits: 1 });
  try {
    writer.declareRange('gpa', 0, nPages);
    const starts = await generate(writer, phases, settings, random, options);
    for (const kind of REMAP_KINDS) drawRemaps(writer, kind, settings, starts.endNs, `${pattern} ${seed}`);
    return await writer.close({
      name: options.name ?? pattern,
      clock: 'synthetic',
      epochNs: '0',
      quantumNs,
      vcpus: 1,
      truth: 'exact',
      synthetic: true,
      spans: [{ t0Ns: 0, t1Ns: starts.endNs, label: pattern }],
      markers: phases.map((phase, i) => ({ tNs: starts.phaseNs[i]!, code: 16 + i, label: phase.name })),
      inputs: [],
      diagnostics: [],
      notes: { pattern, seed, pages: nPages, seconds, rate, theta, ...remapNotes(settings) },
      producer: { version: VERSION, argv: options.argv ?? [] },
      mapTime: (ns) => ns,
      truthOf: { gpa: 'exact' },
    });
  } catch (error) {
    await writer.abort();
    throw error;
  }
}

interface Settings {
  readonly nPages: number;
  readonly seconds: number;
  readonly rate: number;
  readonly seed: number;
  readonly quantumNs: number;
  readonly theta: number;
  readonly remapsPerS: Readonly<Record<RemapKind, number>>;
}

function settingsOf(options: SynthOptions): Settings {
  const settings = {
    nPages: options.pages ?? 16384,
    seconds: options.seconds ?? 10,
    rate: options.rate ?? 1e6,
    seed: options.seed ?? 1,
    quantumNs: options.quantumNs ?? NS_PER_MS,
    theta: options.theta ?? 0.99,
    remapsPerS: { migrate: options.migrations ?? 0, swap: options.swaps ?? 0 },
  };
  wholeNumber('pages', settings.nPages, 1, PAGES_MAX);
  wholeNumber('quantum', settings.quantumNs, 1000, 1e12);
  within('seconds', settings.seconds, settings.quantumNs / NS_PER_S, 1e6);
  within('rate', settings.rate, 1, 1e12);
  within('theta', settings.theta, 0, 10);
  for (const kind of REMAP_KINDS) within(`${kind} rate`, settings.remapsPerS[kind], 0, REMAPS_MAX / settings.seconds);
  within('accesses per quantum', (settings.rate * settings.quantumNs) / NS_PER_S, 0, QUANTUM_ACCESSES_MAX);
  return settings;
}

function within(name: string, value: number, min: number, max: number): void {
  if (!(value >= min && value <= max)) throw new UsageError(`${name} is ${value}`, `it can be ${min} to ${max}`);
}

function wholeNumber(name: string, value: number, min: number, max: number): void {
  within(name, value, min, max);
  if (!Number.isInteger(value)) throw new UsageError(`${name} is ${value}`, 'it is a whole number');
}

/** Pages of any kind, at even times, from a stream of their own: the accesses stay those of the trace without them. */
function drawRemaps(writer: TraceWriter, kind: RemapKind, { remapsPerS, nPages }: Settings, endNs: number, seed: string): void {
  const random = new Prng(`${seed} ${kind}`);
  const stepNs = NS_PER_S / remapsPerS[kind];
  for (let tNs = stepNs / 2; tNs < endNs; tNs += stepNs) writer.remap('gpa', tNs, random.below(nPages), kind);
}

/** Only what was asked for, so that other traces stay what they were. */
function remapNotes({ remapsPerS: { migrate, swap } }: Settings): Record<string, number> {
  return { ...(migrate > 0 && { migrations: migrate }), ...(swap > 0 && { swaps: swap }) };
}

/** Draws all quanta; returns when each phase began and when the last one ended. */
async function generate(
  writer: TraceWriter,
  phases: readonly Phase[],
  settings: Settings,
  random: Prng,
  options: SynthOptions,
): Promise<{ phaseNs: number[]; endNs: number }> {
  const { quantumNs, rate, nPages } = settings;
  const quantaTotal = Math.max(phases.length, Math.round((settings.seconds * NS_PER_S) / quantumNs));
  const quantum = new QuantumBuilder(writer, nPages, random);
  const phaseNs: number[] = [];
  const accessesTotal = Math.round(settings.seconds * rate);
  let q = 0;
  let share = 0;
  let due = 0;
  let accesses = 0;
  for (const phase of phases) {
    const sampler = phase.sampler();
    phaseNs.push(q * quantumNs);
    share += phase.share;
    for (const end = Math.min(quantaTotal, Math.max(q + 1, Math.round(share * quantaTotal))); q < end; q++) {
      // The fraction is carried, so that a low rate still makes its accesses.
      due += (rate * (phase.rate ?? 1) * quantumNs) / NS_PER_S;
      const n = Math.floor(due);
      due -= n;
      quantum.write(q, quantumNs, n, (page) => sampler.fill(n, page), phase.writes);
      accesses += n;
      if ((q & 63) !== 0) continue;
      throwIfAborted(options.signal);
      options.onProgress?.({ accesses, accessesTotal });
      // Lets signals and timers in.
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
  return { phaseNs, endNs: q * quantumNs };
}

/** One quantum at a time: draws, keeps each (page, class) once, writes the frame. */
class QuantumBuilder {
  readonly #writer: TraceWriter;
  readonly #random: Prng;
  /** Stamp of the quantum in which a page was last read (2 * page) and written (2 * page + 1); one byte, so that it stays in the cache. */
  readonly #seen: Uint8Array;
  #stamp = 0;
  #drawn = new Int32Array(1024);
  #chance = new Uint32Array(1024);
  #page = new Uint32Array(1024);
  #cls = new Uint8Array(1024);

  constructor(writer: TraceWriter, nPages: number, random: Prng) {
    this.#writer = writer;
    this.#random = random;
    this.#seen = new Uint8Array(2 * nPages);
  }

  write(q: number, quantumNs: number, n: number, draw: (page: Int32Array) => void, writes: number): void {
    if (n > this.#drawn.length) {
      this.#drawn = new Int32Array(n);
      this.#chance = new Uint32Array(n);
      this.#page = new Uint32Array(n);
      this.#cls = new Uint8Array(n);
    }
    draw(this.#drawn);
    const kept = this.#keepFirst(n, Math.round(writes * 0x7fffffff));
    this.#writer.frame('gpa', q * quantumNs, (q + 1) * quantumNs, kept, this.#page, this.#cls, n);
  }

  #keepFirst(n: number, writesBelow: number): number {
    if (++this.#stamp === 256) {
      this.#seen.fill(0);
      this.#stamp = 1;
    }
    const stamp = this.#stamp;
    const seen = this.#seen;
    const drawn = this.#drawn;
    const pages = this.#page;
    const classes = this.#cls;
    const chance = this.#chance;
    this.#random.fill(chance, n);
    let kept = 0;
    for (let i = 0; i < n; i++) {
      const page = drawn[i]!;
      // The sign bit: 1 = WRITE below the limit, else READ. Written whether seen before or not, kept only if not: no branch to mispredict.
      const cls = ((chance[i]! >>> 1) - writesBelow) >>> 31;
      const slot = 2 * page + cls;
      pages[kept] = page;
      classes[kept] = cls;
      kept += ((seen[slot]! ^ stamp) + 255) >> 8;
      seen[slot] = stamp;
    }
    return kept;
  }
}
