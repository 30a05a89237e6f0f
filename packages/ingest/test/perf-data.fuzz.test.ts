import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { WorksetError } from '@workset/model';
import { perfDataIngestor } from '../src/formats/perf-data.ts';
import { bytesSource, collect } from './ingest-helpers.ts';
import type { Collected } from './ingest-helpers.ts';

const CASE = join(import.meta.dirname, '../../../traces/perf-data');
const bytes = (name: string): Uint8Array => new Uint8Array(gunzipSync(readFileSync(join(CASE, `${name}.data.gz`))));
const run = (data: Uint8Array, chunk?: number): Promise<Collected> => collect(perfDataIngestor, bytesSource(data, chunk));

/** The result, or the typed error's message; any other error fails the test. */
async function outcome(data: Uint8Array, chunk?: number): Promise<Collected | string> {
  try {
    return await run(data, chunk);
  } catch (error) {
    if (error instanceof WorksetError) return error.message;
    throw error;
  }
}

/** Offsets at which a record of a pipe ends. */
function pipeBoundaries(data: Uint8Array): Set<number> {
  const TRACING_DATA = 66;
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const ends = new Set<number>();
  for (let at = 16; at + 8 <= data.length; ends.add(at)) {
    const extra = view.getUint32(at, true) === TRACING_DATA ? view.getUint32(at + 8, true) : 0;
    at += view.getUint16(at + 6, true) + extra;
  }
  return ends;
}

for (const name of ['pf', 'pf-zstd', 'pf-pipe', 'exc-pipe', 'exc-multi', 'pf-bigendian.synth', 'pf-callgraph']) {
  test(`${name}: chunks of 1, 7 and 4093 bytes give the same accesses`, async () => {
    const data = bytes(name);
    const whole = await run(data);
    for (const chunk of [1, 7, 4093]) assert.deepEqual((await run(data, chunk)).accesses, whole.accesses);
  });

  test(`${name}: cut anywhere, the samples before the cut or a typed error`, async () => {
    const data = bytes(name);
    const whole = await run(data);
    // a pipe does not say how long it is: a cut between two records cannot be seen
    const boundaries = name.endsWith('pipe') ? pipeBoundaries(data) : new Set<number>();
    let kept = 0;
    for (let i = 0; i < 120; i++) {
      const cut = Math.floor((data.length * i) / 120) + (i % 8);
      const result = await outcome(data.subarray(0, cut));
      if (typeof result === 'string') continue;
      kept++;
      const known = new Set(whole.accesses.map((access) => `${access.t} ${access.page}`));
      assert.ok(
        result.accesses.every((access) => known.has(`${access.t} ${access.page}`)),
        `cut at ${cut}`,
      );
      if (boundaries.has(cut)) continue;
      if (result.accesses.length < whole.accesses.length) assert.ok(result.ctx.rejections.length > 0, `cut at ${cut} is silent`);
    }
    // tracepoint names lie behind the data of a file, so a cut file can lack them
    assert.ok(kept > 0);
  });

  test(`${name}: flipped bytes end in a result or a typed error, soon`, { timeout: 60_000 }, async () => {
    const data = bytes(name);
    let seed = 12345;
    const random = (below: number): number => {
      seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
      return Math.floor((seed / 2 ** 32) * below);
    };
    for (let i = 0; i < 250; i++) {
      const damaged = data.slice();
      const flips = 1 + random(4);
      for (let f = 0; f < flips; f++) damaged[i % 2 === 0 ? random(Math.min(2048, data.length)) : random(data.length)] = random(256);
      const result = await outcome(damaged);
      if (typeof result !== 'string') assert.ok(result.accesses.length <= 5000);
    }
  });
}
