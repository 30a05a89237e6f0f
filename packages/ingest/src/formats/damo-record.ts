/** Binary records of damo up to v2.0.1, versions 0, 1 and 2. Layout: damo v2.0.0 _damon_result.py. */
import { TraceFormatError, UnreadableInputError, parseDuration } from '@workset/model';
import type { ByteSource, IngestBatch, IngestContext, Ingestor } from '@workset/model';
import { ByteReader, pageAt } from '../binary.ts';
import { DamonStream, RegionTable } from '../damon-report.ts';
import { streamName } from '../stream-name.ts';

const MARK = 'damon_recfmt_ver';
const MAX_REGIONS = 1e7;
const MAX_TARGETS = 1e5;
const REGION_BYTES = 20;
/** Seconds beyond this are a sign of the wrong byte order. */
const MAX_SECONDS = 2 ** 40;

interface Layout {
  readonly version: 0 | 1 | 2;
  readonly little: boolean;
}

interface Target {
  readonly stream: DamonStream;
  previousNs: number;
  /** The first snapshot waits for the second one, which tells how long a window is. */
  first: { readonly table: RegionTable; readonly complete: boolean } | null;
}

/** Options: ops, space, stream, aggregation (length of the first window; without it, that of the second). */
export const damoRecordIngestor: Ingestor<'damo-record'> = {
  descriptor: {
    id: 'damo-record',
    title: 'damo binary record (versions 0 to 2)',
    source: 'github.com/awslabs/damo v2.0.0 _damon_result.py',
    produces: 'reports',
    space: 'any',
    clock: 'trace (as recorded)',
    truth: 'observed',
    usualNames: ['damon.data'],
  },
  // version 0 has no mark: it is read only when asked for by name
  sniff: (head) => (hasMark(head) ? 1 : 0),
  ingest: readRecords,
};

async function* readRecords(source: ByteSource, ctx: IngestContext): AsyncGenerator<IngestBatch> {
  const reader = new ByteReader(source, ctx.signal);
  const layout = await readLayout(reader);
  const targets = new Map<string, Target>();
  const table = new RegionTable();
  let whole = true;
  while (whole && (await reader.need(1))) {
    const head = reader.offset;
    if (!(await reader.need(20))) {
      truncated(ctx, head);
      break;
    }
    const { little } = layout;
    const endNs = i64(reader.view, reader.start, little) * 1e9 + i64(reader.view, reader.start + 8, little);
    const nTargets = reader.view.getUint32(reader.start + 16, little);
    if (!(endNs >= 0 && endNs < MAX_SECONDS * 1e9) || nTargets > MAX_TARGETS) {
      damaged(ctx, reader, head, `a snapshot of ${nTargets} targets at ${endNs} ns`, targets.size === 0);
      break;
    }
    reader.start += 20;
    for (let i = 0; i < nTargets && whole; i++) {
      table.clear();
      const id = await readTargetHead(reader, layout);
      if (id === null) {
        truncated(ctx, reader.offset);
        whole = false;
        break;
      }
      const { damage, complete } = await readRegions(reader, little, id.nRegions, table);
      if (damage !== null) damaged(ctx, reader, damage.at, damage.message, targets.size === 0);
      else if (!complete) truncated(ctx, reader.offset);
      whole = complete;
      yield* emit(targetOf(targets, id.id, source.path, layout, ctx), table, endNs, complete, ctx);
    }
  }
  for (const target of targets.values()) if (target.first !== null) yield* firstReport(target, target.previousNs, 0, ctx);
}

function hasMark(head: Uint8Array): boolean {
  return head.length >= MARK.length && String.fromCharCode(...head.subarray(0, MARK.length)) === MARK;
}

async function readLayout(reader: ByteReader): Promise<Layout> {
  await reader.need(MARK.length + 4);
  if (!hasMark(reader.bytes.subarray(reader.start, reader.end))) {
    // version 0: the byte order in which the first second is a sane number
    if (!(await reader.need(20)))
      throw new UnreadableInputError(
        'too short for a damo record',
        { file: reader.path, byteOffset: reader.available },
        'check that this is the output of damo record',
      );
    const little = i64(reader.view, reader.start, true) < MAX_SECONDS && i64(reader.view, reader.start, true) >= 0;
    return { version: 0, little };
  }
  if (reader.available < MARK.length + 4) {
    throw new TraceFormatError(
      'the file ends inside its header',
      { file: reader.path, byteOffset: reader.available },
      'the copy is incomplete: copy the record again',
    );
  }
  const at = reader.start + MARK.length;
  reader.start = at + 4;
  for (const little of [true, false]) {
    const version = reader.view.getInt32(at, little);
    if (version === 1 || version === 2) return { version, little };
  }
  throw new TraceFormatError(
    `record version ${reader.view.getInt32(at, true)} is not known`,
    { file: reader.path, byteOffset: MARK.length },
    'versions 1 and 2 have this mark; convert others with damo convert_record_format',
  );
}

/** Target id and number of regions: i32 or u64, u32. */
async function readTargetHead(reader: ByteReader, layout: Layout): Promise<{ id: string; nRegions: number } | null> {
  const idBytes = layout.version === 1 ? 4 : 8;
  if (!(await reader.need(idBytes + 4))) return null;
  const { view, start } = reader;
  const id = layout.version === 1 ? String(view.getInt32(start, layout.little)) : String(view.getBigUint64(start, layout.little));
  const nRegions = view.getUint32(start + idBytes, layout.little);
  reader.start += idBytes + 4;
  return { id, nRegions };
}

interface RegionsRead {
  readonly complete: boolean;
  readonly damage: { readonly at: number; readonly message: string } | null;
}

async function readRegions(reader: ByteReader, little: boolean, nRegions: number, table: RegionTable): Promise<RegionsRead> {
  if (nRegions > MAX_REGIONS)
    return { complete: false, damage: { at: reader.offset - 4, message: `a snapshot claims ${nRegions} regions` } };
  for (let i = 0; i < nRegions; i++) {
    if (reader.available < REGION_BYTES && !(await reader.need(REGION_BYTES))) return { complete: false, damage: null };
    const { view, start } = reader;
    const startPage = pageAt(view, start, little);
    const endPage = pageAt(view, start + 8, little);
    const lowBits = (view.getUint8(start + (little ? 0 : 7)) | view.getUint8(start + 8 + (little ? 0 : 7))) !== 0;
    if (endPage <= startPage || lowBits)
      return { complete: false, damage: { at: reader.offset, message: `region ${i} is empty, reversed or not page aligned` } };
    table.add(startPage, endPage, view.getUint32(start + 16, little), -1);
    reader.start += REGION_BYTES;
  }
  return { complete: true, damage: null };
}

function* emit(target: Target, table: RegionTable, endNs: number, complete: boolean, ctx: IngestContext): Generator<IngestBatch> {
  if (table.n === 0) return;
  if (target.previousNs < 0) {
    target.first = { table: table.copy(), complete };
  } else {
    if (endNs <= target.previousNs) ctx.reject('out-of-order', 'a snapshot that ends before the one before it', { severity: 'warning' });
    yield* firstReport(target, target.previousNs, endNs - target.previousNs, ctx);
    if (endNs > target.previousNs) yield* target.stream.report(table, target.previousNs, endNs, complete, { regions: table.n });
  }
  target.previousNs = Math.max(target.previousNs, endNs);
}

/** The first snapshot, its window guessed from the second one unless `aggregation` is given. */
function* firstReport(target: Target, endNs: number, nextWindowNs: number, ctx: IngestContext): Generator<IngestBatch> {
  if (target.first === null) return;
  const { table, complete } = target.first;
  target.first = null;
  const given = ctx.options['aggregation'];
  const windowNs = given === undefined ? Math.max(0, nextWindowNs) : parseDuration(given);
  yield* target.stream.report(table, endNs - windowNs, endNs, complete && windowNs > 0, {
    regions: table.n,
    windowGuessed: given === undefined ? 1 : 0,
  });
}

function targetOf(targets: Map<string, Target>, id: string, path: string, layout: Layout, ctx: IngestContext): Target {
  let target = targets.get(id);
  if (target === undefined) {
    const stem = ctx.options['stream'] ?? streamName(path);
    target = {
      stream: new DamonStream(`${stem}.t${id}`, { event: 'damo record', version: layout.version, target_id: id }, ctx),
      previousNs: -1,
      first: null,
    };
    targets.set(id, target);
  }
  return target;
}

function i64(view: DataView, at: number, little: boolean): number {
  return Number(view.getBigInt64(at, little));
}

function truncated(ctx: IngestContext, byteOffset: number): void {
  ctx.reject('damo-truncated', 'the file ends inside a snapshot', { byteOffset, severity: 'warning' });
}

function damaged(ctx: IngestContext, reader: ByteReader, byteOffset: number, message: string, nothingKept: boolean): void {
  if (nothingKept)
    throw new TraceFormatError(`not a damo record: ${message}`, { file: reader.path, byteOffset }, 'give the right format with --format');
  ctx.reject('damo-damaged', `${message}; everything behind it is lost`, { byteOffset, severity: 'error' });
}
