/** Records of exact logs that WebAssembly reads, against the same worked out plainly. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { sourceOfBytes } from '@workset/ingest';
import { vmgtIngestor } from '../src/formats/vmgt.ts';
import { WINDOW_BYTES } from '../src/formats/vmgt-code.ts';
import { giveBackVmgtMemory, takeVmgtMemory } from '../src/formats/vmgt-memory.ts';
import { readPlainBatches } from '../src/read-batches.ts';
import { recorder } from './ingest-helpers.ts';
import { vmgtFile, type VmgtFrame, type VmgtHeader } from './kit-files.ts';

interface Access {
  readonly pfn: number;
  readonly flags: number;
  readonly vpn: number;
}
type Quanta = readonly (readonly Access[])[];

function fileOf(quanta: Quanta, header: VmgtHeader = {}): Uint8Array {
  const frames = quanta.map((records, q): VmgtFrame => ({ tag: 'Q', q, records }));
  return vmgtFile([...frames, { tag: 'E', records: quanta.reduce((sum, { length }) => sum + length, 0) }], header);
}

/** "space quantum page class" of every touch, sorted. */
async function read(bytes: Uint8Array, chunk?: number): Promise<string[]> {
  const list: string[] = [];
  for await (const batch of readPlainBatches(vmgtIngestor, sourceOfBytes('gt.vmgt', bytes, chunk), recorder())) {
    if (batch.kind !== 'touches') continue;
    for (let i = 0; i < batch.n; i++) list.push(`${batch.space} ${batch.t0Ns / 1e6} ${batch.page[i]} ${batch.cls[i]}`);
  }
  return list.sort();
}

function plainly(quanta: Quanta): string[] {
  const list = new Set<string>();
  for (const [q, records] of quanta.entries()) {
    for (const { pfn, flags, vpn } of records) {
      const user = [...((flags & 5) !== 0 ? [0] : []), ...((flags & 2) !== 0 ? [1] : [])];
      const kernel = [...((flags & 40) !== 0 ? [2] : []), ...((flags & 16) !== 0 ? [3] : [])];
      for (const cls of [...user, ...kernel]) list.add(`gpa ${q} ${pfn} ${cls}`);
      for (const cls of user) list.add(`gva ${q} ${vpn} ${cls}`);
    }
  }
  return [...list].sort();
}

test('pages of a few blocks far and near, in numbers of every length', async () => {
  const block = fc.constantFrom(0, 1, 2, 40, 5000, 2 ** 20, 2 ** 26, 2 ** 34, 2 ** 35 - 100);
  const record = fc.record({
    gap: fc.oneof(
      { weight: 6, arbitrary: fc.integer({ min: 1, max: 3 }) },
      fc.integer({ min: 1, max: 300 }),
      fc.integer({ min: 1, max: 20_000 }),
    ),
    flags: fc.oneof({ weight: 3, arbitrary: fc.constantFrom(1, 3, 8, 32) }, fc.integer({ min: 1, max: 63 })),
    // a step from the page before, or a page of a block
    step: fc.option(fc.integer({ min: -80, max: 80 })),
    block,
    inBlock: fc.nat(511),
  });
  const header = fc.record({ options: fc.constantFrom(0, 1, 2, 3), ncpu: fc.constantFrom(1, 4) });
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(record, { maxLength: 300, size: 'max' }), { maxLength: 6 }),
      header,
      fc.constantFrom(1, 33, 1000, 1 << 20),
      async (plan, head, chunk) => {
        const quanta = plan.map((records) => {
          let [pfn, vpn] = [-1, 0];
          return records.map(({ gap, flags, step, block: b, inBlock }) => {
            pfn += gap;
            if ((flags & 7) !== 0) vpn = step === null || vpn + step < 0 ? b * 512 + inBlock : vpn + step;
            return { pfn, flags, vpn };
          });
        });
        // twice, so that most blocks are known
        const twice = [...quanta, ...quanta];
        assert.deepEqual(await read(fileOf(twice, head), chunk), plainly(twice));
      },
    ),
    { numRuns: 60 },
  );
});

test('a quantum that does not fit the window, and small ones behind it', async () => {
  const small = Array.from({ length: 900 }, (_, i) => ({ pfn: 3 * i, flags: i % 5 === 0 ? 27 : 1, vpn: 7000 + i }));
  const large = Array.from({ length: 190_000 }, (_, i) => ({ pfn: 2 * i + 1, flags: 3, vpn: i + (i % 2) * 900_000 }));
  const quanta = [small, large, small, small];
  const bytes = fileOf(quanta);
  assert(bytes.length > WINDOW_BYTES + 8000);
  const wanted = plainly(quanta);
  for (const chunk of [1 << 18, bytes.length]) {
    const got = await read(bytes, chunk);
    assert.equal(got.length, wanted.length);
    assert(got.every((touch, i) => touch === wanted[i]));
  }
});

test('a log after another, and two at once, know nothing of each other', async () => {
  const logs = [5, 6, 7].map((at): Quanta => {
    const records = Array.from({ length: 700 }, (_, i) => ({ pfn: at * 300 + i, flags: 1 + (i % 3), vpn: at * 5000 + i }));
    return Array.from({ length: 70 }, () => records.slice(at));
  });
  const wanted = logs.map(plainly);
  assert.deepEqual(await Promise.all(logs.map((log) => read(fileOf(log), 3000))), wanted);
  for (const [i, log] of logs.entries()) assert.deepEqual(await read(fileOf(log)), wanted[i]);
  // half a log
  for await (const batch of vmgtIngestor.ingest(sourceOfBytes('gt.vmgt', fileOf(logs[0]!), 3000), recorder())) {
    if (batch.kind === 'quanta') break;
  }
  assert.deepEqual(await read(fileOf(logs[1]!)), wanted[1]);
});

test('memory of a large log is left to the garbage collector', () => {
  const memory = takeVmgtMemory();
  memory.reserveSeen(1 << 21);
  giveBackVmgtMemory(memory);
  const next = takeVmgtMemory();
  assert.notEqual(next, memory);
  giveBackVmgtMemory(next);
  assert.equal(takeVmgtMemory(), next);
});
