/** Dumps of one process's pagemap at several times tell which pages moved between them. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { ingestCapture } from '@workset/ingest';
import { REMAP_KINDS, type RemapKind } from '@workset/model';
import { openTrace } from '@workset/store';
import { FrameMoves, SWAPPED_OUT } from '../src/capture/frame-moves.ts';
import type { CaptureInput } from '../src/capture/inputs.ts';
import { pagemapIngestor } from '../src/formats/pagemap.ts';
import { bytesSource, collect } from './ingest-helpers.ts';
import { KIT_SAMPLES } from './kit-files.ts';

const root = mkdtempSync(join(tmpdir(), 'workset-moves-'));
after(() => rmSync(root, { recursive: true }));

const PRESENT = 1n << 63n;
const SWAPPED = 1n << 62n;
const inSwap = (type: bigint): bigint => SWAPPED | (77n << 5n) | type;
const dump = (words: readonly bigint[]): Uint8Array => new Uint8Array(BigUint64Array.from(words).buffer);

async function ingest(name: string, inputs: string, files: Readonly<Record<string, Uint8Array>>) {
  for (const [file, bytes] of Object.entries(files)) writeFileSync(join(root, `${name}.${file}`), bytes);
  const manifest = join(root, `${name}.yaml`);
  writeFileSync(manifest, inputs.replaceAll('path: ', `path: ${name}.`));
  const out = join(root, `${name}.trace`);
  const written = await ingestCapture([], { out, manifest });
  const trace = await openTrace(out);
  const { n, tNs, page, kind } = trace.remaps('gva');
  trace.close();
  const moves = Array.from({ length: n }, (_, i) => `${tNs[i]! / 1e6} ${page[i]! - 0x700} ${REMAP_KINDS[kind[i]!]}`);
  return { written, moves };
}

const FILES = {
  'gt.vmgt': KIT_SAMPLES['vmgt']!,
  'b.bin': dump([PRESENT | 10n, PRESENT | 11n, PRESENT | 12n, PRESENT | 13n, 0n, PRESENT | 15n]),
  'a.bin': dump([PRESENT | 30n, PRESENT | 21n, PRESENT | 32n, inSwap(0n), inSwap(0n), PRESENT | 35n]),
  'c.bin': dump([PRESENT | 10n, PRESENT | 21n, inSwap(1n), PRESENT | 13n, PRESENT | 14n, 0n]),
};
const input = (file: string, end: string, more = ''): string =>
  `  - { path: ${file}, format: pagemap, ranges: 0x700000-0x706000, end: ${end}${more} }\n`;

test('in the order of their times, half-way between two dumps', async () => {
  const inputs = `inputs:\n  - path: gt.vmgt\n${input('a.bin', '1012ms')}${input('b.bin', '1003ms')}${input('c.bin', '1008ms')}`;
  const { written, moves } = await ingest('three', inputs, FILES);
  assert.deepEqual(moves.toSorted(), ['1005.5 1 migrate', '1005.5 2 swap', '1010 0 migrate', '1010 3 swap', '1010 4 swap']);
  assert.equal(written.spaces.find(({ id }) => id === 'gva')!.nRemaps, 5);
  assert.deepEqual(
    written.diagnostics.filter(({ code }) => code.startsWith('pages-')).map(({ code, count }) => [code, count]),
    [
      ['pages-migrated', 1],
      ['pages-swapped', 1],
      ['pages-migrated', 1],
      ['pages-swapped', 2],
    ],
  );
});

test('dumps in which most pages differ may be of two processes: a warning says so', async () => {
  const files = { ...FILES, 'd.bin': dump([PRESENT | 40n, PRESENT | 41n, PRESENT | 42n, PRESENT | 13n]) };
  const inputs = `inputs:\n  - path: gt.vmgt\n${input('b.bin', '1003ms')}${input('d.bin', '1008ms')}`;
  const { written } = await ingest('mixed', inputs, files);
  const { count, severity } = written.diagnostics.find(({ code }) => code === 'most-pages-migrated')!;
  assert.deepEqual([count, severity], [3, 'warning']);
  const few = await ingest('few', `inputs:\n  - path: gt.vmgt\n${input('b.bin', '1003ms')}${input('c.bin', '1008ms')}`, FILES);
  assert.equal(
    few.written.diagnostics.some(({ code }) => code === 'most-pages-migrated'),
    false,
  );
});

test('dumps of other segments are of other processes; a dump without a time is compared with none', async () => {
  const inputs = `inputs:\n  - path: gt.vmgt\n${input('b.bin', '1003ms')}${input('c.bin', '1008ms', ', segment: other')}  - { path: a.bin, format: pagemap, ranges: 0x700000-0x706000 }\n`;
  const { written, moves } = await ingest('segments', inputs, FILES);
  assert.deepEqual(moves, []);
  assert.equal(written.spaces.find(({ id }) => id === 'gva')!.nRemaps, undefined);
  assert.deepEqual(
    written.diagnostics.filter(({ code }) => code === 'mapping-unused').map(({ count }) => count),
    [6],
  );
});

test('swap areas, and swap types that are none', async () => {
  const words = [inSwap(0n), inSwap(22n), inSwap(23n), inSwap(30n), inSwap(31n), PRESENT | 9n, 0n, PRESENT | SWAPPED | 5n];
  const { others } = await collect(pagemapIngestor, bytesSource(dump(words), 65_536, 'x.bin'), { vaddr: '0x700000', end: '2s' });
  const [mapping] = others.filter((batch) => batch.kind === 'mapping');
  assert.deepEqual([...mapping!.frame], [SWAPPED_OUT, SWAPPED_OUT, -1, -1, -1, 9, -1, -1]);
  assert.equal(mapping!.tNs, 2e9);
});

test('any dumps in any ranges give the moves that a page by page comparison gives', () => {
  const frames = fc.array(fc.constantFrom(-2, -1, 1, 2, 3), { minLength: 1, maxLength: 40 });
  fc.assert(
    fc.property(
      fc.array(fc.record({ start: fc.integer({ min: 480, max: 540 }), frames, of: fc.constantFrom('A', 'B') }), { maxLength: 12 }),
      (dumps) => {
        const moves = new FrameMoves();
        const last = new Map<string, number>();
        const got: [string, number, RemapKind][] = [];
        const wanted: typeof got = [];
        for (const [t, { start, frames: now, of }] of dumps.entries()) {
          const { left } = moves.take(
            { path: `dir/${t}`, segment: of } as CaptureInput,
            t,
            start,
            now.length,
            Float64Array.from(now),
            (_, page, kind) => got.push([of, page, kind]),
          );
          assert.equal(left, 0);
          for (const [i, frame] of now.entries()) {
            const before = last.get(`${of} ${start + i}`) ?? -1;
            if (before > 0 && frame === -2) wanted.push([of, start + i, 'swap']);
            if (before > 0 && frame > 0 && frame !== before) wanted.push([of, start + i, 'migrate']);
            last.set(`${of} ${start + i}`, frame);
          }
        }
        assert.deepEqual(got, wanted);
      },
    ),
  );
});
