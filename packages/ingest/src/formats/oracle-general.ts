/** libCacheSim oracleGeneral: 24-byte records of a cache workload; an object id stands for a page. */
import type { ByteSource, IngestBatch, IngestContext, Ingestor } from '@workset/model';
import { READ, UsageError } from '@workset/model';
import { AccessBatches } from '../text/access-batches.ts';
import { recordBlocks } from '../text/fixed-records.ts';
import { requireSome, take } from '../text/line-reader.ts';
import { spaceOption } from '../text/perf-text.ts';

// u32 time in s, u64 obj_id, u32 size, i64 next_access_vtime (-1 = never again), packed, little endian
const SIZE = 24;
const PLAUSIBLE = 256;

export const oracleGeneralIngestor: Ingestor<'oracle-general'> = {
  descriptor: {
    id: 'oracle-general',
    title: 'libCacheSim oracleGeneral trace',
    source: 'libCacheSim traceReader/customizedReader/oracle/oracleGeneralBin.h',
    produces: 'accesses',
    space: 'object',
    clock: 'trace',
    truth: 'exact',
    usualNames: ['*.oracleGeneral.bin', '*.oracleGeneral'],
  },
  sniff,
  ingest,
};

/** No magic: times never go back, every next access lies ahead, and those inside the head are of the same object. */
function sniff(head: Uint8Array): number {
  const n = Math.min(PLAUSIBLE, Math.floor(head.length / SIZE));
  if (n < 2 || (head.length < 65536 && head.length % SIZE !== 0)) return 0;
  const view = new DataView(head.buffer, head.byteOffset, head.length);
  let last = 0;
  let confirmed = 0;
  for (let i = 0; i < n; i++) {
    const at = i * SIZE;
    const time = view.getUint32(at, true);
    if (time < last) return 0;
    last = time;
    const high = view.getInt32(at + 20, true);
    const next = view.getUint32(at + 16, true);
    if (high === -1 && next === 0xffffffff) continue;
    if (high < 0 || high > 255 || (high === 0 && next <= i)) return 0;
    if (high > 0 || next >= n) continue;
    // request numbers count from 0 or from 1
    if (!sameObject(view, at, next * SIZE) && !sameObject(view, at, (next - 1) * SIZE)) return 0;
    confirmed++;
  }
  return confirmed > 0 ? 0.7 : 0.2;
}

function sameObject(view: DataView, a: number, b: number): boolean {
  return (
    b > a && view.getUint32(a + 4, true) === view.getUint32(b + 4, true) && view.getUint32(a + 8, true) === view.getUint32(b + 8, true)
  );
}

async function* ingest(source: ByteSource, ctx: IngestContext): AsyncGenerator<IngestBatch> {
  const out: IngestBatch[] = [];
  const batches = new AccessBatches(spaceOption(ctx) ?? 'object', ctx, out, false);
  const shift = pageShiftOption(ctx, 0);
  let kept = 0;
  for await (const { view, n, first } of recordBlocks(source, ctx, SIZE)) {
    for (let i = 0; i < n; i++) {
      const at = i * SIZE;
      const high = view.getUint32(at + 8, true);
      const object = high * 2 ** 32 + view.getUint32(at + 4, true);
      const page = Math.floor(object / 2 ** shift);
      if (high >= 2 ** 20 && page >= 2 ** 52) {
        ctx.reject('id-too-large', 'an object id above 2^52 cannot be a page number', {
          byteOffset: (first + i) * SIZE,
          severity: 'warning',
        });
        continue;
      }
      kept++;
      batches.add(view.getUint32(at, true) * 1e9, page, READ, -1, -1, 0);
    }
    yield* take(out);
  }
  requireSome(kept, 'oracleGeneral record', source.path);
  ctx.reject('access-type-unknown', 'oracleGeneral records do not say read or write: taken as reads, one page each', {
    count: kept,
    severity: 'info',
  });
  batches.flush();
  yield* take(out);
}

/** Option `page-shift`: how many low bits of an id or address are the offset in the page. @throws UsageError */
export function pageShiftOption(ctx: IngestContext, byDefault: number): number {
  const text = ctx.options['page-shift'];
  const shift = text === undefined ? byDefault : Number(text);
  if (!Number.isInteger(shift) || shift < 0 || shift > 40)
    throw new UsageError(`page-shift=${text ?? ''} is not a whole number from 0 to 40`);
  return shift;
}
