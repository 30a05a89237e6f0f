/** Memory does not grow with the file: a third of what there is more of it is above what the garbage collector leaves lying about. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { once } from 'node:events';
import { after, test } from 'node:test';

const MIB = 2 ** 20;
const root = mkdtempSync(join(tmpdir(), 'workset-memory-'));
after(() => rmSync(root, { recursive: true, force: true }));
const skip = existsSync('/proc/self/status') ? false : 'needs the peak of memory from /proc';

interface Peak {
  readonly peakBytes: number;
  readonly records: number;
}

/** Ingests the text of `blocks` from stdin in a process of its own. */
async function peakOf(format: string, blocks: Iterable<string>): Promise<Peak> {
  const child = spawn(
    process.execPath,
    [
      '--conditions=workset-src',
      '--disable-warning=ExperimentalWarning',
      '--max-semi-space-size=4',
      join(import.meta.dirname, 'memory-child.ts'),
      join(root, 'a.trace'),
      format,
    ],
    { stdio: ['pipe', 'pipe', 'inherit'] },
  );
  let printed = '';
  child.stdout.on('data', (chunk: Buffer) => (printed += chunk.toString()));
  const closed = once(child, 'close');
  for (const block of blocks) if (!child.stdin.write(block, 'latin1')) await once(child.stdin, 'drain');
  child.stdin.end();
  const [code] = (await closed) as [number];
  assert.equal(code, 0);
  return JSON.parse(printed) as Peak;
}

/** `perf script -F comm,pid,tid,cpu,time,event,addr`, in blocks of ten thousand lines. */
function* perfText(bytes: number): Generator<string> {
  let us = 1e9;
  for (let written = 0; written < bytes;) {
    let block = '';
    for (let i = 0; i < 10_000; i++, us += 2) {
      const time = `${Math.floor(us / 1e6)}.${String(us % 1e6).padStart(6, '0')}`;
      const page = 0x7f1234000 + (Math.imul(us, 0x9e3779b1) >>> 17);
      block += `    toucher  3332/3332  [001] ${time.padStart(12)}: page-faults:     ${page.toString(16)}abc\n`;
    }
    written += block.length;
    yield block;
  }
}

/** damo json, a snapshot of a thousand regions per block. */
function* damoJson(bytes: number): Generator<string> {
  yield '[{"kdamond_idx":0,"intervals":{"sample_us":"5000","aggr_us":"100000"},"target_id":0,"snapshots":[';
  let ns = 1e9;
  for (let written = 0; written < bytes; ns += 1e8) {
    const regions = Array.from({ length: 1000 }, (_, i) => {
      const start = (i + 1) * 2 ** 24;
      const nr = (ns / 1e8 + i) % 20;
      return `{ "start": "${start.toLocaleString('en-US')}", "end": "${(start + 2 ** 23).toLocaleString('en-US')}", "nr_accesses": { "samples": ${nr}, "percent": null }, "age": { "usec": null, "aggr_intervals": "${i}" } }`;
    });
    const block = `${written > 0 ? ',' : ''}{"start_time":"${ns}","end_time":"${ns + 1e8}","regions":[${regions.join(',\n')}]}`;
    written += block.length;
    yield block;
  }
  yield ']}]';
}

for (const [format, make] of [
  ['perf-script', perfText],
  ['damo', damoJson],
] as const) {
  test(`${format}: 288 MiB take no more memory than 32 MiB`, { skip, timeout: 120_000 }, async (t) => {
    const small = await peakOf(format, make(32 * MIB));
    const large = await peakOf(format, make(288 * MIB));
    assert.ok(large.records > 2.5 * small.records, `${small.records} and ${large.records} records`);
    const grown = (large.peakBytes - small.peakBytes) / MIB;
    assert.ok(grown < 85, `${grown.toFixed(0)} MiB more`);
    assert.ok(large.peakBytes < 300 * MIB, `${(large.peakBytes / MIB).toFixed(0)} MiB`);
    t.diagnostic(`${format}: ${(small.peakBytes / MIB).toFixed(0)} and ${(large.peakBytes / MIB).toFixed(0)} MiB`);
  });
}
