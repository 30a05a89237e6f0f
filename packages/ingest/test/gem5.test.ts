import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TraceFormatError } from '@workset/model';
import { gem5Ingestor } from '../src/formats/gem5.ts';
import { ingestBytes, ingestText } from './text-harness.ts';

function varint(value: bigint): number[] {
  const bytes: number[] = [];
  for (let rest = value; ; rest >>= 7n) {
    if (rest < 128n) return [...bytes, Number(rest)];
    bytes.push(Number(rest & 127n) | 128);
  }
}
const field = (number: number, value: bigint): number[] => [...varint(BigInt(number * 8)), ...varint(value)];
const text = (number: number, value: string): number[] => [
  ...varint(BigInt(number * 8 + 2)),
  ...varint(BigInt(value.length)),
  ...Buffer.from(value),
];
const message = (...fields: number[][]): number[] => [...varint(BigInt(fields.flat().length)), ...fields.flat()];
const stream = Buffer.from([
  ...Buffer.from('gem5'),
  ...message(text(1, 'system.monitor'), field(2, 0n), field(3, 1_000_000_000n)),
  ...message(field(1, 1000n), field(2, 1n), field(3, 0x8000_0ffcn), field(4, 8n), field(5, 0n)),
  ...message(field(1, 2000n), field(2, 4n), field(3, 0xffff_ffff_ffff_f000n), field(4, 64n), field(7, 0x401000n)),
  ...message(field(1, 3000n), field(2, 20n), field(3, 0n), field(4, 0n)),
]);
const expected = [
  [1000, '80000', 0],
  [1000, '80001', 0],
  [2000, 'fffffffffffff', 3],
];

test('protobuf: ticks by the header, exact 64-bit addresses, any chunking', async () => {
  for (const chunk of [1, 7, 4096]) {
    const outcome = await ingestBytes(gem5Ingestor, stream, { chunk });
    assert.equal(outcome.error, undefined);
    assert.deepEqual(
      outcome.accesses.map(({ timeNs, page, cls }) => [timeNs, page.toString(16), cls]),
      expected,
    );
    assert.deepEqual(outcome.rejected, { 'other-command': 1 });
    assert.ok(outcome.accesses.every(({ space }) => space === 'gpa'));
  }
});
test('protobuf: a cut is counted, nonsense is an error with its offset', async () => {
  const cut = await ingestBytes(gem5Ingestor, stream.subarray(0, stream.length - 3));
  assert.equal(cut.rejected['truncated-record'], 1);
  assert.equal(cut.accesses.length, 3);
  const { error } = await ingestBytes(gem5Ingestor, Buffer.concat([stream, Buffer.alloc(20, 0xff)]));
  assert.ok(error instanceof TraceFormatError);
  assert.equal(error.place.byteOffset, stream.length);
});
test('decoded text: with and without flags, packet id and pc', async () => {
  const outcome = await ingestText(
    gem5Ingestor,
    'r,2147487740,8,0,1000\nw,18446744073709547520,64,2000\n12,u,0,0,0,3000,4198400\nr,x,1,2\nr,99999999999999999999,1,2\n',
  );
  assert.deepEqual(
    outcome.accesses.map(({ timeNs, page, cls }) => [timeNs, page.toString(16), cls]),
    [
      [1, '80000', 0],
      [1, '80001', 0],
      [2, 'fffffffffffff', 3],
    ],
  );
  assert.deepEqual(outcome.rejected, { 'assumed-ticks': 1, 'other-command': 1, 'damaged-line': 2 });
});
test('sniffing', () => {
  assert.equal(gem5Ingestor.sniff(stream), 1);
  assert.equal(gem5Ingestor.sniff(Buffer.from('r,1,8,0,1000\nw,2,8,0,2000\n')), 0.9);
});
