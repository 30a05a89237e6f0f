/** ChampSim instruction traces: 64 bytes an instruction (88 for CloudSuite), addresses of operands, no sizes and no times. */
import type { ByteSource, IngestBatch, IngestContext, Ingestor } from '@workset/model';
import { READ, WRITE, UsageError } from '@workset/model';
import { AccessBatches } from '../text/access-batches.ts';
import { pageAt, recordBlocks } from '../text/fixed-records.ts';
import { requireSome, take } from '../text/line-reader.ts';
import { rateOption } from '../text/ordinal.ts';
import { spaceOption } from '../text/perf-text.ts';

/** Offsets in bytes of one record: ip, is_branch, taken, destination and source addresses. */
interface Layout {
  readonly size: number;
  readonly stores: readonly number[];
  readonly loads: readonly number[];
}
// u64 ip; u8 is_branch, taken; u8 dst_reg[2], src_reg[4]; u64 dst_mem[2], src_mem[4]
const PLAIN: Layout = { size: 64, stores: [16, 24], loads: [32, 40, 48, 56] };
// u64 ip; u8 is_branch, taken; u8 dst_reg[4], src_reg[4]; pad; u64 dst_mem[4], src_mem[4]; u8 asid[2]; pad
const CLOUDSUITE: Layout = { size: 96, stores: [24, 32, 40, 48], loads: [56, 64, 72, 80] };
const PLAUSIBLE = 64;

export const champsimIngestor: Ingestor<'champsim'> = {
  descriptor: {
    id: 'champsim',
    title: 'ChampSim instruction trace',
    source: 'ChampSim inc/trace_instruction.h',
    produces: 'accesses',
    space: 'gva',
    clock: 'ordinal',
    truth: 'exact',
    usualNames: ['*.champsimtrace', '*.trace.gz'],
  },
  sniff,
  ingest,
};

/** No magic: the flag bytes must be 0 or 1 and the addresses canonical user ones, in every record of the head. */
function sniff(head: Uint8Array): number {
  const n = Math.min(PLAUSIBLE, Math.floor(head.length / PLAIN.size));
  if (n < 2) return 0;
  const view = new DataView(head.buffer, head.byteOffset, head.length);
  let operands = 0;
  for (let i = 0; i < n; i++) {
    const at = i * PLAIN.size;
    if (head[at + 8]! > 1 || head[at + 9]! > 1 || (head[at + 9] === 1 && head[at + 8] === 0)) return 0;
    if (pageAt(view, at) === 0 || pageAt(view, at) >= 2 ** 36) return 0;
    for (const offset of [...PLAIN.stores, ...PLAIN.loads]) {
      const page = pageAt(view, at + offset);
      if (page >= 2 ** 36 && page < 2 ** 52 - 2 ** 36) return 0;
      if (page !== 0) operands++;
    }
  }
  return operands > 0 ? 0.6 : 0;
}

async function* ingest(source: ByteSource, ctx: IngestContext): AsyncGenerator<IngestBatch> {
  const out: IngestBatch[] = [];
  const rate = rateOption(ctx, 'a ChampSim trace', true);
  const layout = layoutOption(ctx);
  const batches = new AccessBatches(spaceOption(ctx) ?? 'gva', ctx, out, false);
  let accesses = 0;
  let instructions = 0;
  for await (const { view, n } of recordBlocks(source, ctx, layout.size)) {
    for (let at = 0; at < n * layout.size; at += layout.size) {
      const timeNs = (rate.step === 'instruction' ? instructions : accesses) * rate.nsPerStep;
      batches.add(timeNs, pageAt(view, at), READ, -1, -1, 0);
      accesses++;
      instructions++;
      for (const offset of layout.loads)
        if (isUsed(view, at + offset)) batches.add(timeNs, pageAt(view, at + offset), READ, -1, -1, (accesses++, 0));
      for (const offset of layout.stores)
        if (isUsed(view, at + offset)) batches.add(timeNs, pageAt(view, at + offset), WRITE, -1, -1, (accesses++, 0));
    }
    yield* take(out);
  }
  requireSome(instructions, 'ChampSim instruction', source.path);
  ctx.reject('no-sizes', 'ChampSim traces have no sizes: an access over a page edge counts for its first page only', { severity: 'info' });
  batches.flush();
  yield* take(out);
}

/** 0 marks an unused operand. */
function isUsed(view: DataView, offset: number): boolean {
  return view.getUint32(offset, true) !== 0 || view.getUint32(offset + 4, true) !== 0;
}

function layoutOption(ctx: IngestContext): Layout {
  const variant = ctx.options['variant'] ?? 'plain';
  if (variant === 'plain') return PLAIN;
  if (variant === 'cloudsuite') return CLOUDSUITE;
  throw new UsageError(`unknown ChampSim variant ${variant}`, 'variant=plain or variant=cloudsuite');
}
