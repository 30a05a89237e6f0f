/** What every reader of the capture kit must keep to, whatever its format. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Prng, WorksetError } from '@workset/model';
import { ingestors, guesses, sourceOfBytes } from '@workset/ingest';
import { KIT_SAMPLES } from './kit-files.ts';
import { readPlainBatches, type PlainBatch } from '../src/read-batches.ts';
import { recorder } from './ingest-helpers.ts';

/** Batches as plain values: columns cut to n and copied. */
function plain(batch: PlainBatch): unknown {
  const n = 'n' in batch ? batch.n : 0;
  return JSON.parse(
    JSON.stringify(batch, (_key, value: unknown) =>
      ArrayBuffer.isView(value) ? [...(value as Uint8Array)].slice(0, batch.kind === 'report' ? undefined : n) : value,
    ),
  );
}

async function read(id: string, bytes: Uint8Array, chunkBytes?: number): Promise<{ batches: unknown[]; error: unknown; accepted: number }> {
  const context = recorder();
  const batches: unknown[] = [];
  let error: unknown;
  try {
    for await (const batch of readPlainBatches(ingestors.get(id), sourceOfBytes(`A.${id}`, bytes, chunkBytes), context))
      batches.push(plain(batch));
  } catch (thrown) {
    error = thrown;
  }
  return { batches, error, accepted: context.accepted };
}

/** Batches of touches by space, all others together: quanta of one space are handed on several at a time. */
function bySpace(batches: readonly unknown[]): Map<string, unknown[]> {
  const groups = new Map<string, unknown[]>();
  for (const batch of batches as PlainBatch[]) {
    const space = batch.kind === 'touches' ? batch.space : '';
    groups.set(space, [...(groups.get(space) ?? []), batch]);
  }
  return groups;
}

const isText = (id: string) => id === 'phases-log' || id === 'uffdwp-scan';

for (const [id, bytes] of Object.entries(KIT_SAMPLES)) {
  describe(id, () => {
    test('is recognised by its content, and as nothing else', () => {
      const [best, second] = guesses(bytes);
      assert.equal(best!.ingestor.descriptor.id, id);
      assert.ok(best!.confidence >= 0.5);
      assert.ok((second?.confidence ?? 0) < best!.confidence);
    });

    test('gives the same batches in chunks of 1 and 7 bytes', async () => {
      const whole = await read(id, bytes);
      assert.equal(whole.error, undefined);
      assert.ok(whole.batches.length > 0 && whole.accepted > 0);
      assert.deepEqual(await read(id, bytes, 1), whole);
      assert.deepEqual(await read(id, bytes, 7), whole);
    });

    test('cut at any byte: a typed error, and nothing that the whole file does not have', async () => {
      const { batches } = await read(id, bytes);
      for (let cut = 1; cut < bytes.length; cut++) {
        const part = await read(id, bytes.subarray(0, cut));
        if (part.error !== undefined) assert.ok(part.error instanceof WorksetError, `cut at ${cut}: ${String(part.error)}`);
        // A text cut inside a number cannot be told from a shorter number; the reader of lines counts it as possibly truncated.
        if (isText(id) && bytes[cut - 1] !== 10) continue;
        for (const [space, got] of bySpace(part.batches))
          assert.deepEqual(got, bySpace(batches).get(space)!.slice(0, got.length), `cut at ${cut}`);
      }
    });

    test('with damaged bytes: ends, and fails only with a typed error', async () => {
      const random = new Prng(id);
      for (let round = 0; round < 400; round++) {
        const damaged = bytes.slice();
        for (let i = random.below(3); i >= 0; i--) damaged[random.below(damaged.length)] = random.below(256);
        const { error } = await read(id, damaged);
        if (error !== undefined) assert.ok(error instanceof WorksetError, `round ${round}: ${String(error)}\n${(error as Error).stack}`);
      }
    });
  });
}
