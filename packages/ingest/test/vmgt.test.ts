import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { TraceFormatError, type IngestBatch } from '@workset/model';
import { sourceOfBytes } from '@workset/ingest';
import { vmgtIngestor } from '../src/formats/vmgt.ts';
import { readPlainBatches, type PlainBatch } from '../src/read-batches.ts';
import { recorder, type Recorder } from './ingest-helpers.ts';
import { ARENA_PAGE, KIT_SAMPLES, vmgtFile, type VmgtFrame, type VmgtHeader } from './kit-files.ts';

type Touches = Extract<IngestBatch, { kind: 'touches' }>;

async function read(bytes: Uint8Array, context: Recorder = recorder(), chunk?: number): Promise<PlainBatch[]> {
  const batches: PlainBatch[] = [];
  for await (const batch of readPlainBatches(vmgtIngestor, sourceOfBytes('gt.vmgt', bytes, chunk), context)) batches.push(batch);
  return batches;
}

/** Touches of a space as "quantum start in ms: page+class …", r w for user, R W for the kernel. */
function touches(batches: readonly IngestBatch[], space: string): string[] {
  return batches
    .filter((batch): batch is Touches => batch.kind === 'touches' && batch.space === space)
    .map(({ t0Ns, page, cls }) => `${t0Ns / 1e6}: ${[...page].map((p, i) => `${p}${'rwRW'[cls[i]!]}`).join(' ')}`);
}

test('a record becomes one touch per class in gpa, and user classes in gva', async () => {
  const batches = await read(KIT_SAMPLES['vmgt']!);
  assert.deepEqual(touches(batches, 'gpa'), ['2: 3r 4w 4W 600R', '2: 4r 4w', '9: 0r 70000r 70000w 70000R 70000W']);
  assert.deepEqual(touches(batches, 'gva'), [
    `2: ${ARENA_PAGE}r ${ARENA_PAGE + 1}w`,
    `2: ${ARENA_PAGE + 1}r ${ARENA_PAGE + 1}w`,
    `9: 1r ${0x7fffffff123}r ${0x7fffffff123}w`,
  ]);
});

test('markers become sync points (tick = 2^shift ns), spans and named instants', async () => {
  const batches = (await read(KIT_SAMPLES['vmgt']!)).filter(({ kind }) => kind !== 'touches');
  assert.deepEqual(batches, [
    { kind: 'machine', vcpus: 1 },
    { kind: 'sync', tNs: 2_000_000, clock: 'guest-monotonic', otherNs: 1_000_000_000 },
    { kind: 'span', edge: 'begin', tNs: 2_000_000, label: '1' },
    { kind: 'sync', tNs: 2_500_000, clock: 'guest-monotonic', otherNs: 1_000_500_000 },
    { kind: 'marker', tNs: 2_500_000, code: 16, label: 'phase 0' },
    { kind: 'sync', tNs: 20_000_000, clock: 'guest-monotonic', otherNs: 1_018_000_000 },
    { kind: 'span', edge: 'end', tNs: 20_000_000, label: '1' },
  ]);
});

const QUANTUM: VmgtFrame = {
  tag: 'Q',
  q: 1,
  records: [
    { pfn: 200, flags: 1, vpn: 5000 },
    { pfn: 90_000, flags: 34, vpn: 4000 },
  ],
};

test('times and CPU masks are read over', async () => {
  const header: VmgtHeader = { options: 1, ncpu: 4 };
  assert.deepEqual(touches(await read(vmgtFile([QUANTUM, { tag: 'E', records: 2 }], header)), 'gpa'), ['1: 200r 90000w 90000R']);
});

test('a virtual page that two frames share in one quantum is one touch', async () => {
  const records = [
    { pfn: 1, flags: 1, vpn: 77 },
    { pfn: 2, flags: 2, vpn: 77 },
    { pfn: 3, flags: 1, vpn: 78 },
  ];
  assert.deepEqual(
    touches(
      await read(
        vmgtFile([
          { tag: 'Q', q: 0, records },
          { tag: 'E', records: 3 },
        ]),
      ),
      'gva',
    ),
    ['0: 77r 77w 78r'],
  );
});

test('virtual pages that are far apart, by whole blocks too, are told apart; damage to their number is refused', async () => {
  const far = [0, 512, 512 * 40_000 + 5, 512 * 40_000 + 5 + 512 * 4096, 0x7fffffff000, 0x7fffffff000 - 512 * 4096, 511, 512, 0];
  const records = far.map((vpn, i) => ({ pfn: 2 * i, flags: i % 2 === 0 ? 1 : 2, vpn }));
  const frames: VmgtFrame[] = Array.from({ length: 150 }, (_, q) => ({ tag: 'Q', q, records }));
  const lines = touches(await read(vmgtFile([...frames, { tag: 'E', records: 150 * records.length }])), 'gva');
  assert.equal(lines.length, 150);
  const expected = far
    .slice(0, 7)
    .map((vpn, i) => `${vpn}${i % 2 === 0 ? 'r' : 'w'}`)
    .join(' ');
  // The second time page 512 is written again (known), page 0 read again (known).
  for (const [q, line] of lines.entries()) assert.equal(line, `${q}: ${expected}`);
  await assert.rejects(read(vmgtFile([{ tag: 'Q', q: 0, records: [{ pfn: 1, flags: 1, vpn: 2 ** 50 }] }])), TraceFormatError);
});

test('a virtual page below 0 is refused, among plain records too', async () => {
  const walk = Array.from({ length: 100 }, (_, i) => ({ pfn: i, flags: 1, vpn: 10 + i }));
  for (const vpn of [-1, -512, -(2 ** 30)]) {
    const damaged = walk.map((record, i) => (i === 50 ? { ...record, vpn } : record));
    const file = vmgtFile([
      { tag: 'Q', q: 0, records: walk },
      { tag: 'Q', q: 1, records: damaged },
      { tag: 'E', records: 200 },
    ]);
    await assert.rejects(read(file), (error) => error instanceof TraceFormatError && error.message.includes(`virtual page ${vpn}`));
  }
});

test('any records in any chunks give what a plain reader gives', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(
        fc.array(
          fc.record({
            gap: fc.oneof(fc.integer({ min: 1, max: 200 }), fc.integer({ min: 1, max: 3_000_000 })),
            flags: fc.integer({ min: 1, max: 63 }),
            vpn: fc.oneof(fc.integer({ min: 0, max: 2000 }), fc.integer({ min: 0, max: 2 ** 35 })),
          }),
          { maxLength: 60 },
        ),
        { maxLength: 12 },
      ),
      fc.integer({ min: 1, max: 100 }),
      async (quanta, chunk) => {
        const frames: VmgtFrame[] = quanta.map((records, q) => {
          let pfn = -1;
          return { tag: 'Q', q, records: records.map(({ gap, flags, vpn }) => ({ pfn: (pfn += gap), flags, vpn })) };
        });
        const n = quanta.reduce((sum, records) => sum + records.length, 0);
        const got: string[] = [];
        for (const batch of await read(vmgtFile([...frames, { tag: 'E', records: n }]), recorder(), chunk)) {
          if (batch.kind === 'touches')
            for (let i = 0; i < batch.n; i++) got.push(`${batch.space} ${batch.t0Ns / 1e6} ${batch.page[i]} ${batch.cls[i]}`);
        }
        const wanted = new Set<string>();
        for (const frame of frames) {
          if (frame.tag !== 'Q') continue;
          for (const { pfn, flags, vpn } of frame.records) {
            const user = [...((flags & 5) !== 0 ? [0] : []), ...((flags & 2) !== 0 ? [1] : [])];
            const kernel = [...((flags & 40) !== 0 ? [2] : []), ...((flags & 16) !== 0 ? [3] : [])];
            for (const cls of [...user, ...kernel]) wanted.add(`gpa ${frame.q} ${pfn} ${cls}`);
            for (const cls of user) wanted.add(`gva ${frame.q} ${vpn} ${cls}`);
          }
        }
        assert.deepEqual(got.toSorted(), [...wanted].sort());
      },
    ),
    { numRuns: 200 },
  );
});

test('walks through memory, over the ends of blocks and over one another', async () => {
  const walk = fc.record({
    gap: fc.integer({ min: 1, max: 3 }),
    vpn: fc.integer({ min: 0, max: 3000 }),
    length: fc.integer({ min: 1, max: 700 }),
    flags: fc.constantFrom(1, 2, 3, 5, 7, 9, 18, 8, 32),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(walk, { maxLength: 6 }), { maxLength: 4 }),
      fc.integer({ min: 50, max: 5000 }),
      async (quanta, chunk) => {
        const wanted: string[][] = [];
        const frames: VmgtFrame[] = quanta.map((walks, q) => {
          let pfn = 500;
          const gpa: string[] = [];
          const gva = new Set<string>();
          const records = walks.flatMap(({ gap, vpn, length, flags }) => {
            pfn += gap;
            return Array.from({ length }, (_, i) => {
              const page = vpn + i;
              const user = [...((flags & 5) !== 0 ? ['r'] : []), ...((flags & 2) !== 0 ? ['w'] : [])];
              const kernel = [...((flags & 40) !== 0 ? ['R'] : []), ...((flags & 16) !== 0 ? ['W'] : [])];
              for (const c of [...user, ...kernel]) gpa.push(`${pfn}${c}`);
              for (const c of user) gva.add(`${page}${c}`);
              return { pfn: pfn++, flags, vpn: page };
            });
          });
          wanted.push(gpa, [...gva].sort());
          return { tag: 'Q', q, records };
        });
        const total = frames.reduce((sum, frame) => sum + (frame.tag === 'Q' ? frame.records.length : 0), 0);
        const got = quanta.flatMap((): [string[], string[]] => [[], []]);
        for (const batch of await read(vmgtFile([...frames, { tag: 'E', records: total }]), recorder(), chunk)) {
          if (batch.kind !== 'touches') continue;
          const { page, cls } = batch;
          got[2 * (batch.t0Ns / 1e6) + (batch.space === 'gva' ? 1 : 0)] = Array.from(page, (p, i) => `${p}${'rwRW'[cls[i]!]}`);
        }
        assert.deepEqual(
          got.map((list, i) => (i % 2 === 1 ? list.toSorted() : list)),
          wanted,
        );
      },
    ),
    { numRuns: 100 },
  );
});

test('blocks are numbered alike however the bytes arrive, and none is numbered that is not touched', async () => {
  const record = fc.record({
    gap: fc.integer({ min: 1, max: 4000 }),
    flags: fc.constantFrom(1, 3, 8),
    vpn: fc.integer({ min: 0, max: 2 ** 33 }),
  });
  await fc.assert(
    // longer than what the reader waits for before it tries a frame again
    fc.asyncProperty(fc.array(fc.array(record, { minLength: 400, maxLength: 900 }), { minLength: 2, maxLength: 4 }), async (quanta) => {
      const frames: VmgtFrame[] = quanta.map((records, q) => {
        let pfn = -1;
        return { tag: 'Q', q, records: records.map(({ gap, flags, vpn }) => ({ pfn: (pfn += gap), flags, vpn })) };
      });
      const total = quanta.reduce((sum, records) => sum + records.length, 0);
      const bytes = vmgtFile([...frames, { tag: 'E', records: total }]);
      const lists: string[] = [];
      for (const chunk of [bytes.length, 1, 64]) {
        const seen: unknown[] = [];
        for await (const batch of vmgtIngestor.ingest(sourceOfBytes('gt.vmgt', bytes, chunk), recorder())) {
          if (batch.kind !== 'quanta') continue;
          const { touch, blocks } = batch.coded;
          seen.push([batch.space, [...touch.subarray(0, batch.end[batch.n - 1])], [...blocks]]);
        }
        lists.push(JSON.stringify(seen));
        const touched = new Map<string, Set<number>>();
        const all = frames.flatMap((frame) => (frame.tag === 'Q' ? frame.records : []));
        touched.set('gpa', new Set(all.map(({ pfn }) => Math.floor(pfn / 512))));
        touched.set('gva', new Set(all.filter(({ flags }) => (flags & 7) !== 0).map(({ vpn }) => Math.floor(vpn! / 512))));
        for (const space of ['gpa', 'gva']) {
          const last = seen.findLast((each) => (each as [string])[0] === space) as [string, number[], number[]] | undefined;
          if (last !== undefined) assert.deepEqual(new Set(last[2]), touched.get(space));
        }
      }
      assert.equal(new Set(lists).size, 1);
    }),
    { numRuns: 25 },
  );
});

test('a quantum of many pages is kept whole', async () => {
  const records = Array.from({ length: 50_000 }, (_, i) => ({ pfn: 3 * i, flags: 1, vpn: 1_000_000 - i }));
  const batches = await read(
    vmgtFile([
      { tag: 'Q', q: 0, records },
      { tag: 'E', records: records.length },
    ]),
  );
  for (const space of ['gpa', 'gva'] as const) {
    const [only] = batches.filter((batch): batch is Touches => batch.kind === 'touches' && batch.space === space);
    assert.deepEqual(
      [...only!.page],
      records.map(({ pfn, vpn }) => (space === 'gpa' ? pfn : vpn)),
    );
  }
});

test('small quanta, large ones and empty ones in turn are told apart', async () => {
  const sizes = [3, 0, 20_000, 1, 0, 0, 16_000, 16_000, 700, 16_384, 16_385, 2, 9000, 9000, 9000];
  const frames = sizes.map((size, q): VmgtFrame => {
    const records = Array.from({ length: size }, (_, i) => ({ pfn: 7 * q + 2 * i, flags: i % 3 === 0 ? 27 : 1, vpn: 5000 * q + i }));
    return { tag: 'Q', q, records };
  });
  for (const chunk of [1 << 20, 5000]) {
    const batches = await read(vmgtFile([...frames, { tag: 'E', records: sizes.reduce((a, b) => a + b) }]), recorder(), chunk);
    const wanted = sizes.flatMap((size, q) => {
      const all = Math.ceil(size / 3);
      return [`gpa ${q}: ${size + 3 * all}`, ...(size > 0 ? [`gva ${q}: ${size + all}`] : [])];
    });
    const touched = batches.filter((batch): batch is Touches => batch.kind === 'touches');
    assert.deepEqual(touched.map(({ space, t0Ns, n }) => `${space} ${t0Ns / 1e6}: ${n}`).toSorted(), wanted.toSorted());
    for (const { space, t0Ns, n, page } of touched) {
      const q = t0Ns / 1e6;
      const last = space === 'gpa' ? 7 * q + 2 * (sizes[q]! - 1) : 5000 * q + sizes[q]! - 1;
      if (n > 0) assert.equal(page[n - 1], last);
    }
  }
});

test('more empty quanta than are handed on at once', async () => {
  const frames = Array.from({ length: 10_000 }, (_, q): VmgtFrame => ({ tag: 'Q', q, records: [] }));
  const batches = await read(vmgtFile([...frames, { tag: 'E', records: 0 }]));
  assert.deepEqual(
    batches.flatMap((batch) => (batch.kind === 'touches' ? [batch.t0Ns / 1e6] : [])),
    frames.map((_, q) => q),
  );
});

test('frames beyond the table of blocks are read as the others are', async () => {
  const pfns = [5, 2 ** 27 - 1, 2 ** 27, 2 ** 27 + 513, 2 ** 31 - 1];
  const records = pfns.map((pfn, i) => ({ pfn, flags: 1, vpn: i }));
  const frames = [0, 1].map((q): VmgtFrame => ({ tag: 'Q', q, records }));
  const batches = await read(vmgtFile([...frames, { tag: 'E', records: 2 * pfns.length }]));
  assert.deepEqual(
    touches(batches, 'gpa'),
    [0, 1].map((q) => `${q}: ${pfns.map((pfn) => `${pfn}r`).join(' ')}`),
  );
});

test('totals that differ, and a file without totals, are counted', async () => {
  const wrong = recorder();
  await read(vmgtFile([QUANTUM, { tag: 'E', records: 3 }]), wrong);
  assert.deepEqual(
    wrong.rejections.map(({ code, severity }) => [code, severity]),
    [['totals-differ', 'error']],
  );
  const without = recorder();
  await read(vmgtFile([QUANTUM]), without);
  assert.deepEqual(
    without.rejections.map(({ code }) => code),
    ['no-totals'],
  );
});

const damaged: [string, Uint8Array, RegExp][] = [
  ['cut inside a quantum', vmgtFile([QUANTUM]).subarray(0, -1), /truncated/],
  ['an unknown tag', Uint8Array.from([...vmgtFile([]), 0x5a]), /unknown frame tag 0x5a/],
  [
    'a page twice',
    vmgtFile([
      {
        tag: 'Q',
        q: 0,
        records: [
          { pfn: 4, flags: 8 },
          { pfn: 4, flags: 8 },
        ],
      },
    ]),
    /twice/,
  ],
  ['a record without access', vmgtFile([{ tag: 'Q', q: 0, records: [{ pfn: 4, flags: 0 }] }]), /flags 0x0/],
  ['time that goes back', vmgtFile([QUANTUM, { ...QUANTUM, q: 0 }]), /quantum 0 follows quantum 1/],
  ['another page size', vmgtFile([], { pageShift: 14 }), /page shift 14/],
  ['a count that no file can hold', Uint8Array.from([...vmgtFile([]), 0x51, 0, 0, 255, 255, 255, 255, 255, 255, 127, 1, 8]), /truncated/],
];
for (const [what, bytes, message] of damaged) {
  test(`${what} is refused with its place`, async () => {
    await assert.rejects(
      read(bytes),
      (error: unknown) =>
        error instanceof TraceFormatError &&
        message.test(error.message) &&
        error.place.file === 'gt.vmgt' &&
        error.place.byteOffset !== undefined,
    );
  });
}
