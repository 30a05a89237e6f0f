/** Damage of every kind for every text and log format: the same result whatever the chunks, and never an untyped error. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WorksetError } from '@workset/model';
import type { Ingestor } from '@workset/model';
import { champsimIngestor } from '../src/formats/champsim.ts';
import { csvIngestor } from '../src/formats/csv.ts';
import { damonTraceIngestor } from '../src/formats/damon-trace.ts';
import { drmemtraceViewIngestor } from '../src/formats/drmemtrace-view.ts';
import { gem5Ingestor } from '../src/formats/gem5.ts';
import { lackeyIngestor } from '../src/formats/lackey.ts';
import { oracleGeneralIngestor } from '../src/formats/oracle-general.ts';
import { perfMemIngestor } from '../src/formats/perf-mem.ts';
import { perfScriptIngestor } from '../src/formats/perf-script.ts';
import { perfTraceIngestor } from '../src/formats/perf-trace.ts';
import { pinatraceIngestor } from '../src/formats/pinatrace.ts';
import { qemuExeclogIngestor } from '../src/formats/qemu-execlog.ts';
import { reapIngestor } from '../src/formats/reap.ts';
import { essence, fixture, ingestBytes, random } from './text-harness.ts';
import type { Outcome } from './text-harness.ts';

const options = { 'accesses-per-second': '1e9' };
const head = (path: string, bytes = 6000): Buffer => fixture(path).subarray(0, bytes);
const rows = (text: string, n: number): Buffer => Buffer.from(text.repeat(n));

const subjects: readonly (readonly [Ingestor, string, Buffer])[] = [
  [damonTraceIngestor, 'ftrace', head('damon-text/phases-pti.C.ftrace.txt.gz')],
  [damonTraceIngestor, 'trace-cmd -R', head('damon-text/trace-cmd.opt-R.txt')],
  [damonTraceIngestor, 'mixed', head('bad-text/damon-mixed-events.txt')],
  [perfScriptIngestor, 'addr and ip', head('redis-pti/B.perf.txt.gz')],
  [perfScriptIngestor, 'symbols', head('perf-text/pf.F-ns.txt.gz')],
  [perfScriptIngestor, 'exceptions', head('perf-text/exc.tasks.txt.gz')],
  [perfScriptIngestor, 'with DAMON', head('damon-text/trace-cmd.opt--ts-diff.txt')],
  [perfScriptIngestor, 'odd names', head('bad-text/odd-comm.txt')],
  [perfMemIngestor, 'script', head('perf-text/memlike.F-data_src.txt.gz')],
  [perfMemIngestor, 'report', head('perf-text/memlike.perf-mem-D.txt.gz')],
  [perfTraceIngestor, 'faults', head('perf-text/trace-F.txt.gz')],
  [perfTraceIngestor, 'tracepoints', head('perf-text/trace-tp.txt.gz')],
  [lackeyIngestor, 'log', head('access-logs/lackey.head.txt')],
  [
    drmemtraceViewIngestor,
    'view',
    rows(
      '  5  1: W0.T32 write    8 byte(s) @ 0x00007ffcb4e8cffc by PC 0x00007f12\n  8  2: W0.T32 <marker: timestamp 13312410768080482>\n',
      30,
    ),
  ],
  [pinatraceIngestor, 'log', rows('0x00007f1261d40b70: R 0x7ffcb4e8cc99\n0x00007f1261d40b73: W 0x7ffcb4e8d000\n', 30)],
  [qemuExeclogIngestor, 'log', rows('0, 0x10c8, 0xfff96c43, "ldr r3, [r0, #0x44]", load, 0x200000e4, RAM\n', 30)],
  [csvIngestor, 'rows', Buffer.concat([Buffer.from('time_us,op,address,size\n'), rows('10,W,0x1ffc,8\n', 60)])],
  [reapIngestor, 'offsets', rows('1f4d000\n', 100)],
  [champsimIngestor, 'records', Buffer.from(Array.from({ length: 64 * 20 }, (_, i) => (i % 64 < 6 ? i & 127 : 0)))],
  [oracleGeneralIngestor, 'records', Buffer.from(Array.from({ length: 24 * 40 }, (_, i) => (i % 24 === 4 ? i & 63 : 0)))],
  [gem5Ingestor, 'rows', rows('r,2147487740,8,0,1000\nw,18446744073709547520,64,2000\n', 40)],
  [
    gem5Ingestor,
    'protobuf',
    Buffer.concat([
      Buffer.from('gem5'),
      Buffer.from([2, 24, 100]),
      Buffer.from(Array.from({ length: 40 }, () => [8, 8, 10, 16, 1, 24, 127, 32, 8]).flat()),
    ]),
  ],
];

async function run(ingestor: Ingestor, bytes: Buffer, chunk?: number): Promise<Outcome> {
  const outcome = await ingestBytes(ingestor, bytes, { options, ...(chunk === undefined ? {} : { chunk }) });
  assert.ok(outcome.error === undefined || outcome.error instanceof WorksetError, outcome.error?.stack);
  const confidence = ingestor.sniff(bytes);
  assert.ok(confidence >= 0 && confidence <= 1);
  for (const { page, timeNs } of outcome.accesses)
    assert.ok(Number.isInteger(page) && page >= 0 && page < 2 ** 52 && timeNs >= 0, `${page} ${timeNs}`);
  return outcome;
}

for (const [ingestor, what, bytes] of subjects) {
  const name = `${ingestor.descriptor.id} ${what}`;
  test(`${name}: chunks do not matter`, async () => {
    const whole = await run(ingestor, bytes);
    assert.equal(whole.error, undefined);
    assert.ok(whole.accesses.length + whole.reports.length > 0);
    for (const chunk of [1, 2, 13, 1000]) assert.deepEqual(essence(await run(ingestor, bytes, chunk)), essence(whole));
  });

  test(`${name}: cut anywhere`, async () => {
    const whole = await run(ingestor, bytes);
    for (let cut = 0; cut < bytes.length; cut += cut < 200 ? 7 : 97) {
      const outcome = await run(ingestor, bytes.subarray(0, cut));
      assert.ok(outcome.accepted <= whole.accepted + 1, `cut at ${cut}`);
    }
  });

  test(`${name}: flipped bytes`, async () => {
    const below = random(bytes.length);
    for (let round = 0; round < 60; round++) {
      const damaged = Buffer.from(bytes);
      for (let flips = 1 + below(20); flips > 0; flips--) damaged[below(damaged.length)]! ^= 1 << below(8);
      const outcome = await run(ingestor, damaged);
      if (round % 10 === 0) assert.deepEqual(essence(await run(ingestor, damaged, 1 + below(50))), essence(outcome));
    }
  });

  test(`${name}: shuffled, doubled and foreign lines, noise`, async () => {
    const below = random(7);
    const lines = bytes.toString('latin1').split('\n');
    for (let round = 0; round < 20; round++) {
      const mixed = lines.toSorted(() => below(3) - 1);
      for (let more = below(5); more > 0; more--)
        mixed.splice(below(mixed.length), 0, lines[below(lines.length)]!, '\0\xff\x1b[31m', '#', ':', '1.000000: ', ' [000] 1: ');
      await run(ingestor, Buffer.from(mixed.join('\n'), 'latin1'));
      await run(ingestor, Buffer.from(Array.from({ length: 500 }, () => below(256))));
    }
  });
}
