/**
 * The workload's own account of its phases, and the address of its arena.
 *
 *     pid=71 arena=0x200000000000 pages=6144 ms_per_phase=530 mem=shmem tracker=rwp interval_ms=100
 *     phase=1 name=zipf_hot mono_begin_ns=1270115160 mono_end_ns=1800117235 ops=6016640 vaddr_lo=0x… desc="…"
 */
import { TraceFormatError, type ByteSource, type IngestBatch, type IngestContext, type Ingestor } from '@workset/model';
import { lineBlocks } from '../lines.ts';

/** Marker code of phase 0, as in the exact log. */
const FIRST_PHASE = 16;
const ARENA_LINE = /^pid=\d+ arena=0x([0-9a-f]{1,14}) pages=(\d{1,11})(?: |$)/;
const PHASE_LINE = /^phase=(\d{1,6}) name=(\S+) mono_begin_ns=(\d{1,15}) mono_end_ns=(\d{1,15})(?: |$)/;

export const phasesLogIngestor: Ingestor<'phases-log'> = {
  descriptor: {
    id: 'phases-log',
    title: 'phases of the workload, and the address of its arena (text)',
    source: 'capture kit: workload phases',
    produces: 'mapping',
    space: 'gva',
    clock: 'guest-monotonic',
    truth: 'observed',
    usualNames: ['A.phases.log'],
  },
  sniff: (head) => (ARENA_LINE.test(firstLine(head)) ? 1 : 0),
  ingest,
};

function firstLine(head: Uint8Array): string {
  return String.fromCharCode(...head.subarray(0, 256)).split(/\r?\n/, 1)[0]!;
}

async function* ingest(source: ByteSource, ctx: IngestContext): AsyncGenerator<IngestBatch> {
  for await (const lines of lineBlocks(source, ctx)) {
    while (lines.next()) {
      const text = lines.bytes.toString('latin1', lines.from, lines.to);
      const arena = ARENA_LINE.exec(text);
      const phase = PHASE_LINE.exec(text);
      if (arena !== null) {
        const address = Number.parseInt(arena[1]!, 16);
        if (address % 4096 !== 0)
          throw new TraceFormatError(`arena address 0x${arena[1]!} is not a page address`, { file: source.path, line: lines.line });
        // n = 0: an address without frames.
        yield { kind: 'mapping', tNs: null, vPage: address / 4096, n: 0, frame: new Float64Array(0), arena: true };
      } else if (phase !== null) {
        yield { kind: 'marker', tNs: Number(phase[3]), code: FIRST_PHASE + Number(phase[1]), label: phase[2]! };
      } else {
        ctx.reject('other-line', 'lines that name neither an arena nor a phase', { line: lines.line, severity: 'info' });
        continue;
      }
      ctx.accept(1);
    }
  }
}
