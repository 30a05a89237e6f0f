/** SOFTDRTY: soft-dirty cycles on a workload's arena (clear_refs 4, wait, pagemap bit 55). */
import { throwIfAborted, type Ingestor } from '@workset/model';
import { ByteReader } from '../binary.ts';
import { startsWith } from '../byte-source.ts';
import { streamName } from '../stream-name.ts';
import { bitmapBytes, checkTimes, pageBits, readBitmap, readSnapshotHeader } from './snapshot-record.ts';

const MAGICS = { SOFTDRTY: 5 } as const;

export const softDirtyIngestor: Ingestor<'soft-dirty'> = {
  descriptor: {
    id: 'soft-dirty',
    title: 'soft-dirty snapshots of an arena (clear_refs 4, pagemap bit 55)',
    source: 'Documentation/admin-guide/mm/soft-dirty.rst',
    produces: 'reports',
    space: 'gva',
    clock: 'guest-monotonic',
    truth: 'observed',
    usualNames: ['D.softdirty.bin'],
  },
  sniff: (head) => (startsWith(head, 'SOFTDRTY') ? 1 : 0),
  async *ingest(source, ctx) {
    const reader = new ByteReader(source, ctx.signal);
    const stream = streamName(source.path);
    for (let cycle = 0; ; cycle++) {
      throwIfAborted(ctx.signal);
      const header = await readSnapshotHeader(reader, MAGICS);
      if (header === undefined) return;
      const [clearBegin, clearEnd, readBegin, readEnd, nPages] = header.fields as [number, number, number, number, number];
      checkTimes(reader, header, ['clear_begin', 'clear_end', 'read_begin', 'read_end'], [clearBegin, clearEnd, readBegin, readEnd]);
      const bits = await readBitmap(reader, await bitmapBytes(reader, nPages, 'SOFTDRTY'), header.byteOffset);
      if (cycle === 0) {
        yield {
          kind: 'stream',
          arenaRelative: true,
          stream: {
            stream,
            tracker: 'soft-dirty',
            space: 'gva',
            inputId: '',
            range: { startPage: 0, nPages },
            target: 'written',
            granuleBytes: 4096,
            notes: {},
          },
        };
      }
      ctx.accept(1);
      yield {
        kind: 'report',
        report: {
          stream,
          cycle,
          setBeginNs: clearBegin,
          setEndNs: clearEnd,
          readBeginNs: readBegin,
          readEndNs: readEnd,
          complete: true,
          counts: {},
          reported: { startPage: 0, nPages, bits: pageBits(bits, nPages, reader, ctx) },
          eligible: null,
          regions: null,
        },
      };
    }
  },
};
