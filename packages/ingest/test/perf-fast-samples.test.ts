/** The loop over plain samples against the same written plainly. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ByteWindow } from '../src/binary.ts';
import { fastSamples, type SampleWishes } from '../src/perf/fast-samples.ts';
import { AccessOrder } from '../src/perf/order.ts';

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
      }),
      fc.nat(4000),
      (layout, samples, { pid, zeroIsNone, timeBaseHigh, skew, cut }, times) => {
        const records = samples.map(({ words, extra, oddity: given, time, pid: own, isZero }) => {
          // long enough for several pieces: nothing odd in it
          const oddity = times > 1 ? 0 : given;
          const bytes = 4 * (layout.minWords + extra) + (oddity === 1 ? 2 : 0) - (oddity === 2 ? 4 * (extra + 1) : 0);
          const record = Uint32Array.from(words.slice(0, (bytes + 3) >> 2));
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
        const win = new ByteWindow(0, 4 * bytes.length + 8);
        win.push(new Uint8Array(skew));
        win.start = skew;
        win.push(bytes);
        const order = new AccessOrder('gva');
        const wishes = { layout, pid, zeroIsNone, timeBaseHigh, firstPid: 1 };
        const wanted = plainly(bytes, wishes);
        assert.deepEqual(fastSamples(win, order, wishes), wanted.counts);
        assert.equal(win.start, skew + wanted.at);
        assert.equal(order.n, wanted.rows.length);
        const { timeNs, page, cls, pid: pids, cpu } = order.rows;
        assert.deepEqual(
          wanted.rows.map((_, i) => [timeNs[i], page[i], cls[i], pids[i], cpu[i]]),
          wanted.rows,
        );
        assert.equal(
          order.sorted,
          wanted.rows.every(([t], i) => i === 0 || t >= wanted.rows[i - 1]![0]),
        );
      },
    ),
    { numRuns: 100 },
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
