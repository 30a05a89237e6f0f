import assert from 'node:assert/strict';
import { test } from 'node:test';

import fc from 'fast-check';

import { safeJson, sanitise, sanitiseCell } from '../src/sanitise.ts';

// eslint-disable-next-line no-control-regex
const DANGEROUS = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/;

test('escapes are shown, not obeyed', () => {
  assert.equal(sanitise('a\u001b[2Jb\n\tc\u202ed'), 'a\\x1b[2Jb\n\tc\\u202ed');
  assert.equal(sanitise('a,b\r\nover\rwritten'), 'a,b\r\nover\\x0dwritten');
  assert.equal(sanitiseCell('a\nb\r\nc'), 'a\\nb\\nc');
});

test('no text gets through with a control character', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'binary' }),
      (text) => !DANGEROUS.test(sanitise(text)) && !/\r(?!\n)/.test(sanitise(text)) && !/[\n\t]/.test(sanitiseCell(text)),
    ),
  );
});

test('safe JSON is JSON of the same value, without raw control characters', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const json = safeJson({ text });
      assert.ok(!DANGEROUS.test(json));
      assert.deepEqual(JSON.parse(json), { text });
    }),
  );
  assert.equal(
    safeJson({ big: 12n, huge: 2n ** 64n, bytes: new Uint8Array([1, 255]) }),
    '{"big":12,"huge":"18446744073709551616","bytes":"01ff"}',
  );
});
