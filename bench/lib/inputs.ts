/** Made-up inputs, kept from run to run under a name that says what they are. */
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { SynthOptions } from '@workset/ingest';
import { Prng, TRACE_VERSION } from '@workset/model';
import { createTraceWriter, readManifest } from '@workset/store';

export interface SynthInput extends Required<Pick<SynthOptions, 'pages' | 'seconds' | 'rate'>> {
  readonly pattern: string;
}

export function synthPath(inputs: string, { pattern, pages, seconds, rate }: SynthInput): string {
  return join(inputs, `${pattern}-${pages}p-${seconds}s-${rate}.trace`);
}

export async function prepareSynth(inputs: string, input: SynthInput): Promise<void> {
  const out = synthPath(inputs, input);
  if (isAsWrittenNow(out)) return;
  rmSync(out, { recursive: true, force: true });
  const { synthesise } = await import('@workset/ingest');
  await synthesise(input.pattern, { ...input, out });
}

/** False as well for a trace that an older store wrote: still readable, but not what is measured. */
function isAsWrittenNow(trace: string): boolean {
  if (!existsSync(trace)) return false;
  const { version, files } = readManifest(trace);
  return (
    version === TRACE_VERSION &&
    files.every(({ name, columns, batches }) => columns !== undefined || batches !== undefined || !name.endsWith('.arrow'))
  );
}

/** In each quantum of 1 ms a guest works on 2000 of `pages` pages, in runs of 8, and touches each `accesses` times, every fifth page by writing. */
export interface BurstInput {
  readonly pages: number;
  readonly accesses: number;
  readonly frames: number;
}

const BURST_PAGES = 2000;

export function burstsPath(inputs: string, { pages, accesses, frames }: BurstInput): string {
  return join(inputs, `bursts-${pages}p-${accesses}x-${frames}.trace`);
}

/** One row per page and quantum, as ingest compacts them. */
export async function prepareBursts(inputs: string, input: BurstInput): Promise<void> {
  const { pages, accesses, frames } = input;
  const out = burstsPath(inputs, input);
  if (isAsWrittenNow(out)) return;
  rmSync(out, { recursive: true, force: true });
  const writer = await createTraceWriter({ out, classBits: 1 });
  writer.declareRange('gpa', 0, pages);
  const random = new Prng('bursts');
  const page = new Uint32Array(BURST_PAGES);
  const cls = new Uint8Array(BURST_PAGES);
  for (let frame = 0; frame < frames; frame++) {
    for (let i = 0; i < BURST_PAGES; i += 8) {
      const first = random.below(pages / 8) * 8;
      for (let k = 0; k < 8; k++) page[i + k] = first + k;
    }
    for (let i = 0; i < BURST_PAGES; i++) cls[i] = i % 5 === 0 ? 1 : 0;
    writer.frame('gpa', frame * 1e6, (frame + 1) * 1e6, BURST_PAGES, page, cls, BURST_PAGES * accesses);
  }
  const end = frames * 1e6;
  await writer.close({
    name: 'bursts',
    clock: 'synthetic',
    epochNs: '0',
    quantumNs: 1e6,
    vcpus: 1,
    truth: 'exact',
    synthetic: true,
    spans: [{ t0Ns: 0, t1Ns: end, label: '' }],
    markers: [],
    inputs: [],
    diagnostics: [],
    notes: {},
    producer: { version: 'bench', argv: [] },
    mapTime: (ns) => ns,
    truthOf: {},
  });
}
