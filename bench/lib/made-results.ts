/** Results directories written by the store's own writers from made-up sets, for benches of what comes after a replay. */
import { existsSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { PAGE_BYTES, PageBitmap, Prng } from '@workset/model';
import type { Row } from '@workset/model';
import { createResultsDir, createRunPart, PackedSets, type RunPart } from '@workset/store';

export interface MadeResults {
  readonly runs: number;
  readonly windows: number;
  readonly pages: number;
  /** Runs that share their truth, as those of one replay do. */
  readonly together: number;
}

const SCHEMES = ['uffd-rwp', 'idle-page', 'mglru', 'ept-young', 'pebs', 'mm-young', 'uffd-wp', 'damon-paddr'] as const;
const WINDOW_NS = 1e9;
/** Pages that are hot together. */
const PATCH = 64;

export function madePath(inputs: string, { runs, windows, pages }: MadeResults): string {
  return join(inputs, `results-${runs}r-${windows}w-${pages}p`);
}

/** Makes the directory unless it is there. */
export async function prepareResults(inputs: string, wanted: MadeResults): Promise<void> {
  const out = madePath(inputs, wanted);
  if (existsSync(out)) return;
  const part = `${out}.part`;
  rmSync(part, { recursive: true, force: true });
  await createResultsDir(part, { version: 'bench', argv: [] });
  for (let first = 0; first < wanted.runs; first += wanted.together) await writeRuns(part, wanted, first);
  renameSync(part, out);
}

/** Runs first, first + 1, … of one trace, window by window, so that the store encodes their common truth once. */
async function writeRuns(dir: string, wanted: MadeResults, first: number): Promise<void> {
  const blocks = Float64Array.from({ length: Math.ceil(wanted.pages / 512) }, (_, i) => i);
  const numbers = Array.from({ length: Math.min(wanted.together, wanted.runs - first) }, (_, i) => first + i);
  const parts: RunPart[] = [];
  const packed = new PackedSets();
  for (const n of numbers) parts.push(await createRunPart({ dir, runId: runId(n), blocks, flushBytes: 16 << 20, packed }));
  const memory = new Memory(wanted.pages, new Prng(`truth ${wanted.together}`));
  const eligible = allBut(wanted.pages, memory.random);
  for (let w = 0; w < wanted.windows; w++) {
    const truth = memory.next();
    for (const [i, part] of parts.entries()) {
      writeWindow(part, w, truth, wanted.pages);
      if (numbers[i]! % 2 === 0) part.pageSet(w, 'eligible', '', eligible);
      part.pageSet(w, 'reported', '', reportOf(truth, memory.random, numbers[i]!));
      await part.drain();
    }
  }
  for (const [i, part] of parts.entries()) await part.close(runRow(numbers[i]!, wanted));
}

const runId = (n: number): string => `${SCHEMES[n % SCHEMES.length]!}-${n.toString(16).padStart(10, '0')}`;

function writeWindow(part: RunPart, w: number, truth: Truth, nPages: number): void {
  const t1 = (w + 1) * WINDOW_NS;
  part.window({
    w,
    claimT0Ns: w * WINDOW_NS,
    claimT1Ns: t1,
    outerT0Ns: w * WINDOW_NS,
    outerT1Ns: t1,
    reportNs: t1,
    span: 0,
    warmup: w === 0,
    scored: true,
    nPages,
  });
  for (const [kind, scope, set] of truth.sets) part.pageSet(w, kind, scope, set);
  part.cost(w, 'rwp-arm', truth.size, 0, 50 * truth.size);
  part.cost(w, 'rwp-fault', truth.size, 1000 * truth.size, 0);
}

interface Truth {
  readonly size: number;
  readonly mapped: PageBitmap;
  readonly sets: readonly (readonly ['truth' | 'edge' | 'truth_writes' | 'edge_writes', 'any' | 'mapped', PageBitmap])[];
}

/** A tenth of the memory is hot, in patches and single pages, a third of it written; a twentieth of the patches moves from window to window. */
class Memory {
  readonly random: Prng;
  readonly #nPages: number;
  readonly #hot: number[];

  constructor(nPages: number, random: Prng) {
    this.#nPages = nPages;
    this.random = random;
    this.#hot = Array.from({ length: Math.max(4, Math.floor(nPages / PATCH / 10)) }, () => this.#place());
  }

  next(): Truth {
    for (let i = 0; i < this.#hot.length / 20; i++) this.#hot[this.random.below(this.#hot.length)] = this.#place();
    const mapped = this.#patches(this.#hot);
    for (let i = 0; i < this.#nPages / 200; i++) mapped.add(this.#place());
    const kernel = this.#patches(Array.from({ length: this.#hot.length / 10 }, () => this.#place()));
    const written = this.#patches(this.#hot.filter((_, i) => i % 3 === 0));
    const edge = this.#patches(Array.from({ length: this.#hot.length / 50 }, () => this.#place()));
    const any = kernel.or(mapped);
    const edgeWrites = edge.clone().andNot(written);
    edge.andNot(any);
    return {
      size: mapped.count(),
      mapped,
      sets: [
        ['truth', 'any', any],
        ['edge', 'any', edge],
        ['truth', 'mapped', mapped],
        ['edge', 'mapped', edge],
        ['truth_writes', 'any', written],
        ['edge_writes', 'any', edgeWrites],
        ['truth_writes', 'mapped', written],
        ['edge_writes', 'mapped', edgeWrites],
      ],
    };
  }

  #patches(starts: readonly number[]): PageBitmap {
    const set = new PageBitmap(this.#nPages);
    for (const start of starts) set.addRange(start, Math.min(this.#nPages, start + 8 + (start % PATCH)));
    return set;
  }
  #place(): number {
    return this.random.below(this.#nPages);
  }
}

/** Truth as a tracker would see it: some of it missed, some memory reported for nothing, more or less by the number of the run. */
function reportOf({ mapped }: Truth, random: Prng, n: number): PageBitmap {
  const report = mapped.clone();
  const { nPages } = mapped;
  const errors = Math.ceil(nPages / PATCH / 200) * (1 + (n % 7));
  for (let i = 0; i < errors; i++) {
    const missed = random.below(nPages);
    for (let id = missed; id < Math.min(nPages, missed + PATCH); id++) report.delete(id);
    const extra = random.below(nPages);
    report.addRange(extra, Math.min(nPages, extra + 16));
  }
  return report;
}

function allBut(nPages: number, random: Prng): PageBitmap {
  const set = new PageBitmap(nPages);
  set.addRange(0, nPages);
  for (let i = 0; i < nPages / 1000; i++) set.delete(random.below(nPages));
  return set;
}

function runRow(n: number, { windows, pages, together }: MadeResults): Row {
  const scheme = SCHEMES[n % SCHEMES.length]!;
  return {
    run_id: runId(n),
    trace_id: `trace-${Math.floor(n / together)}`,
    trace: 'made',
    scheme,
    kind: 'simulated',
    stream: null,
    params: JSON.stringify({ interval: `${100 + 10 * Math.floor(n / SCHEMES.length)}ms` }),
    seed: 1,
    world: runId(n),
    space: 'gpa',
    truth: 'exact',
    scope: 'mapped',
    target: scheme === 'uffd-wp' ? 'written' : 'touched',
    cost_profile: 'made',
    status: 'ok',
    error: null,
    n_windows: windows,
    n_pages: pages,
    duration_ns: windows * WINDOW_NS,
    vcpus: 1,
    version: `bench, ${PAGE_BYTES} byte pages`,
  };
}
