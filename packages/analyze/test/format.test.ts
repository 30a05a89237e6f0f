import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { UsageError } from '@workset/model';
import { formatResult, formatStream, parseFormat } from '@workset/analyze';
import type { Format } from '@workset/analyze';

const columns = [
  { name: 'name', type: 'VARCHAR' },
  { name: 'n', type: 'BIGINT' },
  { name: 'r', type: 'DOUBLE' },
];
const rows = [
  { name: 'a,"b"\nc', n: 12, r: 0.123456789 },
  { name: '', n: null, r: null },
];

test('table: aligned, numbers right, NULL marked', () => {
  assert.equal(
    formatResult({ columns, rows }, 'table'),
    ['name      n         r', '───────  ──  ────────', 'a,"b"⏎c  12  0.123457', '          ∅         ∅', '(2 rows)', ''].join('\n'),
  );
});

test('table: text is cut to the width, numbers never; columns that do not fit are named', () => {
  const wide = [{ name: 'x'.repeat(60), n: 1234567890123, r: 0.5 }];
  const text = formatResult({ columns, rows: wide }, 'table', { width: 40 });
  for (const line of text.split('\n')) assert.ok([...line].length <= 40, line);
  assert.match(text, /x…  1234567890123  0\.5/);
  const many = Array.from({ length: 30 }, (_, i) => ({ name: `column_${i}`, type: 'BIGINT' }));
  const row = Object.fromEntries(many.map(({ name }, i) => [name, i]));
  assert.match(formatResult({ columns: many, rows: [row] }, 'table', { width: 80 }), /22 more columns: column_8, /);
});

test('csv is RFC 4180; NULL and empty text differ', () => {
  assert.equal(formatResult({ columns, rows }, 'csv'), 'name,n,r\r\n"a,""b""\nc",12,0.123456789\r\n"",,\r\n');
});

test('json and jsonl read back; bytes are hex, non-finite numbers named', () => {
  const values = [{ name: 'é', n: null, r: Number.NaN, b: new Uint8Array([1, 255]) }];
  const cols = [...columns, { name: 'b', type: 'BLOB' }];
  const expected = { name: 'é', n: null, r: 'NaN', b: '\\x01ff' };
  assert.deepEqual(JSON.parse(formatResult({ columns: cols, rows: values }, 'json')), [expected]);
  assert.deepEqual(JSON.parse(formatResult({ columns: cols, rows: values }, 'jsonl')), expected);
  assert.equal(formatResult({ columns, rows: [] }, 'json'), '[]\n');
});

test('markdown escapes bars, tags and line breaks', () => {
  assert.equal(
    formatResult({ columns: columns.slice(0, 1), rows: [{ name: 'a|b<i>\\' }] }, 'markdown'),
    '| name |\n| --- |\n| a\\|b&lt;i>\\\\ |\n',
  );
});

test('no format lets control characters of a trace reach the terminal', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.constantFrom<Format>('table', 'markdown', 'json', 'jsonl'), (text, format) => {
      const out = formatResult({ columns: columns.slice(0, 1), rows: [{ name: text }] }, format);
      // oxlint-disable-next-line no-control-regex
      assert.doesNotMatch(out, /[\u0000-\u0009\u000b-\u001f]/);
      if (format === 'table' || format === 'markdown') assert.doesNotMatch(out, /[\u007f-\u009f\u202a-\u202e]/);
    }),
  );
});

test('csv fields read back whatever they hold', () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: 'grapheme' }), { minLength: 1 }), (texts) => {
      const out = formatResult({ columns: columns.slice(0, 1), rows: texts.map((name) => ({ name })) }, 'csv');
      assert.deepEqual(parseCsv(out).slice(1), texts);
    }),
  );
});

/** One-column CSV, character by character. */
function parseCsv(text: string): string[] {
  const fields: string[] = [];
  let i = 0;
  while (i < text.length) {
    let field = '';
    if (text[i] === '"') {
      for (i++; text[i] !== '"' || text[i + 1] === '"'; i++) {
        if (text[i] === '"') i++;
        field += text[i];
      }
      i++;
    } else {
      while (text[i] !== '\r') field += text[i++];
    }
    assert.equal(text.slice(i, i + 2), '\r\n');
    i += 2;
    fields.push(field);
  }
  return fields;
}

test('streamed text equals the whole text', async () => {
  for (const format of ['table', 'csv', 'json', 'jsonl', 'markdown'] as const) {
    const batches = (async function* () {
      yield rows.slice(0, 1);
      yield rows.slice(1);
    })();
    let text = '';
    for await (const piece of formatStream({ columns, rows: batches }, format)) text += piece;
    assert.equal(text, formatResult({ columns, rows }, format));
  }
});

test('an unknown format names the known ones', () => {
  assert.throws(
    () => parseFormat('xml'),
    (error) => error instanceof UsageError && (error.hint ?? '').includes('markdown'),
  );
});
