/** Made-up inputs, kept from run to run under a name that says what they are. */
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { synthesise, type SynthOptions } from '@workset/ingest';
import { Prng } from '@workset/model';
import { createTraceWriter, readManifest } from '@workset/store';
import type { Scale } from './bench.ts';

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
  await synthesise(input.pattern, { ...input, out });
}

/** False as well for a trace that an older store wrote: still readable, but not what is measured. */
function isAsWrittenNow(trace: string): boolean {
  if (!existsSync(trace)) return false;
  return readManifest(trace).files.every(
    ({ name, columns, batches }) => columns !== undefined || batches !== undefined || !name.endsWith('.arrow'),
  );
}

const BURST_PAGES = 2000;
const BURST_ACCESSES = 500;
const BURST_FRAMES: Readonly<Record<Scale, number>> = { tiny: 50, small: 2000, full: 10_000 };

export function burstsPath(inputs: string, scale: Scale): string {
  return join(inputs, `bursts-${BURST_FRAMES[scale]}.trace`);
}

/** Each quantum of 1 ms: 2000 of 1 M pages in runs of 8, each touched 500 times, every fifth written; one row per page and quantum. */
export async function prepareBursts(inputs: string, scale: Scale): Promise<void> {
  const out = burstsPath(inputs, scale);
  if (isAsWrittenNow(out)) return;
  rmSync(out, { recursive: true, force: true });
  const writer = await createTraceWriter({ out, classBits: 1 });
  const pages = 1 << 20;
  writer.declareRange('gpa', 0, pages);
  const random = new Prng('bursts');
  const page = new Uint32Array(BURST_PAGES);
  const cls = new Uint8Array(BURST_PAGES);
  for (let frame = 0; frame < BURST_FRAMES[scale]; frame++) {
    for (let i = 0; i < BURST_PAGES; i += 8) {
      const first = random.below(pages / 8) * 8;
      for (let k = 0; k < 8; k++) page[i + k] = first + k;
    }
    for (let i = 0; i < BURST_PAGES; i++) cls[i] = i % 5 === 0 ? 1 : 0;
    writer.frame('gpa', frame * 1e6, (frame + 1) * 1e6, BURST_PAGES, page, cls, BURST_PAGES * BURST_ACCESSES);
  }
  const end = BURST_FRAMES[scale] * 1e6;
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
