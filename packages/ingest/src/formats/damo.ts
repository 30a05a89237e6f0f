/** damo recordings, json and json_compressed (zlib), damo 1.x to 3.x. Shape: damo src/_damo_records.py. */
import { TraceFormatError } from '@workset/model';
import type { ByteSource, IngestBatch, IngestContext, Ingestor } from '@workset/model';
import { ByteReader } from '../binary.ts';
import { JsonCursor, JsonDamage, NEED_MORE } from '../damo/cursor.ts';
import { inflateHead, inflated, isZlib } from '../damo/inflate.ts';
import { DamoRecordReader } from '../damo/record-reader.ts';
import { DamoSnapshots } from '../damo/snapshots.ts';

/**
 * One stream per record (kdamond, context, scheme, target) with a report per snapshot.
 * Options: ops=paddr|vaddr, space, stream.
 */
export const damoIngestor: Ingestor<'damo'> = {
  descriptor: {
    id: 'damo',
    title: 'damo recording (json, json_compressed)',
    source: 'github.com/damonitor/damo src/_damo_records.py',
    produces: 'reports',
    space: 'any',
    clock: 'trace (as recorded)',
    truth: 'observed',
    usualNames: ['damon.data', '*.damo.json'],
  },
  sniff(head: Uint8Array): number {
    const text = Buffer.from(isZlib(head) ? inflateHead(head) : head).toString('latin1', 0, 4096);
    if (!/^(?:\xef\xbb\xbf)?\s*\[\s*\{/.test(text)) return 0;
    if (/"kdamond_idx"|"snapshots"\s*:/.test(text)) return 1;
    return /"target_id"/.test(text) ? 0.7 : 0;
  },
  ingest: readDamo,
};

async function* readDamo(source: ByteSource, ctx: IngestContext): AsyncGenerator<IngestBatch> {
  let damage: string | null = null;
  const reader = await openJson(source, ctx, (message) => (damage = `the zlib stream is damaged (${message})`));
  const snapshots = new DamoSnapshots(source.path, ctx);
  const records = new DamoRecordReader(snapshots);
  const cursor = new JsonCursor(reader);
  while (records.state !== 'end') {
    try {
      records.read(reader, cursor);
    } catch (error) {
      if (error === NEED_MORE) {
        if (await reader.need(reader.available + 1)) continue;
        damage ??= 'the file ends inside a record';
      } else if (error instanceof JsonDamage) {
        damage = error.message;
      } else {
        throw error;
      }
      records.cut();
    }
    snapshots.offset = reader.offset;
    yield* snapshots.batches.splice(0);
  }
  if (damage === null) await drain(reader, ctx);
  if (damage !== null) settle(damage, snapshots.snapshots, reader, ctx);
  else if (snapshots.snapshots === 0) ctx.reject('no-snapshots', 'the recording has no snapshot', { severity: 'warning' });
}

/** Reads what follows the recording: zlib checks its sum at the very end. */
async function drain(reader: ByteReader, ctx: IngestContext): Promise<void> {
  let extra = 0;
  const from = reader.offset;
  while (await reader.need(1)) {
    for (let i = reader.start; i < reader.end; i++) if (reader.bytes[i]! > 32) extra++;
    reader.start = reader.end;
  }
  if (extra > 0)
    ctx.reject('trailing-bytes', 'bytes behind the end of the recording', { byteOffset: from, count: extra, severity: 'warning' });
}

/** Damage costs what follows it; a file of which nothing is left is refused. */
function settle(damage: string, snapshots: number, reader: ByteReader, ctx: IngestContext): void {
  if (snapshots === 0) {
    throw new TraceFormatError(
      `no snapshot before the damage: ${damage}`,
      { file: reader.path, byteOffset: reader.offset },
      'check that damo record ended properly and copy the file again',
    );
  }
  ctx.reject('damo-damaged', `${damage}; everything behind it is lost`, { byteOffset: reader.offset, severity: 'error' });
}

async function openJson(source: ByteSource, ctx: IngestContext, onDamage: (message: string) => void): Promise<ByteReader> {
  const chunks = source.chunks()[Symbol.asyncIterator]();
  // two bytes tell zlib from text
  let head = new Uint8Array(0);
  while (head.length < 2) {
    const next = await chunks.next();
    if (next.done === true) break;
    head = new Uint8Array(Buffer.concat([head, next.value]));
  }
  const again: ByteSource = {
    path: source.path,
    async *chunks() {
      if (head.length > 0) yield head;
      yield* { [Symbol.asyncIterator]: () => chunks };
    },
  };
  return new ByteReader(isZlib(head) ? inflated(again, onDamage) : again, ctx.signal);
}
