import assert from 'node:assert/strict';
import { test } from 'node:test';

import { UsageError } from '@workset/model';
import fc from 'fast-check';

import { expandRange, parseSchemeFlag } from '../src/sweep-syntax.ts';

test('a bare name has no parameters', () => {
  assert.deepEqual(parseSchemeFlag('uffd-rwp'), [{ id: 'uffd-rwp', params: {} }]);
  assert.deepEqual(parseSchemeFlag('uffd-rwp, idle-page,damon-paddr:sample=1ms,5ms'), [
    { id: 'uffd-rwp', params: {} },
    { id: 'idle-page', params: {} },
    { id: 'damon-paddr', params: { sample: '1ms' } },
    { id: 'damon-paddr', params: { sample: '5ms' } },
  ]);
  assert.throws(() => parseSchemeFlag('uffd-rwp,,idle-page'), UsageError);
});

test('a comma without = is another value of the same parameter', () => {
  assert.deepEqual(parseSchemeFlag('damon-paddr:sample=1ms,5ms,aggr=100ms'), [
    { id: 'damon-paddr', params: { sample: '1ms', aggr: '100ms' } },
    { id: 'damon-paddr', params: { sample: '5ms', aggr: '100ms' } },
  ]);
});

test('geometric and arithmetic ranges include the end when they hit it', () => {
  assert.deepEqual(expandRange('100ms:10s:x2'), ['100ms', '200ms', '400ms', '800ms', '1600ms', '3200ms', '6400ms']);
  assert.deepEqual(expandRange('1s:8s:x2'), ['1s', '2s', '4s', '8s']);
  assert.deepEqual(expandRange('100ms:300ms:+100ms'), ['100ms', '200ms', '300ms']);
  assert.deepEqual(expandRange('4K:16K:x2'), ['4K', '8K', '16K']);
  assert.deepEqual(expandRange('10:30:+10'), ['10', '20', '30']);
  assert.deepEqual(expandRange('0.1:0.3:+0.1'), ['0.1', '0.2', '0.3']);
});

test('two ranges give every combination, first slowest', () => {
  const runs = parseSchemeFlag('s:a=1s:2s:x2,b=1,2').map(({ params }) => `${params['a']} ${params['b']}`);
  assert.deepEqual(runs, ['1s 1', '1s 2', '2s 1', '2s 2']);
});

for (const bad of [
  '',
  ':a=1',
  's:',
  's:a',
  's:=1',
  's:a=',
  's:a=1,a=2',
  's:a=1:2',
  's:a=2s:1s:x2',
  's:a=1s:2s:x1',
  's:a=0:2:x2',
  's:a=1s:2s:+0',
  's:a=1s:2M:x2',
  's:a=1:100000:+1',
]) {
  test(`refuses ${JSON.stringify(bad)}`, () => {
    assert.throws(() => parseSchemeFlag(bad), UsageError);
  });
}

test('every text gives choices or a UsageError, never another error', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(...'ab=,:x+1052smsKM.%'), maxLength: 24 }), (text) => {
      try {
        assert.ok(parseSchemeFlag(text).length >= 1);
      } catch (error) {
        assert.ok(error instanceof UsageError, String(error));
      }
    }),
    { numRuns: 500 },
  );
});

test('a range is ascending and stays inside its ends', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 1000 }),
      fc.integer({ min: 0, max: 2000 }),
      fc.integer({ min: 1, max: 500 }),
      (from, more, step) => {
        const values = expandRange(`${from}:${from + more}:+${step}`).map(Number);
        assert.equal(values.length, Math.floor(more / step) + 1);
        assert.ok(values.every((value, i) => value === from + i * step));
      },
    ),
  );
});
