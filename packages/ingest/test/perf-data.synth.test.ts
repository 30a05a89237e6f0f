import assert from 'node:assert/strict';
import { test } from 'node:test';
import { constants, createZstdCompress } from 'node:zlib';
import { TraceFormatError } from '@workset/model';
import { perfDataIngestor } from '../src/formats/perf-data.ts';
import { sortedOrder } from '../src/sorted-order.ts';
import { bytesSource, collect } from './ingest-helpers.ts';
import type { Collected } from './ingest-helpers.ts';
import { nameRecord, pack, pipe, record } from './perf-synth.ts';
import type { AttrSpec } from './perf-synth.ts';

const run = (data: Uint8Array, options: Record<string, string> = {}, chunk = 4096): Promise<Collected> =>
  collect(perfDataIngestor, bytesSource(data, chunk), options);
const rejected = (result: Collected): [string, number][] => result.ctx.rejections.map(({ code, count }) => [code, count]);
const TID_TIME_ADDR = (1 << 1) | (1 << 2) | (1 << 3);
const FAULTS: AttrSpec = { type: 1, config: 2, sampleType: TID_TIME_ADDR };
const fault = (time: number | bigint, addr: number | bigint, pid = 7): Uint8Array =>
  record(
    9,
    pack([
      [4, pid],
      [4, pid],
      [8, time],
      [8, addr],
    ]),
  );
const ROUND = record(68, new Uint8Array(0), 0);
const pagesOf = (result: Collected): number[] => result.accesses.map(({ page }) => page);

test('every part of variable length is walked over to data_src and phys_addr', async () => {
  // TID TIME ADDR READ CALLCHAIN RAW BRANCH_STACK REGS_USER STACK_USER WEIGHT_STRUCT DATA_SRC TRANSACTION PHYS_ADDR
  const bits = [1, 2, 3, 4, 5, 10, 11, 12, 13, 24, 15, 17, 19];
  const attr: AttrSpec = {
    type: 4,
    config: 0x1cd,
    sampleType: bits.reduce((mask, bit) => mask | (1 << bit), 0),
    readFormat: 8 | 4 | 1,
    regsUser: 0b101n,
    branchSampleType: 1n << 17n,
  };
  const body = pack([
    [4, 7],
    [4, 7],
    [8, 1000],
    [8, 0x7f0000003abc],
    // group read: nr, time_enabled, 2 * (value, id)
    [8, 2],
    [8, 5],
    [8, 1],
    [8, 2],
    [8, 3],
    [8, 4],
    [8, 2],
    [8, 0xffffffffffffff80n],
    [8, 0x401000],
    [4, 12],
    new Uint8Array(12),
    [8, 1],
    [8, 9],
    new Uint8Array(24),
    [8, 2],
    [8, 1],
    [8, 2],
    [8, 16],
    new Uint8Array(16),
    [8, 16],
    [4, 30],
    [2, 1],
    [2, 1],
    [8, 4],
    [8, 0],
    [8, 0x12345000],
  ]);
  const data = pipe([attr], [record(9, body)]);
  const virtual = await run(data);
  assert.deepEqual(virtual.accesses, [{ space: 'gva', t: 1000, page: 0x7f0000003, cls: 1, pid: 7, cpu: -1 }]);
  assert.deepEqual(virtual.others, [{ kind: 'grade', truth: 'sampled' }]);
  const physical = await run(data, { address: 'physical' });
  assert.deepEqual(physical.accesses, [{ space: 'pfn', t: 1000, page: 0x12345, cls: 1, pid: 7, cpu: -1 }]);
});

test('counts that a record cannot hold are damage, not memory', async () => {
  const chain: AttrSpec = { ...FAULTS, sampleType: TID_TIME_ADDR | (1 << 5) | (1 << 15) };
  const head = (addr: number): Parameters<typeof pack>[0] => [
    [4, 7],
    [4, 7],
    [8, 1],
    [8, addr],
  ];
  const huge = record(9, pack([...head(0x1000), [8, 0xffffffffn], [8, 1]]));
  const wide = record(9, pack([...head(0x1000), [8, 1n << 40n], [8, 1]]));
  const good = record(9, pack([...head(0x2000), [8, 1], [8, 0x401000], [8, 4]]));
  const short = record(
    9,
    pack([
      [4, 7],
      [4, 7],
    ]),
  );
  const result = await run(pipe([chain], [huge, wide, short, good]));
  assert.deepEqual(pagesOf(result), [2]);
  assert.deepEqual(rejected(result), [['perf-bad-sample', 3]]);
  const raw: AttrSpec = { type: 2, config: 5, sampleType: (1 << 1) | (1 << 2) | (1 << 10), ids: [1] };
  const rawSample = (size: number): Uint8Array => record(9, pack([[4, 7], [4, 7], [8, 1], [4, size], new Uint8Array(36)]));
  const faults = await run(pipe([raw], [nameRecord(1, 'exceptions:page_fault_user'), rawSample(36), rawSample(1000), rawSample(4)]));
  assert.equal(faults.accesses.length, 1);
  assert.deepEqual(rejected(faults), [['perf-bad-sample', 2]]);
});

test('attrs of 64 bytes and of kernels to come', async () => {
  for (const size of [64, 72, 96, 136]) {
    assert.deepEqual(pagesOf(await run(pipe([{ ...FAULTS, size }], [fault(1, 0x5000)]))), [5]);
  }
  await assert.rejects(run(pipe([{ ...FAULTS, size: 40 }], [fault(1, 0x5000)])), TraceFormatError);
});

test('records of odd size shift what follows', async () => {
  for (const extra of [1, 2, 3, 4, 6]) {
    const result = await run(pipe([FAULTS], [fault(1, 0x1000), record(200, new Uint8Array(extra)), fault(2, 0x2000), fault(3, 0x3000)]));
    assert.deepEqual(pagesOf(result), [1, 2, 3]);
    assert.deepEqual(rejected(result), [['perf-unknown-record', 1]]);
  }
});

test('times beyond 2^53 ns keep every nanosecond', async () => {
  const start = 1748191726781395201n;
  const result = await run(pipe([{ ...FAULTS, clockId: 0 }], [fault(start, 0x1000), fault(start + 7n, 0x2000)]));
  const [a, b] = result.accesses;
  assert.equal(b!.t - a!.t, 7);
  const sync = result.others.find((batch) => batch.kind === 'sync');
  assert.ok(sync?.kind === 'sync' && sync.clock === 'realtime');
  assert.equal(BigInt(sync.otherNs) + BigInt(a!.t), start);
});

test('kvm_page_fault of old and new kernels', async () => {
  const attr: AttrSpec = { type: 2, config: 5, sampleType: (1 << 1) | (1 << 2) | (1 << 10), ids: [1] };
  const sample = (payload: Uint8Array): Uint8Array =>
    record(9, pack([[4, 7], [4, 7], [8, 1], [4, payload.length], payload, new Uint8Array((8 - ((payload.length + 4) % 8)) % 8)]));
  const now = pack([
    [8, 0],
    [4, 5],
    [4, 0],
    [8, 0x7f08a4602116],
    [8, 0x113600002],
    [8, 0x182],
    [4, 0],
  ]);
  const old = pack([
    [8, 0],
    [8, 0x84d000],
    [8, 4],
    [4, 0],
  ]);
  const result = await run(pipe([attr], [nameRecord(1, 'kvm:kvm_page_fault'), sample(now), sample(old), sample(new Uint8Array(60))]));
  assert.deepEqual(
    result.accesses.map(({ space, page, cls }) => [space, page, cls]),
    [
      ['gpa', 0x113600, 1],
      ['gpa', 0x84d, 0],
    ],
  );
  assert.deepEqual(rejected(result), [['perf-bad-sample', 1]]);
});

test('entries of the second MMU, and stage-2 faults of arm64', async () => {
  const attr = (config: number): AttrSpec => ({ type: 2, config, sampleType: (1 << 1) | (1 << 2) | (1 << 10) | (1 << 16), ids: [config] });
  const sample = (id: number, fields: Parameters<typeof pack>[0]): Uint8Array => {
    const payload = pack([[8, 0], ...fields]);
    return record(
      9,
      pack([[8, id], [4, 7], [4, 7], [8, 1], [4, payload.length], payload, new Uint8Array((8 - ((payload.length + 4) % 8)) % 8)]),
    );
  };
  const changed = (gfn: number, before: bigint, after: bigint, level = 1): Uint8Array =>
    sample(2, [
      [8, gfn],
      [8, before],
      [8, after],
      [1, level],
      [1, 0],
      [2, 0],
    ]);
  const empty = 1n << 63n;
  const present = 0x600000010bc97b77n;
  const result = await run(
    pipe(
      [attr(1), attr(2), attr(3)],
      [
        nameRecord(1, 'kvmmmu:kvm_mmu_spte_requested'),
        nameRecord(2, 'kvmmmu:kvm_tdp_mmu_spte_changed'),
        nameRecord(3, 'kvm:kvm_guest_fault'),
        sample(1, [
          [8, 0x1f2a3],
          [8, 0x4a2b1],
          [4, 2],
        ]),
        changed(0x100, empty, present),
        changed(0x101, 0n, present),
        changed(0x102, present, empty),
        changed(0x103, empty, present, 2),
        sample(3, [
          [8, 0x40085978],
          [8, 0x92000045],
          [8, 0x8000420],
          [8, 0x84d123],
          [4, 0],
        ]),
      ],
    ),
  );
  assert.deepEqual(
    result.accesses.map(({ space, page, cls }) => [space, page, cls]),
    [
      ['gpa', 0x1f2a3, 0],
      ['gpa', 0x100, 0],
      ['gpa', 0x101, 0],
      ['gpa', 0x84d, 1],
    ],
  );
  assert.deepEqual(rejected(result), [['other-event', 2]]);
});

/** One zstd stream, flushed behind each piece. */
async function zstdPieces(pieces: readonly Uint8Array[]): Promise<Uint8Array[]> {
  const encoder = createZstdCompress();
  const out: Buffer[] = [];
  encoder.on('data', (piece: Buffer) => out.push(piece));
  const flushed: Uint8Array[] = [];
  for (const piece of pieces) {
    await new Promise((resolve) => encoder.write(piece, resolve));
    await new Promise<void>((resolve) => encoder.flush(constants.ZSTD_e_flush, () => resolve()));
    while (encoder.read() !== null);
    flushed.push(new Uint8Array(Buffer.concat(out.splice(0))));
  }
  encoder.destroy();
  return flushed;
}

test('compressed records: an event may straddle two of them, COMPRESSED2 sizes may have wrapped', async () => {
  const plain = Buffer.concat([fault(1, 0x1000), fault(2, 0x2000), fault(3, 0x3000)]);
  const pieces = await zstdPieces([plain.subarray(0, 45), plain.subarray(45)]);
  const one = await run(pipe([FAULTS], [...pieces.map((piece) => record(81, piece)), fault(4, 0x4000)]));
  assert.deepEqual(pagesOf(one), [1, 2, 3, 4]);
  const padded = (piece: Uint8Array): Uint8Array =>
    Uint8Array.from([...pack([[8, piece.length]]), ...piece, ...new Uint8Array((8 - (piece.length % 8)) % 8)]);
  for (const size of [undefined, 0]) {
    const two = await run(pipe([FAULTS], [...pieces.map((piece) => record(83, padded(piece), 0, size)), fault(4, 0x4000)]));
    assert.deepEqual(pagesOf(two), [1, 2, 3, 4]);
    assert.deepEqual(rejected(two), []);
  }
  const absurd = await run(pipe([FAULTS], [fault(1, 0x1000), record(83, pack([[8, 1n << 40n]]))]));
  assert.deepEqual(rejected(absurd), [['perf-corrupt', 1]]);
  const tail = await run(pipe([FAULTS], [record(81, pieces[0]!)]));
  assert.deepEqual(rejected(tail), [['perf-truncated', 1]]);
});

test('a compressed record that expands without end is stopped', async () => {
  const [bomb] = await zstdPieces([new Uint8Array(300 << 20)]);
  const result = await run(pipe([FAULTS], [fault(1, 0x1000), record(81, bomb!.subarray(0, 65000))]));
  assert.deepEqual(pagesOf(result), [1]);
  assert.ok(result.ctx.rejections.length > 0);
});

test('samples of several events are told apart by id', async () => {
  const withId = TID_TIME_ADDR | (1 << 16);
  const sample = (id: number, addr: number): Uint8Array =>
    record(
      9,
      pack([
        [8, id],
        [4, 7],
        [4, 7],
        [8, addr],
        [8, addr],
      ]),
    );
  const attrs: AttrSpec[] = [
    { type: 1, config: 2, sampleType: withId, ids: [10, 11] },
    { type: 4, config: 1, sampleType: withId, ids: [20], period: 1000 },
  ];
  const result = await run(pipe(attrs, [sample(11, 0x1000), sample(20, 0x2000), sample(99, 0x3000), sample(20, 0)]));
  assert.deepEqual(pagesOf(result), [1, 2]);
  assert.deepEqual(
    rejected(result),
    [
      ['perf-no-address', 1],
      ['perf-unknown-event', 1],
    ].sort(),
  );
  assert.deepEqual(result.others, [{ kind: 'grade', truth: 'sampled' }]);
  const none = await run(pipe([FAULTS, FAULTS], [fault(1, 0x1000)]));
  assert.deepEqual(rejected(none), [['perf-unknown-event', 1]]);
});

test('the event that carries side-band records does not make faults a sample', async () => {
  const withId = TID_TIME_ADDR | (1 << 16);
  const sample = record(
    9,
    pack([
      [8, 10],
      [4, 7],
      [4, 7],
      [8, 1],
      [8, 0x1000],
    ]),
  );
  const faults: AttrSpec = { type: 1, config: 2, sampleType: withId, ids: [10], period: 1 };
  const dummy: AttrSpec = { type: 1, config: 9, sampleType: withId, ids: [20], period: 1 };
  assert.deepEqual((await run(pipe([faults, dummy], [sample]))).others, [{ kind: 'grade', truth: 'faults' }]);
  assert.deepEqual((await run(pipe([{ ...faults, period: 100 }, dummy], [sample]))).others, [{ kind: 'grade', truth: 'sampled' }]);
});

test('FINISHED_ROUND: what came before the last but one is in order', async () => {
  const cpu0 = [1, 3, 5, 7].map((t) => fault(t, t * 4096));
  const cpu1 = [2, 4, 6, 8].map((t) => fault(t, t * 4096));
  const round1 = [...cpu0.slice(0, 2), ...cpu1.slice(0, 2), ROUND];
  const round2 = [...cpu0.slice(2), ...cpu1.slice(2), ROUND];
  const result = await run(pipe([FAULTS], [...round1, ...round2, fault(9, 9 * 4096)]));
  assert.deepEqual(pagesOf(result), [1, 2, 3, 4, 5, 6, 7, 8, 9]);
  const late = await run(pipe([FAULTS], [fault(5, 0x5000), ROUND, fault(6, 0x6000), ROUND, fault(1, 0x1000)]));
  assert.deepEqual(pagesOf(late), [5, 1, 6]);
  assert.deepEqual(rejected(late), [['perf-out-of-order', 1]]);
});

test('more samples than are kept pending come out whole', async () => {
  const n = 300_000;
  const one = fault(0, 0x1000);
  const records = new Uint8Array(one.length * n);
  const view = new DataView(records.buffer);
  for (let i = 0; i < n; i++) {
    records.set(one, i * one.length);
    view.setUint32(i * one.length + 16, i, true);
  }
  const result = await run(Uint8Array.from(Buffer.concat([pipe([FAULTS], []), records])), {}, 1 << 20);
  assert.equal(result.accesses.length, n);
  assert.ok(result.accesses.every(({ t }, i) => t === i));
  assert.equal(result.ctx.accepted, n);
});

test('losses, payloads behind records, kernel addresses', async () => {
  const lost = record(
    2,
    pack([
      [8, 1],
      [8, 40],
    ]),
  );
  const lostSamples = record(13, pack([[8, 2]]));
  const auxtrace = Buffer.concat([record(71, pack([[8, 24], new Uint8Array(32)])), new Uint8Array(24)]);
  const result = await run(pipe([FAULTS], [lost, lostSamples, auxtrace, fault(1, 0xffffffff81000000n)]), {}, 3);
  assert.equal(result.ctx.lostCount, 42);
  assert.deepEqual(
    result.accesses.map(({ page, cls }) => [page, cls]),
    [[Number(0xffffffff81000000n >> 12n), 2]],
  );
  const cut = await run(pipe([FAULTS], [fault(1, 0x1000), auxtrace.subarray(0, 50)]));
  assert.deepEqual(rejected(cut), [['perf-truncated', 1]]);
});

test('sortedOrder is a stable sort', () => {
  let seed = 1;
  const key = Float64Array.from({ length: 1000 }, () => (seed = (seed * 48271) % 2147483647) % 50);
  const expected = Array.from(key, (_, i) => i).sort((a, b) => key[a]! - key[b]! || a - b);
  assert.deepEqual([...sortedOrder(key, key.length)], expected);
  assert.deepEqual([...sortedOrder(key, 0)], []);
});
