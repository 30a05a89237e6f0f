import assert from 'node:assert/strict';
import { test } from 'node:test';
import { binaryTicks, colorOf, DARK, durationTicks, LIGHT, SERIES_DARK, styleOf } from '../src/style.ts';
import { textWidth, wrap } from '../src/text-width.ts';
import { toCsv } from '../src/report/csv.ts';
import { inlineScript, scriptJson } from '../src/escape.ts';
import { count, significant } from '../src/report/format.ts';
import { html, raw } from '../src/report/html.ts';

test('ticks are multiples of a power of two', () => {
  assert.deepEqual(binaryTicks(6 * 2 ** 20), [0, 2 ** 21, 2 ** 22, 3 * 2 ** 21]);
  assert.deepEqual(binaryTicks(0), [0]);
  for (const max of [1, 4095, 4096, 1e6, 3e9]) assert.ok(binaryTicks(max).length <= 5);
});

test('log ticks lie within the domain', () => {
  assert.deepEqual(durationTicks(0.9e9, 6e9), [1e9, 2e9, 5e9]);
  assert.deepEqual(durationTicks(1e6, 2e9), [1e6, 1e7, 1e8, 1e9]);
});

test('a scheme keeps its look, known or not', () => {
  assert.deepEqual(styleOf('uffd-rwp'), styleOf('uffd-rwp'));
  assert.deepEqual(styleOf('some-new-scheme'), styleOf('some-new-scheme'));
  assert.match(styleOf('constructor').color, /^#[0-9a-f]{6}$/);
});

test('every colour that the report swaps is unique, so light maps to dark one to one', () => {
  const light = [
    LIGHT.background,
    LIGHT.ink,
    LIGHT.muted,
    LIGHT.grid,
    LIGHT.truth,
    LIGHT.frame,
    ...LIGHT.ramp,
    ...Object.keys(SERIES_DARK),
  ];
  assert.equal(new Set(light).size, light.length);
});

/** WCAG relative luminance contrast. */
function contrast(a: string, b: string): number {
  const luminance = (color: string): number => {
    const [r, g, bl] = [1, 3, 5]
      .map((i) => Number.parseInt(color.slice(i, i + 2), 16) / 255)
      .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r! + 0.7152 * g! + 0.0722 * bl!;
  };
  const [hi, lo] = [luminance(a), luminance(b)].sort((x, y) => y - x);
  return (hi! + 0.05) / (lo! + 0.05);
}

test('text and lines are readable on both backgrounds', () => {
  for (const theme of [LIGHT, DARK]) {
    assert.ok(contrast(theme.ink, theme.background) > 7);
    assert.ok(contrast(theme.muted, theme.background) > 4.5);
  }
  for (const family of ['uffd-rwp', 'mm-young', 'idle-page', 'damon-paddr']) {
    assert.ok(contrast(colorOf(family, LIGHT), LIGHT.background) > 2.9, family);
    assert.ok(contrast(colorOf(family, DARK), DARK.background) > 4.5, family);
  }
});

test('wrapped lines fit and lose no word', () => {
  const words = 'the quick brown fox jumps over the lazy dog and on and on';
  const lines = wrap(words, 120, 11);
  assert.equal(lines.join(' '), words);
  for (const line of lines) assert.ok(textWidth(line, 11) <= 120);
  assert.ok(lines.length > 2);
});

test('html escapes by default', () => {
  assert.equal(html`<p>${'<b>&"\''}${null}${[raw('<i></i>'), 1]}</p>`.text, '<p>&lt;b&gt;&amp;&quot;&#39;<i></i>1</p>');
});

test('csv quotes what needs quotes', () => {
  const csv = toCsv({
    columns: [
      { name: 'a', type: 'VARCHAR' },
      { name: 'b', type: 'DOUBLE' },
    ],
    rows: [
      { a: 'x,"y"\n', b: 0.1 },
      { a: null, b: 3n },
    ],
  });
  assert.equal(csv, 'a,b\n"x,""y""\n",0.1\n,3\n');
});

test('scripts cannot be ended by data or code', () => {
  assert.deepEqual(JSON.parse(scriptJson({ a: '</script>\u2028' })), { a: '</script>\u2028' });
  assert.doesNotMatch(scriptJson('</script><!--'), /[<>]/);
  assert.equal(inlineScript('a="</script>"'), 'a="\\x3c/script>"');
});

test('numbers', () => {
  assert.equal(count(1234567), '1\u2009234\u2009567');
  assert.equal(count(12), '12');
  assert.deepEqual([0, 0.00123, 12.345, 1234.5].map(significant), ['0', '0.00123', '12.3', '1235']);
});
