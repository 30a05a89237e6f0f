/** The fast ways through text give what the careful readers give, or leave the line to them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Ingestor } from '@workset/model';
import { damonTraceIngestor } from '../src/formats/damon-trace.ts';
import { lackeyIngestor } from '../src/formats/lackey.ts';
import { perfScriptIngestor } from '../src/formats/perf-script.ts';
import { HeadReader } from '../src/text/head.ts';
import { ascii } from '../src/text/numbers.ts';
import { isComparable, sameBytes } from '../src/text/same-bytes.ts';
import { LackeyLines } from '../src/text/lackey-lines.ts';
import { TraceLines } from '../src/text/trace-lines.ts';
import { ROWS_MAX } from '../src/text/trace-places.ts';
import { essence, ingestBytes } from './text-harness.ts';

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.length);

test('equal bytes are equal, and one bit of difference is seen', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 40 }), fc.nat(39), fc.integer({ min: 1, max: 255 }), (raw, at, flip) => {
      const bytes = raw.map((byte) => 1 + (byte % 126));
      assert.ok(isComparable(bytes, 0, bytes.length));
      assert.ok(sameBytes(viewOf(bytes), viewOf(bytes.slice()), 0, bytes.length));
      const other = bytes.slice();
      other[at % other.length]! ^= flip;
      assert.ok(!sameBytes(viewOf(bytes), viewOf(other), 0, bytes.length));
    }),
  );
});

/** Lines that TraceLines took. */
let taken = 0;
const run = TraceLines.prototype.run;
TraceLines.prototype.run = function (lines) {
  const stop = run.call(this, lines);
  taken += this.n;
  return stop;
};

interface Compared {
  readonly lines: number;
  readonly fast: number;
}

/** Reads the text in chunks, and line by line with all that was learned taken away before each. */
async function compare(ingestor: Ingestor, text: string, chunk: number, options: Record<string, string> = {}): Promise<Compared> {
  const bytes = ascii(text);
  taken = 0;
  const fast = await ingestBytes(ingestor, bytes, { options, chunk });
  const count = taken;
  taken = 0;
  const careful = await ingestBytes(ingestor, bytes, {
    options,
    chunk: 'line',
    beforeChunk: () => new TraceLines(new HeadReader()).bind(),
  });
  assert.equal(taken, 0);
  assert.deepEqual(essence(fast), essence(careful), text);
  assert.deepEqual(fast.messages, careful.messages);
  return { lines: text.split('\n').length - 1, fast: count };
}

/** Mostly the first. */
const usual = <T>(first: T, ...others: readonly T[]): fc.Arbitrary<T> =>
  fc.oneof({ weight: 6, arbitrary: fc.constant(first) }, fc.constantFrom(...others));
const decimal = (digits: number): fc.Arbitrary<string> => fc.nat(10 ** digits - 1).map((n) => String(n).padStart(digits, '0'));
/** Twelve digits, which most addresses have, or any number of them. */
const address = fc
  .oneof(
    fc.bigInt(2n ** 44n, 2n ** 48n - 1n),
    fc.bigInt(0n, 2n ** 64n - 1n),
    fc.bigInt(0n, 100_000n),
    fc.constantFrom(2n ** 63n - 1n, 2n ** 63n),
  )
  .map((n) => n.toString(16));
const tasks = [
  '         toucher  3332/3332  [001] ',
  '       CPU 0/KVM  4145/4150  [002] ',
  '  kworker/u8:3-ev    12 [000] ',
  '    kdamond.0-77      [001] ..... ',
  '   fmtres:   a-16914   0d.... ',
  '              :-1    -1 [003] ',
  'fmtres:        kdamond.0-77    [000] ',
  ' 1.5: x  7 [000] ',
  '  1.000000: 7 [000] ',
  ' nobody ',
  '',
  '# 5 [000] ',
];
const time = fc
  .tuple(
    fc.oneof(fc.constantFrom(0, 8, 9, 10, 751, 999_999_999, 1_700_000_000), fc.nat(2_000_000)),
    fc.oneof({ weight: 20, arbitrary: decimal(6) }, decimal(9), decimal(7)),
  )
  .map(([seconds, fraction]) => `${String(seconds).padStart(5)}.${fraction}`);
const region = fc
  .record({
    start: fc.nat(2 ** 31),
    pages: fc.oneof({ weight: 9, arbitrary: fc.integer({ min: 1, max: 99_999 }) }, fc.integer({ min: -2, max: 0 })),
    nr: fc.oneof({ weight: 9, arbitrary: fc.nat(300) }, fc.nat(10 ** 9)),
    age: fc.nat(9999),
    odd: usual(0, 1),
    tail: usual('', ' probe_hits=14 00'),
  })
  .map(({ start, pages, nr, age, odd, tail }) => `${start * 4096 + odd}-${(start + pages) * 4096}: ${nr} ${age}${tail}`);
const starts: [string, ...string[]] = [
  'target_id=0 nr_regions=1931 ',
  'target_id=1 nr_regions=3 ',
  'target_id=18446612689824829440 nr_regions=9 ',
  '',
];
const code = fc.nat(0x3f).map((n) => n.toString(16));
const faults = fc
  .tuple(
    usual('', '          1 ', '   1234567 ', '(+147)  '),
    usual('exceptions:page_fault_user', 'page_fault_kernel'),
    address,
    address,
    code,
  )
  .map(([before, name, at, ip, bits]) => `${before}${name}: address=0x${at} ip=0x${ip} error_code=0x${bits}`);
const columns = fc
  .tuple(
    usual('page-faults: ', '', '   1 ', '    page-faults: ', '        1 page-faults:u: ', 'x:'),
    address,
    usual(16, 12),
    usual('', ' 7f3af093cbc2 main+0x1 (/usr/lib/libc.so.6) and some more', ' main: x', '     229100142 |OP STORE|LVL L1', ' x|y', '\t'),
  )
  .map(([name, at, width, tail]) => `${name}${at.padStart(width)}${tail}`);
const damon = fc
  .tuple(
    usual('damon_aggregated: ', '  damon:damos_before_apply: ', 'damon_aggregated:     '),
    usual(starts[0], ...starts.slice(1)),
    region,
  )
  .map(([name, start, body]) => name + start + body);
const others = fc.constantFrom('kvm:kvm_page_fault: vcpu 5 rip 0x7f address 0x84d000 error_code 0x181', 'PERF_RECORD_LOST lost 5', '');
const ends = fc.oneof({ weight: 9, arbitrary: fc.constant('\n') }, fc.constantFrom('\r\n', '\r\r\n', '\n\n'));

/** Bytes that damage a line. */
const damage = fc.record({ at: fc.nat(140), byte: fc.constantFrom(...'0123456789abfxA =-:.|\t\r\n\0/[]#') });
const damaged = (text: string, flaw: { at: number; byte: string } | null): string =>
  flaw !== null && flaw.at < text.length ? text.slice(0, flaw.at) + flaw.byte + text.slice(flaw.at + 1) : text;

/** A text whose lines are alike more often than not. */
const textOf = (body: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc
    .tuple(fc.uniqueArray(fc.constantFrom(...tasks), { minLength: 1, maxLength: 2 }), fc.constantFrom(1, 1, 1, 5))
    .chain(([some, flaws]) =>
      fc.array(
        fc
          .tuple(fc.constantFrom(...some), time, usual(': ', ':    ', ':  ', ':\t'), body, ends, fc.option(damage, { freq: 20 / flaws }))
          .map(([task, at, colon, rest, end, flaw]) => damaged(`${task}${at}${colon}${rest}${end}`, flaw)),
        { minLength: 20, maxLength: 120, size: 'max' },
      ),
    )
    .map((lines) => lines.join(''));

const chunks = fc.oneof(fc.constantFrom(1, 2, 17, 65536), fc.integer({ min: 50, max: 3000 }));
for (const [name, ingestor, body, options] of [
  ['faults', perfScriptIngestor, faults, {}],
  ['addr columns', perfScriptIngestor, columns, {}],
  ['addr columns that are known to be', perfScriptIngestor, columns, { fields: 'comm,addr' }],
  ['physical addresses', perfScriptIngestor, columns, { fields: 'phys_addr' }],
  ['events of all kinds', perfScriptIngestor, fc.oneof(faults, columns, damon, others), {}],
  ['DAMON regions', damonTraceIngestor, damon, {}],
  ['DAMON regions and others', damonTraceIngestor, fc.oneof({ weight: 5, arbitrary: damon }, faults, others), {}],
] as const) {
  test(`${name}: plain lines give what a careful reader gives`, async () => {
    const sum = { lines: 0, fast: 0 };
    await fc.assert(
      fc.asyncProperty(textOf(body), chunks, async (text, chunk) => {
        const { lines, fast } = await compare(ingestor, text, chunk, options);
        sum.lines += lines;
        sum.fast += fast;
      }),
      { numRuns: 40 },
    );
    if (name !== 'physical addresses') assert.ok(sum.fast > sum.lines / 40, `${sum.fast} of ${sum.lines} lines`);
  });
}

test('threads by the thousand, and more rows than one call holds', async () => {
  const line = (i: number): string => {
    const tid = 1000 + ((i * 7919) % 3000);
    const us = String(i % 1e6).padStart(6, '0');
    return `${`task-${tid % 100}`.padStart(16)} ${tid}/${tid} [${String(i % 64).padStart(3, '0')}]  ${751 + Math.floor(i / 1e6)}.${us}: page-faults: ${(0x7f00_0000_0000 + i * 977).toString(16).padStart(16)}\n`;
  };
  const many = Array.from({ length: 9000 }, (_, i) => line(i)).join('');
  await compare(perfScriptIngestor, many, 65536);
  const alike = Array.from(
    { length: 3 * ROWS_MAX },
    (_, i) => `1.${String(i).padStart(6, '0')}: e: ${(0x10_0000 + i).toString(16).padStart(16)}\n`,
  );
  const { lines, fast } = await compare(perfScriptIngestor, alike.join(''), 1 << 20);
  assert.equal(fast, lines - 1);
});

test('two texts read in turns do not learn from each other', async () => {
  const text = (tid: number): Buffer =>
    Buffer.from(
      Array.from(
        { length: 400 },
        (_, i) => ` a ${tid} [00${i % 3}] 1.${String(i).padStart(6, '0')}: e${tid}: ${(0x7f00_0000 + i * tid).toString(16).padStart(16)}\n`,
      ).join(''),
    );
  const alone = await Promise.all([ingestBytes(perfScriptIngestor, text(5)), ingestBytes(perfScriptIngestor, text(6))]);
  const inTurns = await Promise.all([5, 6].map((tid) => ingestBytes(perfScriptIngestor, text(tid), { chunk: 333 })));
  assert.deepEqual(inTurns.map(essence), alone.map(essence));
  assert.equal(inTurns[1]!.accesses[399]!.pid, 6);
});

const size = usual('8', '1', '16', '4', '64', '512', '0', '4096', '99999999', '08', '');
const lackeyLine = fc.tuple(usual('I  ', ' L ', ' S ', ' M ', 'I ', 'Ix ', ' I '), address, size, fc.option(damage, { freq: 20 }), ends);
const lackeyLog = fc
  .array(
    lackeyLine.map(
      ([kind, at, bytes, flaw, end]) => damaged(`${kind}${at.padStart(8, '0')},${bytes}`, flaw && { ...flaw, at: flaw.at % 24 }) + end,
    ),
    { minLength: 20, maxLength: 120, size: 'max' },
  )
  .map((lines) => `==1== Lackey\nSB 0401ab70\n${lines.join('')}`);

test('Lackey: plain lines give what a careful reader gives', async () => {
  const { run: plain } = LackeyLines.prototype;
  let [fast, all] = [0, 0];
  let isCareful = false;
  LackeyLines.prototype.run = function (lines, steps) {
    this.n = 0;
    if (!isCareful) plain.call(this, lines, steps);
    fast += this.lines;
  };
  const options = fc.constantFrom({ 'accesses-per-second': '3e8' }, { 'instructions-per-second': '1e9' });
  await fc.assert(
    fc.asyncProperty(lackeyLog, chunks, options, async (text, chunk, rate) => {
      isCareful = false;
      const quick = await ingestBytes(lackeyIngestor, ascii(text), { options: rate, chunk });
      isCareful = true;
      assert.deepEqual(essence(quick), essence(await ingestBytes(lackeyIngestor, ascii(text), { options: rate })), text);
      all += text.split('\n').length;
    }),
  );
  LackeyLines.prototype.run = plain;
  assert.ok(fast > all / 4, `${fast} of ${all} lines`);
});

test('Lackey: more lines than one call holds, each of two rows', async () => {
  const text = ' M 1fff,1\n'.repeat(20_000);
  const { accesses, accepted } = await ingestBytes(lackeyIngestor, ascii(text), {
    options: { 'accesses-per-second': '1e9' },
    chunk: 1 << 20,
  });
  assert.equal(accepted, 40_000);
  assert.deepEqual(
    accesses.map(({ timeNs, cls }) => 2 * timeNs + cls),
    Array.from({ length: 40_000 }, (_, i) => i),
  );
});
