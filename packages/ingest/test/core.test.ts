/** Opening, recognising and clock mapping: what every format stands on. */
import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { Prng, TraceFormatError, UnreadableInputError, UsageError } from '@workset/model';
import { ClockMap, ingestors, openSource, recognise } from '@workset/ingest';
import { Quanta, REORDER_QUANTA } from '../src/capture/quanta.ts';
import { segmentOf, streamName } from '../src/stream-name.ts';
import { KIT_SAMPLES } from './kit-files.ts';

const dir = mkdtempSync(join(tmpdir(), 'workset-core-'));
after(() => rmSync(dir, { recursive: true }));

function file(name: string, bytes: Uint8Array | string): string {
  const path = join(dir, name);
  writeFileSync(path, bytes);
  return path;
}
async function readAll(path: string): Promise<Buffer> {
  const source = await openSource(path);
  const chunks: Uint8Array[] = [];
  for await (const chunk of source.chunks()) chunks.push(chunk);
  return Buffer.concat(chunks);
}
const noise = Buffer.from(
  Uint8Array.from(
    { length: 300_000 },
    (() => {
      const random = new Prng('noise');
      return () => random.below(256);
    })(),
  ),
);

describe('byte source', () => {
  test('gives the same bytes plain, as gzip, as several gzip members and as zstd', async () => {
    const members = Buffer.concat([gzipSync(noise.subarray(0, 1000)), gzipSync(noise.subarray(1000))]);
    for (const [name, bytes] of [
      ['plain', noise],
      ['one.gz', gzipSync(noise)],
      ['members.gz', members],
      ['no-suffix-zstd', zstdCompressSync(noise)],
    ] as const) {
      assert.deepEqual(await readAll(file(name, bytes)), noise, name);
    }
  });

  test('shows the head without consuming it, and hashes the raw file', async () => {
    const source = await openSource(file('head.gz', gzipSync(noise)));
    assert.deepEqual(Buffer.from(source.head), noise.subarray(0, 65536));
    const { sha256, sizeBytes } = await source.finish();
    assert.equal(sizeBytes, gzipSync(noise).length);
    assert.match(sha256, /^[0-9a-f]{64}$/);
  });

  for (const [kind, pack] of [
    ['gzip', gzipSync],
    ['zstd', zstdCompressSync],
  ] as const) {
    test(`a ${kind} file cut in half is refused as truncated`, async () => {
      const whole = pack(noise);
      const path = file(`cut.${kind}`, whole.subarray(0, whole.length >> 1));
      await assert.rejects(
        readAll(path),
        (error: unknown) =>
          error instanceof TraceFormatError &&
          /truncated/.test(error.message) &&
          error.place.byteOffset === whole.length >> 1 &&
          error.hint !== undefined,
      );
    });
  }

  test('damage inside a gzip file is refused', async () => {
    const bytes = Buffer.from(gzipSync(noise));
    bytes.fill(0x55, 5000, 5100);
    await assert.rejects(readAll(file('damaged.gz', bytes)), TraceFormatError);
  });

  const unreadable: [string, () => string, RegExp][] = [
    ['a missing file', () => join(dir, 'nothing'), /no such file/],
    ['a directory', () => dir, /directory/],
    ['an empty file', () => file('empty', ''), /empty/],
    ['an empty gzip file', () => file('empty.gz', gzipSync('')), /holds nothing/],
  ];
  for (const [what, path, message] of unreadable) {
    test(`${what} is refused, with a way out`, async () => {
      await assert.rejects(
        openSource(path()),
        (error: unknown) => error instanceof UnreadableInputError && message.test(error.message) && error.hint !== undefined,
      );
    });
  }

  test('a cut xz file is damaged', async () => {
    await assert.rejects(openSource(file('a.xz', Uint8Array.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0]))), TraceFormatError);
  });

  test('a file without read permission is refused', { skip: process.getuid?.() === 0 ? 'root may read everything' : false }, async () => {
    const path = file('secret', 'x');
    chmodSync(path, 0);
    await assert.rejects(openSource(path), /permission/);
  });
});

describe('recognition', () => {
  const foreign: [string, string, RegExp][] = [
    ['Parquet', 'PAR1....', /Parquet/],
    ['DuckDB', '\0\0\0\0\0\0\0\0DUCK', /DuckDB/],
    ['PNG', '\x89PNG\r\n', /PNG/],
    ['ELF', '\x7fELF\x02', /ELF/],
    ['zip', 'PK\x03\x04', /zip/],
    ['prose', 'It was a dark and stormy night.\n', /text .* "It was a dark/],
    ['bytes with the high bit', '\xff'.repeat(64), /binary data/],
    ['UTF-8 prose', Buffer.from('Het was… één dag: „ja”.\n').toString('latin1'), /text/],
    ['bytes', '\x01\x02\x03\x04\x05', /binary data/],
  ];
  for (const [what, bytes, message] of foreign) {
    test(`${what} is named and refused`, () => {
      assert.throws(
        () => recognise(Buffer.from(bytes, 'latin1'), 'x'),
        (error: unknown) => error instanceof UnreadableInputError && message.test(error.message) && error.hint !== undefined,
      );
    });
  }

  test('a dump without a header is not taken by its name, but the name is looked at for what to do', () => {
    for (const [path, id] of [
      ['a/page_idle.bin', 'page-idle-raw'],
      ['kpageflags.gz', 'kpageflags'],
      ['dirty_ring.bin', 'kvm-dirty'],
    ] as const) {
      assert.throws(
        () => recognise(Buffer.alloc(64, 0xff), path),
        (error: unknown) => error instanceof UnreadableInputError && error.hint === `by its name it may be ${id}: --format ${id}`,
      );
    }
  });

  test('a format can be forced, and an unknown one is refused with its neighbours', () => {
    assert.equal(recognise(new Uint8Array(1), 'x', 'vmgt').descriptor.id, 'vmgt');
    assert.throws(
      () => recognise(new Uint8Array(1), 'x', 'vmtg'),
      (error: unknown) => error instanceof UsageError && /vmgt/.test(error.hint!),
    );
  });

  test('no sniffer throws, whatever the bytes', () => {
    const random = new Prng('sniff');
    for (let round = 0; round < 300; round++) {
      const bytes = Uint8Array.from({ length: random.below(200) }, () => random.below(256));
      for (const ingestor of ingestors.all) assert.ok(ingestor.sniff(bytes) >= 0);
      for (const sample of Object.values(KIT_SAMPLES))
        for (const ingestor of ingestors.all) assert.ok(ingestor.sniff(sample.subarray(0, random.below(sample.length))) <= 1);
    }
  });

  test('names say segment and stream', () => {
    assert.deepEqual(['x/A.rwp.bin.gz', 'A.pagemap.bin.end.gz', 'gt.vmgt.gz', 'rwp.bin', '-'].map(segmentOf), ['A', 'A', '', '', '']);
    assert.deepEqual(['x/A.rwp.bin.gz', 'D.ftrace.txt', '-'].map(streamName), ['A.rwp', 'D.ftrace', 'stdin']);
  });
});

describe('clock map', () => {
  const map = new ClockMap();
  for (const [from, to] of [
    [0, 1000],
    [100, 1200],
    [200, 1300],
  ] as const)
    map.add(from, to);

  test('interpolates between points and goes on with the slope of the ends', () => {
    assert.deepEqual(
      [-50, 0, 50, 100, 150, 200, 300].map((ns) => map.forward(ns)),
      [900, 1000, 1100, 1200, 1250, 1300, 1400],
    );
  });
  test('goes back', () => {
    for (let ns = -100; ns < 400; ns += 2) assert.ok(Math.abs(map.back(map.forward(ns)) - ns) <= 1);
  });
  test('one point is an offset, none is identity, and steps back are refused', () => {
    const one = new ClockMap();
    assert.equal(one.forward(5), 5);
    assert.ok(one.add(10, 110));
    assert.equal(one.forward(5), 105);
    assert.equal(one.back(105), 5);
    assert.ok(!one.add(9, 120));
    assert.ok(!one.add(11, 100));
    assert.equal(one.n, 1);
  });
});

describe('quanta', () => {
  function group(times: readonly number[]): { frames: string[]; late: number } {
    const frames: string[] = [];
    const quanta = new Quanta(10, ({ t0Ns, t1Ns, nAccesses, touches }) =>
      frames.push(`${t0Ns}-${t1Ns} ${nAccesses}: ${[...touches.page.subarray(0, touches.n)].join(' ')}`),
    );
    const late = times.filter((time, i) => !quanta.add(time, i % 3, 0)).length;
    quanta.flush();
    return { frames, late };
  }
  test('each page once per quantum, in order of first touch, with the number of accesses', () => {
    assert.deepEqual(group([10, 11, 12, 13, 25]), { frames: ['10-20 4: 0 1 2', '20-30 1: 1'], late: 0 });
  });
  test('late accesses find their quantum, much later ones are refused', () => {
    assert.deepEqual(group([55, 12, 57]), { frames: ['10-20 1: 1', '50-60 2: 0 2'], late: 0 });
    assert.deepEqual(group([0, 10 * REORDER_QUANTA, 1]).late, 1);
  });
  test('a long pause writes what was held', () => {
    assert.deepEqual(group([5, 1e9]).frames.length, 2);
  });
});
