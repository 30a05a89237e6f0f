/** Class bits of a trace: four when an input says who made each access, else two, which tell the kernel from the rest. */
import { headNamesActors } from '../text/csv-columns.ts';
import type { CaptureInput } from './inputs.ts';

export async function classBitsOf(inputs: readonly CaptureInput[]): Promise<2 | 4> {
  for (const input of inputs) if (await namesActors(input)) return 4;
  return 2;
}

async function namesActors(input: CaptureInput): Promise<boolean> {
  if (input.ingestor.descriptor.id !== 'csv') return false;
  const source = await input.open();
  try {
    return headNamesActors(source.head, input.options);
  } finally {
    if (source.rawBytesTotal !== null) source.close();
  }
}
