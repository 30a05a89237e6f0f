/** Ingests stdin and prints the peak of its memory, in bytes. usage: memory-child.ts OUT FORMAT */
import { readFileSync } from 'node:fs';
import { ingestCapture } from '@workset/ingest';

const [out, format] = process.argv.slice(2) as [string, string];
const { inputs } = await ingestCapture(['-'], { out, format, options: format === 'damo' ? { ops: 'paddr' } : {} });
const peak = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))![1];
process.stdout.write(JSON.stringify({ peakBytes: 1024 * Number(peak), records: inputs[0]!.nEvents }));
