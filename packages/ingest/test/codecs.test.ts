/** Compressed inputs: what the ordinary tools write is read, cut and damaged files are said to be so. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { Prng, TraceFormatError, WorksetError } from '@workset/model';
import { inspectFile, openSource } from '@workset/ingest';
import { Xxh32 } from '../src/codecs/xxh32.ts';

const root = mkdtempSync(join(tmpdir(), 'workset-codecs-'));
after(() => rmSync(root, { recursive: true }));

const random = new Prng('codecs');
const lines = ['time_ns,gva,op'];
for (let i = 0; i < 20_000; i++)
  lines.push(`${i * 1000},0x7f${(random.below(1 << 20) * 4096).toString(16).padStart(10, '0')},${random.below(2) === 0 ? 'r' : 'w'}`);
const PLAIN = Buffer.from(`${lines.join('\n')}\n`);

/** Output of a command line tool, undefined when the machine has none. */
function tool(name: string, args: readonly string[]): Buffer | undefined {
  try {
    return execFileSync(name, args, { input: PLAIN, maxBuffer: 1 << 28, stdio: ['pipe', 'pipe', 'ignore'] });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

const CASES: readonly (readonly [name: string, compression: string, packed: () => Buffer | undefined])[] = [
  ['gzip', 'gzip', () => gzipSync(PLAIN)],
  ['zstd', 'zstd', () => zstdCompressSync(PLAIN)],
  ['xz', 'xz', () => tool('xz', ['-zc'])],
  ['bzip2', 'bzip2', () => tool('bzip2', ['-zc', '-1'])],
  ['lz4', 'lz4', () => tool('lz4', ['-zc'])],
  ['lz4, linked blocks', 'lz4', () => tool('lz4', ['-zc', '-BD', '-B4'])],
  ['lz4, block sums and size', 'lz4', () => tool('lz4', ['-zc', '-BX', '-B5', '-9'])],
  ['lz4, no sums', 'lz4', () => tool('lz4', ['-zc', '--no-frame-crc'])],
  ['lz4, legacy', 'lz4', () => tool('lz4', ['-zc', '-l'])],
];

async function unpack(path: string): Promise<{ compression: string; bytes: Buffer }> {
  const source = await openSource(path);
  try {
    const pieces: Buffer[] = [];
    for await (const chunk of source.chunks()) pieces.push(Buffer.from(chunk));
    await source.finish();
    return { compression: source.compression, bytes: Buffer.concat(pieces) };
  } finally {
    source.close();
  }
}

for (const [name, compression, pack] of CASES) {
  const packed = pack();
  describe(name, { skip: packed === undefined ? `no ${compression} on this machine` : false }, () => {
    const path = join(root, `${name.replaceAll(/\W+/g, '-')}.bin`);
    const write = (bytes: Uint8Array): string => {
      writeFileSync(path, bytes);
      return path;
    };

    test('one that was only looked at does not keep others from being read', async () => {
      for (let i = 0; i < 3; i++) (await openSource(write(packed!))).close();
      assert.ok((await unpack(path)).bytes.equals(PLAIN));
    });

    test('is unpacked on the way', async () => {
      const { compression: found, bytes } = await unpack(write(packed!));
      assert.equal(found, compression);
      assert.ok(bytes.equals(PLAIN));
      const info = await inspectFile(path);
      assert.deepEqual(
        [info.format, info.records, info.compression, info.sizeBytes],
        ['csv', lines.length - 1, compression, packed!.length],
      );
    });

    test('two in one file are one', async () => {
      assert.ok((await unpack(write(Buffer.concat([packed!, packed!])))).bytes.equals(Buffer.concat([PLAIN, PLAIN])));
    });

    test('a cut file is truncated, at any place', async () => {
      for (const share of [0.2, 0.5, 0.9, 0.999]) {
        const cut = write(packed!.subarray(0, Math.floor(packed!.length * share)));
        await assert.rejects(
          unpack(cut),
          (error: unknown) => error instanceof TraceFormatError && error.place.file === path && error.hint !== undefined,
          `cut at ${share}`,
        );
      }
    });

    test('damage ends in a typed error, or in other bytes where the format has no sums', { timeout: 30_000 }, async () => {
      let failed = 0;
      for (let round = 0; round < 12; round++) {
        const damaged = Buffer.from(packed!);
        const at = 20 + random.below(damaged.length - 40);
        damaged[at]! ^= 1 + random.below(255);
        try {
          await unpack(write(damaged));
        } catch (error) {
          assert.ok(error instanceof WorksetError, String((error as Error).stack));
          failed++;
        }
      }
      const hasSums = !/legacy|no sums/.test(name) && name !== 'zstd';
      if (hasSums) assert.equal(failed, 12);
    });
  });
}

test('xxHash-32 of known texts', () => {
  // values of the reference implementation (xxhsum -H32)
  assert.deepEqual(
    ['', 'a', 'abc', 'Nobody inspects the spammish repetition'].map((text) => Xxh32.of(Buffer.from(text)).toString(16)),
    ['2cc5d05', '550d7456', '32d153ff', 'e2293b2f'],
  );
  const whole = new Xxh32().update(PLAIN).digest();
  const pieces = new Xxh32();
  for (let i = 0; i < PLAIN.length; i += 7) pieces.update(PLAIN.subarray(i, i + 7));
  assert.equal(pieces.digest(), whole);
});
