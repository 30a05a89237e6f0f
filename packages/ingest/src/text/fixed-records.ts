/** Records of one fixed size out of byte chunks. */
import { throwIfAborted } from '@workset/model';
import type { ByteSource, IngestContext } from '@workset/model';

export interface RecordBlock {
  readonly view: DataView;
  /** Whole records in the view. */
  readonly n: number;
  /** Number of the view's first record, from 0. */
  readonly first: number;
}

/** Yields views of whole records; a rest at the end is counted as `truncated-record`. */
export async function* recordBlocks(source: ByteSource, ctx: IngestContext, size: number): AsyncGenerator<RecordBlock> {
  let rest = new Uint8Array(0);
  let first = 0;
  for await (const chunk of source.chunks()) {
    throwIfAborted(ctx.signal);
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    const n = Math.floor(bytes.length / size);
    if (n > 0) yield { view: new DataView(bytes.buffer, bytes.byteOffset, n * size), n, first };
    first += n;
    rest = new Uint8Array(bytes.subarray(n * size));
  }
  if (rest.length > 0) {
    ctx.reject('truncated-record', `the file ends inside a record of ${size} bytes`, { byteOffset: first * size, severity: 'warning' });
  }
}

/** A 64-bit little-endian address as page number. */
export function pageAt(view: DataView, offset: number): number {
  return view.getUint32(offset + 4, true) * 1048576 + (view.getUint32(offset, true) >>> 12);
}
