/** The loop over plain samples against the same written plainly. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ByteWindow } from '../src/binary.ts';
import { borrowSampleMemory, fastSamples, giveBackSampleMemory, type SampleWishes } from '../src/perf/fast-samples.ts';
import { AccessOrder } from '../src/perf/order.ts';
import { rowsOf, type Columns, type RowRing } from '../src/perf/row-ring.ts';

type Row = readonly [timeNs: number, page: number, cls: number, pid: number, cpu: number];

function plainly(bytes: Uint8Array, { layout, pid: wanted, zeroIsNone, timeBaseHigh, firstPid }: SampleWishes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const rows: Row[] = [];
  const counts = { samples: 0, empty: 0, isMixed: false };
  let at = 0;
  while (at + 8 <= bytes.length && view.getUint32(at, true) === 9) {
    const size = view.getUint16(at + 6, true);
    if (size % 4 !== 0 || size < 4 * layout.minWords || at + size > bytes.length) break;
    const word = (place: number) => view.getUint32(at + 4 * place, true);
    counts.samples++;
    const pid = word(layout.tid) | 0;
    const [low, high] = [word(layout.addr), word(layout.addr + 1)];
    if (wanted < 0 || pid === wanted) {
      if (zeroIsNone && low === 0 && high === 0) counts.empty++;
      else {
        if (pid !== firstPid) counts.isMixed = true;
        const write = layout.dataSrc < 0 ? 0 : (word(layout.dataSrc) >>> 2) & 1;
        rows.push([
          (word(layout.time + 1) - timeBaseHigh) * 2 ** 32 + word(layout.time),
          high * 2 ** 20 + (low >>> 12),
          ((high >>> 31) << 1) | write,
          pid,
          layout.cpu < 0 ? -1 : word(layout.cpu) | 0,
        ]);
      }
    }
    at += size;
  }
  return { rows, counts, at };
}

function listed(pieces: readonly Columns[]): Row[] {
  return pieces.flatMap(({ timeNs, page, cls, pid, cpu }) =>
    Array.from(timeNs, (time, i) => [time, page[i]!, cls[i]!, pid[i]!, cpu[i]!] as const),
  );
}

function emptyColumns(n: number): Columns {
  return {
    timeNs: new Float64Array(n).fill(Number.NEGATIVE_INFINITY),
    page: new Float64Array(n),
    cls: new Uint8Array(n),
    pid: new Int32Array(n),
    cpu: new Int32Array(n),
  };
}

/** Makes the ring's next row go to `at`; one row is in it then. */
function turn(ring: RowRing, at: number): void {
  ring.fill(emptyColumns(at));
  ring.take(at - 1);
}

/** Reads bytes from where they lie or from a copy, into the ring or not. */
function read(bytes: Uint8Array, skew: number, wishes: SampleWishes, inPlace: boolean, ringAt: number | undefined) {
  const memory = borrowSampleMemory();
  assert(memory !== undefined && borrowSampleMemory() === undefined);
  try {
    const win = inPlace ? new ByteWindow(0, memory.input) : new ByteWindow();
    win.push(new Uint8Array(skew));
    win.start = skew;
    win.push(bytes);
    if (ringAt !== undefined) turn(memory.ring, ringAt);
    const order = new AccessOrder('gva', ringAt === undefined ? undefined : memory.ring);
    const counts = fastSamples(win, order, wishes);
    const { sorted } = order;
    const rows = listed([rowsOf(order.rows, 0, order.n), ...(ringAt === undefined ? [] : memory.ring.take(memory.ring.n))]);
    if (ringAt !== undefined) assert.equal(rows.shift()![0], Number.NEGATIVE_INFINITY);
    return { rows, counts, at: win.offset - skew, sorted };
  } finally {
    giveBackSampleMemory(memory);
  }
}

const word = fc.oneof(fc.constantFrom(0, 1, 4, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff), fc.nat(2 ** 32 - 1));
const layouts = fc
  .record({ ip: fc.boolean(), cpu: fc.boolean(), dataSrc: fc.boolean(), spare: fc.nat(3) })
  .map(({ ip, cpu, dataSrc, spare }) => {
    const tid = ip ? 4 : 2;
    const at = tid + 6 + (cpu ? 2 : 0);
    return {
      tid,
      time: tid + 2,
      addr: tid + 4,
      id: -1,
      cpu: cpu ? tid + 6 : -1,
      dataSrc: dataSrc ? at : -1,
      minWords: at + 2 * (spare + (dataSrc ? 1 : 0)),
      tail: at,
    };
  });

test('plain samples are read as they are written, up to the first record that is another', () => {
  fc.assert(
    fc.property(
      layouts,
      fc.array(
        fc.record({
          words: fc.array(word, { minLength: 24, maxLength: 24 }),
          extra: fc.nat(2),
          oddity: fc.oneof({ weight: 40, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.integer({ min: 1, max: 3 }) }),
          time: fc.nat(40),
          pid: fc.nat(2),
          isZero: fc.boolean(),
        }),
        { maxLength: 80, size: 'max' },
      ),
      fc.record({
        pid: fc.integer({ min: -1, max: 2 }),
        zeroIsNone: fc.boolean(),
        timeBaseHigh: fc.nat(2),
        skew: fc.nat(3),
        cut: fc.nat(60),
        inPlace: fc.boolean(),
        ringAt: fc.option(fc.constantFrom(1, 2, 65_500, 65_533, 65_534, 65_535, 65_536), { nil: undefined }),
        /** All samples are of one size and of the wanted process, and most have an address. */
        isAlike: fc.boolean(),
        isAscending: fc.boolean(),
        /** The one sample that is older than the one before it, of those that ascend. */
        dip: fc.option(fc.nat(20), { nil: -1 }),
      }),
      fc.oneof(fc.constant(1), fc.nat(500)),
      (layout, samples, { pid, zeroIsNone, timeBaseHigh, skew, cut, inPlace, ringAt, isAlike, isAscending, dip }, times) => {
        const records = samples.map((sample, i) => {
          const { words, oddity: given } = sample;
          const extra = isAlike ? 1 : sample.extra;
          const own = isAlike ? Math.max(pid, 0) : sample.pid;
          const time = isAscending && times < 2 ? 2 * i + 5 - (i === dip ? 3 : 0) : sample.time;
          const isZero = isAlike ? sample.isZero && i % 9 === 8 : sample.isZero;
          // long enough for several pieces: nothing odd in it
          const oddity = times > 1 ? 0 : given;
          const bytes = 4 * (layout.minWords + extra) + (oddity === 1 ? 2 : 0) - (oddity === 2 ? 4 * (extra + 1) : 0);
          const record = Uint32Array.from(words);
          record[0] = oddity === 3 ? 68 : 9;
          record[1] = (bytes << 16) | 1;
          record[layout.tid] = own;
          if (time > 0) record.set([time, 2], layout.time);
          if (isZero) record.set([0, 0], layout.addr);
          return new Uint8Array(record.buffer, 0, bytes);
        });
        const once = Buffer.concat(records);
        const all = Buffer.concat(Array.from({ length: times }, () => once));
        const bytes = all.subarray(0, Math.max(0, all.length - cut));
        const wishes = { layout, pid, zeroIsNone, timeBaseHigh, firstPid: 1 };
        const wanted = plainly(bytes, wishes);
        const sorted = wanted.rows.every(([t], i) => i === 0 || t >= wanted.rows[i - 1]![0]);
        assert.deepEqual(read(bytes, skew, wishes, inPlace, ringAt), { ...wanted, sorted });
      },
    ),
    { numRuns: 300 },
  );
});

test('samples of the largest size', () => {
  const layout = { tid: 2, time: 4, addr: 6, id: -1, cpu: -1, dataSrc: -1, minWords: 8, tail: 8 };
  const bytes = new Uint32Array((2 * 65_532) / 4);
  bytes.set([9, 65_532 << 16, 1, 1, 5, 0, 0x5000, 0]);
  bytes.set([9, 65_532 << 16, 1, 1, 6, 0, 0x6000, 0], 65_532 / 4);
  const win = new ByteWindow();
  win.push(new Uint8Array(bytes.buffer));
  const order = new AccessOrder('gva');
  const counts = fastSamples(win, order, { layout, pid: -1, zeroIsNone: false, timeBaseHigh: 0, firstPid: 1 });
  assert.deepEqual(counts, { samples: 2, empty: 0, isMixed: false });
  assert.deepEqual([...order.rows.page.subarray(0, 2)], [5, 6]);
  assert.equal(win.available, 0);
});

test('samples that fill the ring stop there, and go on when it has been emptied', () => {
  const layout = { tid: 2, time: 4, addr: 6, id: -1, cpu: -1, dataSrc: -1, minWords: 8, tail: 8 };
  const n = 66_000;
  const words = new Uint32Array(8 * n);
  for (let i = 0; i < n; i++) words.set([9, 32 << 16, 1, 1, i, 0, i << 12, 0], 8 * i);
  const win = new ByteWindow();
  win.push(new Uint8Array(words.buffer));
  const memory = borrowSampleMemory()!;
  const order = new AccessOrder('gva', memory.ring);
  const wishes = { layout, pid: -1, zeroIsNone: false, timeBaseHigh: 0, firstPid: 1 };
  const seen: number[] = [];
  for (let samples = 0; win.available > 0;) {
    samples += fastSamples(win, order, wishes).samples;
    assert.equal(order.pending, samples - seen.length);
    assert(order.full || samples === n);
    assert.equal(order.n, 0, 'nothing is copied');
    for (const { page } of order.full ? order.flushMost() : order.flush(n)) seen.push(...page);
  }
  for (const { page } of order.flush(n)) seen.push(...page);
  giveBackSampleMemory(memory);
  assert.deepEqual(
    seen,
    Array.from({ length: n }, (_, i) => i),
  );
});

test('rows come out the same with and without a ring', () => {
  const step = fc.oneof(
    // a run of rows, which may go back in time
    fc.record({ kind: fc.constant('run' as const), n: fc.integer({ min: 1, max: 2000 }), back: fc.constantFrom(0, 0, 0, 3) }),
    fc.record({ kind: fc.constantFrom('add' as const, 'round' as const, 'most' as const) }),
  );
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 60, size: 'max' }),
      fc.constantFrom(1, 40),
      fc.integer({ min: 1, max: 65_536 }),
      (steps, scale, at) => {
        const memory = borrowSampleMemory()!;
        turn(memory.ring, at);
        memory.ring.take(1);
        const orders = [new AccessOrder('gva', memory.ring), new AccessOrder('gva')];
        let now = 0;
        const out = orders.map(() => [] as number[]);
        const layout = { tid: 2, time: 4, addr: 6, id: -1, cpu: -1, dataSrc: -1, minWords: 8, tail: 8 };
        for (const each of [...steps, { kind: 'end' as const }]) {
          const limit = each.kind === 'end' ? Number.POSITIVE_INFINITY : now - 5;
          const words = new Uint32Array(each.kind === 'run' ? 8 * each.n * scale : 0);
          for (let w = 0; w < words.length; w += 8) words.set([9, 32 << 16, 1, 1, now++, 0, now << 12, 0], w);
          if (each.kind === 'run') now = Math.max(0, now - each.back);
          for (const [i, order] of orders.entries()) {
            if (each.kind === 'add') order.add(now, 7, 0, 1, 0);
            const win = new ByteWindow();
            win.push(new Uint8Array(words.buffer));
            do {
              fastSamples(win, order, { layout, pid: -1, zeroIsNone: false, timeBaseHigh: 0, firstPid: 1 });
              const isDue = order.full || (each.kind === 'most' && order.pending > 40_000);
              const given = isDue ? order.flushMost() : each.kind === 'round' || each.kind === 'end' ? order.flush(limit) : [];
              for (const { n, timeNs, page } of given) for (let r = 0; r < n; r++) out[i]!.push(timeNs[r]!, page[r]!);
            } while (win.available > 0);
          }
        }
        giveBackSampleMemory(memory);
        assert.equal(orders[0]!.pending, 0);
        assert.equal(orders[0]!.late, orders[1]!.late);
        assert.deepEqual(out[0], out[1]);
      },
    ),
    { numRuns: 30 },
  );
});

test('two readers at once: the second has its rows copied', () => {
  const memory = borrowSampleMemory();
  assert(memory !== undefined);
  assert.equal(borrowSampleMemory(), undefined);
  giveBackSampleMemory(memory);
  const again = borrowSampleMemory();
  assert(again !== undefined);
  giveBackSampleMemory(again);
});
