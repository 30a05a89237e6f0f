/** IDLESNAP: page idle tracking, the bitmap as the kernel returned it and the pages that were on an LRU list when it was set. */
import { throwIfAborted, type Ingestor } from '@workset/model';
import { ByteReader } from '../binary.ts';
import { startsWith } from '../byte-source.ts';
import { streamName } from '../stream-name.ts';
import { checkTimes, readBitmap, readSnapshotHeader } from './snapshot-record.ts';

const MAGICS = { IDLESNAP: 7 } as const;

export const idleBitmapIngestor: Ingestor<'idle-bitmap'> = {
  descriptor: {
    id: 'idle-bitmap',
    title: 'idle page tracking snapshots (page_idle/bitmap with times and LRU bitmap)',
    source: 'Documentation/admin-guide/mm/idle_page_tracking.rst',
    produces: 'reports',
    space: 'gpa',
    clock: 'guest-monotonic',
    truth: 'observed',
    usualNames: ['B.idle.bin'],
  },
  sniff: (head) => (startsWith(head, 'IDLESNAP') ? 1 : 0),
  async *ingest(source, ctx) {
    const reader = new ByteReader(source, ctx.signal);
    const stream = streamName(source.path);
    let knownPages = 0;
    for (let cycle = 0; ; cycle++) {
      throwIfAborted(ctx.signal);
      const header = await readSnapshotHeader(reader, MAGICS);
      if (header === undefined) return;
      const [setBegin, setEnd, lruEnd, readBegin, readEnd, idleBytes, lruBytes] = header.fields as [
        number,
        number,
        number,
        number,
        number,
        number,
        number,
      ];
      checkTimes(
        reader,
        header,
        ['set_begin', 'set_end', 'lru_end', 'read_begin', 'read_end'],
        [setBegin, setEnd, lruEnd, readBegin, readEnd],
      );
      const idle = await readBitmap(reader, idleBytes, header.byteOffset);
      const lru = await readBitmap(reader, lruBytes, header.byteOffset);
      const nPages = 8 * Math.min(idleBytes, lruBytes);
      if (cycle === 0) {
        yield {
          kind: 'stream',
          arenaRelative: false,
          stream: {
            stream,
            tracker: 'idle-page',
            space: 'gpa',
            inputId: '',
            range: { startPage: 0, nPages },
            target: 'touched',
            granuleBytes: 4096,
            notes: {},
          },
        };
      }
      if (nPages > knownPages) {
        yield { kind: 'range', space: 'gpa', startPage: 0, nPages };
        knownPages = nPages;
      }
      if (idleBytes < lruBytes && lru.subarray(idleBytes).some((byte) => byte !== 0)) {
        ctx.reject('lru-beyond-idle', 'pages on an LRU list lie behind the end of the idle bitmap: nothing is known of them', {
          byteOffset: header.byteOffset,
          severity: 'info',
        });
      }
      ctx.accept(1);
      const eligible = lru.slice(0, nPages >> 3);
      // A 0 for a page that is not on an LRU list means "not tracked", so only LRU pages can be reported.
      const reported = eligible.map((byte, i) => byte & ~idle[i]!);
      yield {
        kind: 'report',
        report: {
          stream,
          cycle,
          setBeginNs: setBegin,
          setEndNs: setEnd,
          readBeginNs: readBegin,
          readEndNs: readEnd,
          complete: true,
          counts: { lruReadNs: lruEnd - setEnd },
          reported: { startPage: 0, nPages, bits: reported },
          eligible: { startPage: 0, nPages, bits: eligible },
          regions: null,
        },
      };
    }
  },
};
