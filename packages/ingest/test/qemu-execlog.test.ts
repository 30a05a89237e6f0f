import assert from 'node:assert/strict';
import { test } from 'node:test';
import { qemuExeclogIngestor } from '../src/formats/qemu-execlog.ts';
import { ingestText } from './text-harness.ts';

const rate = { 'instructions-per-second': '1e9' };
const log =
  [
    '0, 0x10c8, 0xfff96c43, "ldr r3, [r0, #0x44]", load, 0x200000e4, RAM',
    '0, 0x10ca, 0x2b00, "cmp r3, #0"',
    '1, 0x10cc, 0xd0fc, "stmdb sp!, {r4, r5}", store, 0x20001ffc, RAM, store, 0x20002000, RAM',
    '0, 0x10d0, 0x4770, "str r1, [r2]", store, 0x40011000, pl011',
    '0, 0x10d4, 0x4770, "push \\"x\\", r1", load, 0xffff888000000000',
    '0, 0x10d6, 0x4770, "mov x0, x1", load, 0x3000, RAM, x0 -> 0x1',
  ].join('\n') + '\n';

test('RAM accesses are guest physical, unnamed ones virtual, devices are counted', async () => {
  const outcome = await ingestText(qemuExeclogIngestor, log, rate);
  assert.deepEqual(
    outcome.accesses.map(({ space, timeNs, page, cls, cpu }) => [space, timeNs, page.toString(16), cls, cpu]).sort(),
    [
      ['gpa', 0, '20000', 0, 0],
      ['gpa', 2, '20001', 1, 1],
      ['gpa', 2, '20002', 1, 1],
      ['gva', 4, 'ffff888000000', 2, 0],
      ['gpa', 5, '3', 0, 0],
    ].sort(),
  );
  assert.deepEqual(outcome.rejected, { 'device-access': 1, 'no-fetches': 1 });
});
test('damaged lines', async () => {
  const outcome = await ingestText(
    qemuExeclogIngestor,
    `${log}0, 0x10c8, 0xfff96c43, "ldr r3\n0, 0x10c8, 0x1, "ldr r3", load, 0xzz, RAM\nhello\n0, 0x10c8, 0x1, "ldr", lo`,
    rate,
  );
  assert.equal(outcome.rejected['damaged-line'], 4);
  assert.equal(outcome.rejected['possibly-truncated'], 1);
});
test('sniffing and the missing rate', async () => {
  assert.equal(qemuExeclogIngestor.sniff(Buffer.from(log)), 0.95);
  assert.match((await ingestText(qemuExeclogIngestor, log)).error!.message, /no times/);
});
