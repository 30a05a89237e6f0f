/** Trace texts as other tools, versions and options print them, made by the description of their formats. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { UnreadableInputError } from '@workset/model';
import { inspectFile } from '@workset/ingest';
import { damonTraceIngestor } from '../src/formats/damon-trace.ts';
import { perfScriptIngestor } from '../src/formats/perf-script.ts';
import { ingestText } from './text-harness.ts';

/** Names that threads have, or could have. */
const COMMS = [
  'CPU 0/KVM',
  'a b: c',
  '123',
  '[kworker]',
  '12:34',
  'x 5 [001]',
  'Web Content',
  'page-faults:',
  '-bash',
  'a/b 7/8',
  '0x1f',
  'comm-12',
  '(sd-pam)',
];
const task = (i: number) => ({ comm: COMMS[i]!.padStart(16), tid: 4145 + i, pid: 4000 + i, cpu: i % 4, page: 0x7f0000000 + i });
const page = (i: number): string => task(i).page.toString(16);
const fault = (i: number): string => `page_fault_user: address=0x${page(i)}123 ip=0x7f29da35ab70 error_code=0x6`;
const cpu = (i: number): string => `[${String(task(i).cpu).padStart(3, '0')}]`;
const us = (i: number): string => `   86.${String(581_928 + i)}`;

/** How a line is printed, and whether it names pid and CPU. */
const LAYOUTS: Readonly<
  Record<string, { line: (i: number) => string; hasPid?: boolean; noCpu?: boolean; unit?: number; writes?: boolean }>
> = {
  'perf, tid': {
    line: (i) => `${task(i).comm} ${String(task(i).tid).padStart(5)} ${cpu(i)} ${us(i)}: page-faults: ${`${page(i)}123`.padStart(16)}`,
  },
  'perf, pid/tid, period, ip, symbol': {
    hasPid: true,
    line: (i) =>
      `${task(i).comm} ${String(task(i).pid).padStart(5)}/${String(task(i).tid).padEnd(5)} ${cpu(i)} ${us(i)}:          1 page-faults:u: ${`${page(i)}123`.padStart(16)}     55d0deadbeef operator new(unsigned long)+0x1 (a.out)`,
  },
  'perf 6.12, no cpu, ns': {
    noCpu: true,
    unit: 1,
    line: (i) =>
      `${task(i).comm} ${String(task(i).tid).padStart(7)}    86.${String(581_928_000 + i)}: minor-faults: ${`${page(i)}123`.padStart(16)}`,
  },
  'perf, misc flags': {
    line: (i) => `${task(i).comm} ${String(task(i).tid).padStart(5)} ${cpu(i)} U    ${us(i)}: page-faults: ${`${page(i)}123`.padStart(16)}`,
  },
  'ftrace, five flags': {
    writes: true,
    line: (i) => `${task(i).comm}-${String(task(i).tid).padEnd(7)} ${cpu(i)} d..2. ${us(i)}: ${fault(i)}`,
  },
  'ftrace, four flags': {
    writes: true,
    line: (i) => `${task(i).comm}-${String(task(i).tid).padEnd(7)} ${cpu(i)} d..2 ${us(i)}: ${fault(i)}`,
  },
  'ftrace, all flags set': {
    writes: true,
    line: (i) => `${task(i).comm}-${String(task(i).tid).padEnd(7)} ${cpu(i)} dNH21 ${us(i)}: ${fault(i)}`,
  },
  'trace-cmd, latency': { writes: true, line: (i) => `${task(i).comm}-${task(i).tid}   ${task(i).cpu}d..2 ${us(i)}: ${fault(i)}` },
  'ftrace, noirq-info': { writes: true, line: (i) => `${task(i).comm}-${String(task(i).tid).padEnd(7)} ${cpu(i)} ${us(i)}: ${fault(i)}` },
  'ftrace, tgid': {
    writes: true,
    line: (i) => `${task(i).comm}-${String(task(i).tid).padEnd(7)} ( ${task(i).pid}) ${cpu(i)} d..2. ${us(i)}: ${fault(i)}`,
  },
  'trace-cmd, instance': { writes: true, line: (i) => `inst:${task(i).comm}-${task(i).tid}  ${cpu(i)} ${us(i)}: ${fault(i)}` },
};

for (const [name, { line, noCpu = false, unit = 1000, writes = false }] of Object.entries(LAYOUTS)) {
  for (const end of ['\n', '\r\n']) {
    test(`${name}${end === '\n' ? '' : ', CRLF'}: any thread name`, async () => {
      // each twice, so that the second goes the fast way
      const order = [...COMMS.keys()].flatMap((i) => [i, i]);
      const outcome = await ingestText(perfScriptIngestor, order.map((i) => line(i) + end).join(''));
      assert.deepEqual(
        outcome.accesses.map((each) => [each.page, each.cls, each.timeNs, each.cpu, each.pid]),
        order.map((i) => [
          task(i).page,
          writes ? 1 : 0,
          86e9 + (unit === 1 ? 581_928_000 + i : (581_928 + i) * 1000),
          noCpu ? -1 : task(i).cpu,
          task(i).tid,
        ]),
      );
      assert.deepEqual(Object.keys(outcome.rejected), writes ? [] : ['access-type-unknown']);
    });
  }
}

test('tracepoints printed without their fields are counted as such, and alone refused with the way to print them', async () => {
  const bare = (i: number): string => `${task(i).comm} ${task(i).tid} ${us(i)}: exceptions:page_fault_user:                0\n`;
  const addr = (i: number): string => `${task(i).comm} ${task(i).tid} ${us(i)}: page-faults:     ${page(i)}123\n`;
  const mixed = await ingestText(perfScriptIngestor, bare(0) + addr(1) + bare(2));
  assert.equal(mixed.accesses.length, 1);
  assert.equal(mixed.rejected['no-trace-fields'], 2);
  const { error } = await ingestText(perfScriptIngestor, bare(0) + bare(1));
  assert.ok(error instanceof UnreadableInputError);
  assert.match(error.message, /without their own fields/);
  assert.match(error.hint!, /-F .*trace/);
});

const damon = (body: string, event = 'damon_aggregated'): string => `       kdamond.0-1297    [001] .....  5.000000: ${event}: ${body}\n`;

test('DAMON lines of which none can be used: refused with the first reason and its line', async () => {
  for (const [body, reason] of [
    ['target_id=0 nr_regions=1 0x1000-0x2000: 0 0', /line 1: .*unreadable/],
    ['target_id=0 nr_regions=0 0-0: 0 0', /start >= end, or in a snapshot of 0 regions/],
    ['target_id=0 nr_regions=1 4096-8192: -1 3', /unreadable/],
    ['target_id=0 nr_regions=1 4096-18446744073709551615: 0 0', /not page aligned/],
  ] as const) {
    const { error } = await ingestText(damonTraceIngestor, damon(body));
    assert.ok(error instanceof UnreadableInputError, body);
    assert.match(error.message, reason);
  }
});

const root = mkdtempSync(join(tmpdir(), 'workset-variants-'));
after(() => rmSync(root, { recursive: true }));

test('ftrace text of a clock without times is named as such', async () => {
  const path = join(root, 'trace.txt');
  for (const flags of ['..... ', '.... ', '']) {
    writeFileSync(
      path,
      `# tracer: nop\n#\n       kdamond.0-1297    [001] ${flags}123456789: damon_aggregated: target_id=0 nr_regions=1 4096-8192: 0 0\n`,
    );
    await assert.rejects(
      inspectFile(path),
      (error: unknown) => error instanceof UnreadableInputError && /trace_clock/.test(error.message) && /echo mono/.test(error.hint!),
    );
  }
});
