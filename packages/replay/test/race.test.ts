/** Which primitive can lose a write: every claim is the outcome of an exhaustive exploration. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { UsageError } from '@workset/model';
import {
  BACKINGS,
  checkBacking,
  explore,
  multisets,
  PageModel,
  priceInOps,
  primitives,
  raceMarkdown,
  raceRow,
  raceTable,
  scheduleGrid,
  stepsOf,
  type KernelOp,
  type RaceCase,
  type RaceRow,
} from '@workset/replay';

const table = raceTable();
const rows = (filter: Partial<RaceCase>): RaceRow[] => {
  const found = table.filter((row) =>
    Object.entries(filter).every(([key, value]) => JSON.stringify(row[key as keyof RaceRow]) === JSON.stringify(value)),
  );
  assert.ok(found.length > 0, `no row for ${JSON.stringify(filter)}`);
  return found;
};
const nameOf = ({ primitive, params }: RaceRow): string => [primitive, ...Object.entries(params).map(([k, v]) => `${k}=${v}`)].join(' ');

test('no exploration gets stuck, and each can both evict the page and finish every access', () => {
  for (const row of table) {
    assert.equal(row.deadlock, undefined, `${nameOf(row)} ${row.backing} ${row.entry} ${row.handler}\n${row.deadlock?.grid}`);
    assert.ok(row.evicts, nameOf(row));
  }
});

test('C1, C16, C18: what is safe for accesses through the mapping, whatever the interleaving', () => {
  const names = [...new Set(table.map(nameOf))];
  const unsafe = names.filter((name) => table.some((row) => nameOf(row) === name && !row.safe));
  assert.deepEqual(
    names.filter((name) => !unsafe.includes(name)),
    [
      'uffd-wp',
      'rwp-sync minor=true',
      'readv-dontneed protect=rwp',
      'uffd-move',
      'uffd-evict',
      'maccess protect=rwp',
      'swap-access protect=rwp',
      'madv-pageout',
    ],
  );
  assert.deepEqual(unsafe, [
    'rwp-sync minor=false',
    'readv-dontneed protect=none',
    'maccess protect=none',
    'swap-access protect=none',
    'punch-hole',
  ]);
});

test('punch-hole loses the write between copy and punch', () => {
  const [row] = rows({ primitive: 'punch-hole', backing: 'shmem', entry: 'present' });
  assert.equal(
    row!.losses.mapping!.grid,
    ['swapper | copy-second store .     punch-hole', 'write   | .           .     write .'].join('\n'),
  );
  assert.deepEqual([row!.blocksReads, row!.blocksWrites], [false, false]);
});

test('readv + DONTNEED without protection loses the write between the two calls', () => {
  const [row] = rows({ primitive: 'readv-dontneed', params: { protect: 'none' } });
  assert.equal(row!.losses.mapping!.grid, ['swapper | copy-remote store .     dontneed', 'write   | .           .     write .'].join('\n'));
});

test('rwp-sync without MINOR loses a write on a cached page without an entry, and on no other (2.4 gap 3)', () => {
  for (const row of rows({ primitive: 'rwp-sync', params: { minor: false } })) assert.equal(row.safe, row.entry !== 'unmapped');
  const [row] = rows({ primitive: 'rwp-sync', params: { minor: false }, backing: 'shmem', entry: 'unmapped' });
  assert.equal(
    row!.losses.mapping!.grid,
    ['swapper | set-sync scan copy-second store .     punch-hole', 'write   | .        .    .           .     write .'].join('\n'),
  );
  for (const fixed of rows({ primitive: 'rwp-sync', params: { minor: true } })) assert.ok(fixed.safe);
});

test('existing write pins escape every protection; what takes the page away checks for them', () => {
  const escapes = [...new Set(table.filter(({ losses }) => losses.pin !== undefined).map(({ primitive }) => primitive))];
  assert.deepEqual(escapes, ['uffd-wp', 'rwp-sync', 'readv-dontneed', 'maccess', 'punch-hole']);
});

test('writes through a second mapping escape all but an unmap of every mapping', () => {
  const escapes = table.filter(({ backing }) => backing !== 'anon');
  assert.deepEqual(
    [...new Set(escapes.filter(({ losses }) => losses.second !== undefined).map(({ primitive }) => primitive))],
    ['uffd-wp', 'rwp-sync', 'punch-hole'],
  );
  assert.deepEqual(
    [...new Set(escapes.filter(({ losses }) => losses.second === undefined).map(({ primitive }) => primitive))],
    ['uffd-evict', 'madv-pageout'],
  );
});

test('C13: uffd-wp traps writes only; RW-protection, MOVE and EVICT trap reads too', () => {
  for (const row of rows({ primitive: 'uffd-wp' })) assert.deepEqual([row.blocksReads, row.blocksWrites], [false, true]);
  for (const id of ['uffd-move', 'uffd-evict', 'madv-pageout'])
    for (const row of rows({ primitive: id })) assert.ok(row.blocksReads && row.blocksWrites);
  for (const row of rows({ primitive: 'rwp-sync', params: { minor: true } })) assert.ok(row.blocksReads && row.blocksWrites);
});

test('a handler that unprotects without telling the swapper opens the race again', () => {
  for (const race of [
    { primitive: 'uffd-wp', params: {}, backing: 'anon', entry: 'present' },
    { primitive: 'rwp-sync', params: { minor: true }, backing: 'shmem', entry: 'armed' },
  ] as const) {
    assert.ok(!raceRow({ ...race, handler: 'unserialised' }).safe);
    assert.ok(raceRow({ ...race, handler: 'rescue' }).safe);
  }
});

test('leaving out a step that protects makes a safe primitive lose', () => {
  const leaveOut = (id: string, backing: 'anon' | 'shmem', entry: 'present' | 'armed', step: KernelOp): boolean => {
    const steps = stepsOf(primitives.get(id), { backing, armed: entry === 'armed', params: {} }).filter((other) => other !== step);
    const page = { backing, entry, minor: true, pinned: false, sharedMapping: false };
    return multisets(['read', 'write', 'gup-write'], 2).some(
      (accesses) => explore({ steps, accesses, page, handler: 'finish' }).lostWrites,
    );
  };
  assert.ok(leaveOut('uffd-wp', 'anon', 'present', 'write-protect'));
  assert.ok(leaveOut('rwp-sync', 'shmem', 'armed', 'set-sync'));
  assert.ok(leaveOut('rwp-sync', 'shmem', 'armed', 'scan'), 'a page touched before the sync phase is not armed any more');
  // A stale writable translation outlives the protection.
  const steps = stepsOf(primitives.get('uffd-wp'), { backing: 'anon', armed: false, params: {} });
  const noFlush = steps.filter((_, i) => i !== 1);
  const lost = explore({
    steps: noFlush,
    accesses: ['read', 'write'],
    page: { backing: 'anon', entry: 'present', minor: false, pinned: false, sharedMapping: false },
    handler: 'finish',
  });
  assert.ok(lost.lostWrites, 'a TLB entry filled before the protect lets a write through after the copy');
  assert.match(scheduleGrid(lost.shortestLoss!, ['read', 'write']), /write #2/);
});

test('C15: a swapper that reads an armed anonymous page waits for itself', () => {
  const page = new PageModel({ backing: 'anon', entry: 'armed', minor: false, pinned: false, sharedMapping: false });
  page.step('set-sync');
  assert.equal(page.step('copy-mapping'), 'self-blocked');
  assert.throws(
    () => checkBacking(primitives.get('rwp-sync'), 'anon'),
    (error: unknown) => error instanceof UsageError && /waits for itself/.test(error.message) && /backing=shmem/.test(error.hint!),
  );
});

test('every impossible pair is a UsageError that says why', () => {
  for (const primitive of primitives.all) {
    for (const backing of BACKINGS) {
      const works = primitive.descriptor.backing[backing];
      if (works === true) assert.doesNotThrow(() => checkBacking(primitive, backing));
      else
        assert.throws(
          () => checkBacking(primitive, backing),
          (error: unknown) => error instanceof UsageError && error.message.includes(works),
        );
    }
  }
});

test('C17: flushes per batch and page-table writes per page, counted from the steps (semantics 11)', () => {
  const count = (id: string, backing: 'anon' | 'shmem', params = {}): number[] => {
    const { flushes, pteWrites, modeSwitches } = priceInOps(stepsOf(primitives.get(id), { backing, armed: true, params }), 1);
    return [flushes, pteWrites, modeSwitches];
  };
  assert.deepEqual(count('uffd-wp', 'anon'), [2, 2, 0]);
  assert.deepEqual(count('rwp-sync', 'shmem'), [1, 1, 2]);
  assert.deepEqual(count('readv-dontneed', 'anon', { protect: 'none' }), [1, 1, 0]);
  assert.deepEqual(count('uffd-move', 'anon'), [2, 3, 0]);
  assert.deepEqual(count('uffd-evict', 'shmem'), [1, 1, 0]);
  assert.deepEqual(count('punch-hole', 'shmem'), [1, 1, 0]);
  assert.deepEqual(count('madv-pageout', 'anon'), [1, 1, 0]);
});

test('fewer accesses never find a loss that more do not, and exploring twice gives the same table', () => {
  const race: RaceCase = { primitive: 'punch-hole', params: {}, backing: 'shmem', entry: 'present', handler: 'rescue' };
  assert.deepEqual(raceRow(race), raceRow(race));
  for (const { primitive, params, backing, entry, handler, safe } of table) {
    if (safe) assert.ok(raceRow({ primitive, params, backing, entry, handler }, { maxAccesses: 2 }).safe);
  }
});

test('docs/eviction.md shows the table that the exploration finds', () => {
  const text = readFileSync(new URL('../../../docs/eviction.md', import.meta.url), 'utf8');
  const shown = /<!-- races -->\n([\s\S]*)\n<!-- \/races -->/.exec(text)?.[1];
  assert.equal(shown, raceMarkdown(table));
});
