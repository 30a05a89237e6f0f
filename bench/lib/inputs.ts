/** Made-up inputs, kept from run to run under a name that says what they are. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { synthesise, type SynthOptions } from '@workset/ingest';

export interface SynthInput extends Required<Pick<SynthOptions, 'pages' | 'seconds' | 'rate'>> {
  readonly pattern: string;
}

export function synthPath(inputs: string, { pattern, pages, seconds, rate }: SynthInput): string {
  return join(inputs, `${pattern}-${pages}p-${seconds}s-${rate}.trace`);
}

export async function prepareSynth(inputs: string, input: SynthInput): Promise<void> {
  const out = synthPath(inputs, input);
  if (!existsSync(out)) await synthesise(input.pattern, { ...input, out });
}
