/** The fast ways through text give what the careful readers give, or leave the line to them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { alignedPage, digits, fourHex, isComparable, nineDigits, sameBytes, shortNumber, sixDigits } from '../src/text/digits.ts';
import { DamonRecord, RECORD_OK } from '../src/text/damon-record.ts';
import { fastFault, fault } from '../src/text/fast-fault.ts';
import { BODY_EXCEPTION, BODY_OK, BodyReader } from '../src/text/fault-body.ts';
import { HEAD_OK, HeadReader } from '../src/text/head.ts';
import { LayoutCache } from '../src/text/layout-cache.ts';
import { ascii } from '../src/text/numbers.ts';

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
/** The text behind a byte and before a few more, as in a block of lines. */
const padded = (text: string): { bytes: Uint8Array; view: DataView; end: number } => {
  const bytes = ascii(`x${text}${' '.repeat(100)}`);
  return { bytes, view: viewOf(bytes), end: bytes.length };
};
/** Bytes that damage a number. */
const damage = fc.record({ at: fc.nat(120), byte: fc.constantFrom(...'0123456789abfx =-:.\r\n\0/') });
const damaged = (text: string, { at, byte }: { at: number; byte: string }): string =>
  at < text.length ? text.slice(0, at) + byte + text.slice(at + 1) : text;

test('digits of fixed width', () => {
  fc.assert(
    fc.property(fc.nat(999_999), fc.nat(999_999_999), (six, nine) => {
      assert.equal(sixDigits(padded(String(six).padStart(6, '0')).view, 1), six);
      assert.equal(nineDigits(padded(String(nine).padStart(9, '0')).view, 1), nine);
    }),
  );
  for (let byte = 0; byte < 256; byte++) {
    for (let at = 0; at < 9; at++) {
      const bytes = ascii('x123456789');
      bytes[1 + at] = byte;
      const isDigit = byte >= 48 && byte <= 57;
      assert.equal(nineDigits(viewOf(bytes), 1) >= 0, isDigit);
      if (at < 6) assert.equal(sixDigits(viewOf(bytes), 1) >= 0, isDigit);
    }
  }
});

test('numbers of any width end where they end, and long ones are left alone', () => {
  fc.assert(
    fc.property(fc.bigInt(0n, 10n ** 18n), fc.constantFrom('-', ' ', '\n', ':', ''), (value, tail) => {
      for (const n of [value, value - (value % 4096n)]) {
        const text = String(n);
        const bytes = ascii(`x${text}${tail}`);
        const page = alignedPage(viewOf(bytes), 1, bytes.length);
        const fits = text.length <= 15 && tail !== '' && n % 4096n === 0n;
        assert.equal(page, fits ? Number(n / 4096n) : -1, text);
        if (fits) assert.equal(digits.end, 1 + text.length);
        const short = shortNumber(viewOf(bytes), 1, bytes.length);
        assert.equal(short, text.length <= 9 && tail !== '' ? Number(n) : -1);
      }
    }),
  );
});

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

const region = fc
  .record({
    start: fc.nat(2 ** 31),
    pages: fc.integer({ min: -2, max: 99999 }),
    nr: fc.nat(300),
    age: fc.nat(9999),
    odd: fc.constantFrom(0, 0, 0, 1),
  })
  .map(({ start, pages, nr, age, odd }) => `${start * 4096 + odd}-${(start + pages) * 4096}: ${nr} ${age}`);

test('a DAMON record read fast is the record read carefully', () => {
  let fast = 0;
  fc.assert(
    fc.property(region, fc.constantFrom('\n', '\r\n', ' probe_hits=14 00\n', '\n'), fc.option(damage), (body, end, flaw) => {
      const start = 'target_id=0 nr_regions=1931 ';
      const first = padded(`${start}4096-8192: 1 2\n`);
      const record = new DamonRecord();
      assert.equal(record.read(first.bytes, 1, first.bytes.indexOf(10)), RECORD_OK);
      const text = `${start}${flaw === null ? body : damaged(body, flaw)}${end}`;
      const line = padded(text);
      const feed = record.readFast(line.view, 1, line.end);
      if (feed < 0) return;
      fast++;
      assert.equal(feed, line.bytes.indexOf(10));
      const careful = new DamonRecord();
      assert.equal(careful.read(line.bytes, 1, feed - (text[feed - 2] === '\r' ? 1 : 0)), RECORD_OK, text);
      for (const key of ['target', 'targetText', 'ctx', 'scheme', 'nrRegions', 'startPage', 'endPage', 'nrAccesses', 'age'] as const)
        assert.equal(record[key], careful[key], key);
    }),
    { numRuns: 2000 },
  );
  assert.ok(fast > 500, String(fast));
});

/** Twelve digits, which most addresses have, or any number of them. */
const userOrAny = fc.oneof(fc.bigInt(2n ** 44n, 2n ** 48n - 1n), fc.bigInt(0n, 2n ** 64n - 1n));

test('four hex digits at a time', () => {
  const view = new DataView(new ArrayBuffer(4));
  const word = (bytes: readonly number[]): number => {
    bytes.forEach((byte, i) => view.setUint8(i, byte));
    return view.getInt32(0, true);
  };
  const wanted = (bytes: readonly number[]): number => {
    const text = String.fromCharCode(...bytes);
    return /^[0-9a-f]{4}$/.test(text) ? Number.parseInt(text, 16) : -1;
  };
  for (let place = 0; place < 4; place++) {
    for (let byte = 0; byte < 256; byte++) {
      for (const others of ['0', '9', 'a', 'f']) {
        const bytes = [0, 1, 2, 3].map((i) => (i === place ? byte : others.charCodeAt(0)));
        assert.equal(fourHex(word(bytes)), wanted(bytes), String(bytes));
      }
    }
  }
  const digit = fc.oneof(
    { weight: 9, arbitrary: fc.constantFrom(...Buffer.from('0123456789abcdef')) },
    { weight: 1, arbitrary: fc.nat(255) },
  );
  fc.assert(
    fc.property(fc.tuple(digit, digit, digit, digit), (bytes) => assert.equal(fourHex(word(bytes)), wanted(bytes))),
    { numRuns: 2000 },
  );
});

test('a fault read fast is the fault read carefully', () => {
  let fast = 0;
  fc.assert(
    fc.property(userOrAny, userOrAny, fc.nat(0x3f), fc.constantFrom('\n', '\r\n'), fc.option(damage), (address, ip, code, end, flaw) => {
      const body = `address=0x${address.toString(16)} ip=0x${ip.toString(16)} error_code=0x${code.toString(16)}`;
      const line = padded(`${flaw === null ? body : damaged(body, flaw)}${end}`);
      const feed = fastFault(line.bytes, line.view, 1, line.end);
      if (feed < 0) return;
      fast++;
      const careful = new BodyReader({ trusted: false, physical: false });
      const to = line.bytes[feed - 1] === 13 ? feed - 1 : feed;
      assert.equal(feed, line.bytes.indexOf(10));
      assert.equal(careful.read(BODY_EXCEPTION, line.bytes, 1, to), BODY_OK);
      assert.deepEqual([fault.page, fault.write], [careful.page, careful.write]);
    }),
    { numRuns: 2000 },
  );
  assert.ok(fast > 500, String(fast));
});

test('heads that are like one of the last few say what a careful reader says, second after second', () => {
  let fast = 0;
  const tasks = ['  toucher  3300/3300  [000]', 'CPU 0/KVM  4145/4145  [001]', '  toucher  3300/3301  [001]', 'a 1/1 [2]'];
  fc.assert(
    fc.property(
      fc.array(
        fc.record({
          task: fc.constantFrom(...tasks),
          step: fc.oneof(fc.nat(400_000), fc.constantFrom(1_000_000, 9_000_000, 999_999_999)),
          event: fc.constantFrom('page-faults:', 'exceptions:page_fault_user:'),
          decimals: fc.oneof({ weight: 9, arbitrary: fc.constant(6) }, { weight: 1, arbitrary: fc.constant(9) }),
          flaw: fc.option(damage, { freq: 9 }),
        }),
        { maxLength: 60, size: 'max' },
      ),
      fc.constantFrom(8_500_000, 998_000_000, 999_999_000_000),
      (lines, startUs) => {
        const cache = new LayoutCache();
        let us = startUs;
        for (const [i, { task, step, event, decimals, flaw: any }] of lines.entries()) {
          // the first line says whether events have names
          const flaw = i === 0 ? null : any;
          us += step;
          const time = `${Math.floor(us / 1e6)}.${String(us % 1e6)
            .padStart(6, '0')
            .padEnd(decimals, '7')}`;
          const text = `${task} ${time}: ${event} `;
          const { bytes, end } = padded(`${flaw === null ? text : damaged(text, flaw)}7f00\n`);
          const head = new HeadReader();
          const feed = bytes.indexOf(10);
          const verdict = feed < 0 ? -1 : head.read(bytes, 1, feed);
          cache.bind(bytes);
          const body = cache.match(bytes, 1, end);
          if (body >= 0) {
            fast++;
            assert.equal(verdict, HEAD_OK, text);
            assert.deepEqual([body, cache.timeNs, cache.tid, cache.cpu], [head.body, head.timeNs, head.tid, head.cpu], text);
          } else if (verdict === HEAD_OK) cache.learn(head, bytes, 1, 0);
        }
      },
    ),
    { numRuns: 300 },
  );
  assert.ok(fast > 500, String(fast));
});
