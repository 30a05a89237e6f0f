import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { UnreadableInputError } from '@workset/model';
import { recognise } from '@workset/ingest';
import { damonTraceIngestor } from '../src/formats/damon-trace.ts';
import { perfScriptIngestor } from '../src/formats/perf-script.ts';
import { ingestBytes, ingestText, fixture } from './text-harness.ts';
import type { Outcome } from './text-harness.ts';

const damon = (path: string, options?: Record<string, string>): Promise<Outcome> =>
  ingestBytes(damonTraceIngestor, fixture(path), { path, ...(options === undefined ? {} : { options }) });

/** "2.695 1 0": time in s, regions, pages in regions with nr_accesses > 0, as score.txt prints them. */
function scoreLines(outcome: Outcome): string[] {
  return outcome.reports.map((report) => {
    const regions = report.regions!;
    let hot = 0;
    let max = 0;
    for (let i = 0; i < regions.nPages.length; i++) {
      if (regions.nrAccesses[i]! > 0) hot += regions.nPages[i]!;
      max = Math.max(max, regions.nrAccesses[i]!);
    }
    return `t=${(report.readEndNs / 1e9).toFixed(3)} regions ${regions.nPages.length} hot ${hot} max ${max}`;
  });
}

function expectedScore(score: string, section: string): { title: string; lines: string[] } {
  const lines = score.split('\n');
  const at = lines.findIndex((line) => line.startsWith('DAMON') && line.includes(`(${section})`));
  const rows: string[] = [];
  for (const line of lines.slice(at + 1)) {
    const match = /t=([\d.]+) phase=\S* regions (\d+) .*nr_accesses>0 over (\d+) pages; max (\d+)/.exec(line);
    if (match === null) break;
    rows.push(`t=${match[1]} regions ${match[2]} hot ${match[3]} max ${match[4]}`);
  }
  return { title: lines[at]!, lines: rows };
}

for (const [run, section, ops] of [
  ['phases-pti', 'C', 'vaddr'],
  ['redis-pti', 'A', 'paddr'],
  ['rwp-shmem', 'D', 'paddr'],
] as const) {
  test(`${run} ${section}: snapshots, regions and times are those of the independent score.txt`, async () => {
    const outcome = await damon(run === 'phases-pti' ? `damon-text/${run}.${section}.ftrace.txt.gz` : `${run}/${section}.ftrace.txt.gz`);
    assert.equal(outcome.error, undefined);
    const score = expectedScore(
      fixture(run === 'phases-pti' ? `damon-text/${run}.score.excerpt.txt` : `${run}/score.txt`).toString(),
      section,
    );
    assert.match(score.title, new RegExp(`: ${outcome.reports.length} aggregations, ${outcome.accepted} region records`));
    assert.ok(score.lines.length > 10);
    const all = scoreLines(outcome);
    for (const line of score.lines) assert.ok(all.includes(line), line);
    assert.equal(outcome.streams.length, 1);
    assert.match(outcome.streams[0]!, new RegExp(`${section}.ftrace damon-${ops} ${ops === 'vaddr' ? 'gva' : 'gpa'}`));
    assert.ok(outcome.reports.every((report) => report.complete));
  });
}

const captures = new URL('../../../../shared/captures/', import.meta.url);
test('every DAMON section of every capture', { skip: existsSync(captures) ? false : 'the captures are not on this machine' }, async () => {
  for (const [run, section] of [
    ['files-pti', 'A'],
    ['phases-pti', 'A'],
    ['phases-thp', 'A'],
    ['phases-thp', 'C'],
    ['redis-pti', 'C'],
  ]) {
    const bytes = gunzipSync(readFileSync(new URL(`${run}/${section}.ftrace.txt.gz`, captures)));
    const outcome = await ingestBytes(damonTraceIngestor, bytes);
    const score = expectedScore(readFileSync(new URL(`${run}/score.txt`, captures), 'utf8'), section!);
    assert.match(score.title, new RegExp(`: ${outcome.reports.length} aggregations, ${outcome.accepted} region records`));
    for (const line of score.lines) assert.ok(scoreLines(outcome).includes(line), `${run} ${line}`);
  }
});

test('the claim window is the aggregation interval before the first record', async () => {
  const byDefault = await damon('damon-text/phases-pti.C.ftrace.txt.gz');
  const first = byDefault.reports[0]!;
  assert.equal(first.readBeginNs, 12_695_955_000);
  assert.equal(first.readEndNs, 12_695_955_000);
  assert.equal(first.setBeginNs, 12_595_955_000);
  assert.equal(first.setEndNs, 12_595_955_000);
  assert.equal(first.reported, null);
  assert.equal(first.eligible, null);
  assert.match(byDefault.messages['assumed-aggregation']!, /100 ms.*apart on average/);
  const given = await damon('damon-text/phases-pti.C.ftrace.txt.gz', { aggregation: '50ms' });
  assert.equal(given.reports[0]!.setEndNs, 12_645_955_000);
  assert.equal(given.rejected['assumed-aggregation'], undefined);
});

test('page faults between the DAMON lines are counted, not read', async () => {
  const outcome = await damon('redis-pti/A.ftrace.txt.gz');
  assert.equal(outcome.rejected['access-event'], 2517);
  assert.equal(outcome.firstLine['access-event'], 13);
});

test('the same recording through tracefs and through perf: the same regions', async () => {
  const perf = await damon('damon-text/damon.perf.script.txt.gz');
  const tracefs = await damon('damon-text/damon.tracefs.txt.gz');
  const regionsOf = (outcome: Outcome): string[] =>
    outcome.reports
      .filter((report) => !report.stream.includes('before_apply'))
      .map((report) =>
        Object.values(report.regions!)
          .map((column: Float64Array) => column.join())
          .join(';'),
      );
  assert.equal(perf.reports.length, 46);
  assert.equal(tracefs.reports.length, 56);
  for (const regions of regionsOf(perf)) assert.ok(regionsOf(tracefs).includes(regions));
});

test('trace-cmd report: default, -t, -l, --ts-diff and -R show the same snapshot', async () => {
  const outcomes = await Promise.all(['opt-t', 'opt-l', 'opt--ts-diff', 'opt-R'].map((name) => damon(`damon-text/trace-cmd.${name}.txt`)));
  const start = (outcome: Outcome): number[] => [...outcome.reports[0]!.regions!.startPage];
  const age = (outcome: Outcome): number[] => [...outcome.reports[0]!.regions!.age];
  for (const outcome of outcomes) {
    assert.equal(outcome.accepted, 5);
    assert.deepEqual(start(outcome), start(outcomes[0]!));
    assert.deepEqual(age(outcome), [20, 20, 20, 20, 20]);
  }
  assert.equal(outcomes[0]!.reports[0]!.readEndNs, 1024_600805486);
  assert.equal(outcomes[1]!.reports[0]!.readEndNs, 1024_600805000);
  const whole = await damon('damon-text/trace-cmd.report.txt.gz');
  assert.equal(whole.accepted, 2402);
});

test('ftrace with and without irq info and tgid', async () => {
  assert.equal((await damon('damon-text/ftrace.noirqinfo.txt')).accepted, 30);
  assert.equal((await damon('damon-text/ftrace.tgid.txt')).accepted, 24);
  assert.equal((await damon('damon-text/ftrace.verbose.txt')).accepted, 14);
});

test('ftrace with the raw option has no times and no names: refused', async () => {
  const outcome = await damon('damon-text/ftrace.raw-opt.txt');
  assert.ok(outcome.error instanceof UnreadableInputError);
  assert.equal(outcome.rejected['not-a-sample'], 8);
});

test("damo's perf_script: two snapshots of thousands of regions", async () => {
  const outcome = await damon('damon-text/damo.perf_script.txt.gz');
  assert.equal(outcome.accepted, 3858);
  assert.equal(outcome.reports.length, 2);
  assert.ok(outcome.reports.every((report) => report.complete));
});

test("damo's own writer prints xxxx for pid and cpu, and None for an age", async () => {
  const outcome = await ingestText(
    damonTraceIngestor,
    'kdamond.x xxxx xxxx 921.820622: damon:damon_aggregated: target_id=1 nr_regions=1 4096-8192: 3 None\n',
  );
  assert.equal(outcome.reports.length, 1);
  assert.equal(outcome.reports[0]!.regions!.age[0], -1);
  assert.equal(outcome.reports[0]!.readEndNs, 921_820622000);
});

const line = (time: string, body: string, event = 'damon_aggregated'): string =>
  `       kdamond.0-59      [000] .....     ${time}: ${event}: ${body}\n`;

test('a lost line leaves the snapshot short and marked', async () => {
  const outcome = await ingestText(
    damonTraceIngestor,
    line('1.000000', 'target_id=0 nr_regions=3 0-4096: 0 1') +
      line('1.000001', 'target_id=0 nr_regions=3 8192-12288: 1 1') +
      'CPU:0 [LOST 7 EVENTS]\n' +
      line('1.100000', 'target_id=0 nr_regions=1 0-12288: 2 0') +
      'CPU:1 [9 EVENTS DROPPED]\n',
  );
  assert.deepEqual(
    outcome.reports.map((report) => [report.complete, report.counts['nr_regions'], report.regions!.nPages.length]),
    [
      [false, 3, 2],
      [true, 1, 1],
    ],
  );
  assert.equal(outcome.rejected['short-snapshot'], 1);
  assert.equal(outcome.lost, 16);
});

test('a missing line between two bursts: start goes back, or the gap is long', async () => {
  const back = await ingestText(
    damonTraceIngestor,
    line('1.000000', 'target_id=0 nr_regions=2 4096-8192: 0 1') +
      line('1.000002', 'target_id=0 nr_regions=2 0-4096: 0 1') +
      line('1.000003', 'target_id=0 nr_regions=2 4096-8192: 0 1'),
  );
  assert.deepEqual(
    back.reports.map((report) => report.complete),
    [false, true],
  );
  const gap = await ingestText(
    damonTraceIngestor,
    line('1.000000', 'target_id=0 nr_regions=2 0-4096: 0 1') + line('1.100000', 'target_id=0 nr_regions=2 4096-8192: 0 1'),
  );
  assert.deepEqual(
    gap.reports.map((report) => report.complete),
    [false, false],
  );
});

test('targets and events are kept apart', async () => {
  const outcome = await ingestText(
    damonTraceIngestor,
    line('1.000000', 'target_id=0 nr_regions=2 0-4096: 0 1') +
      line('1.000001', 'target_id=1 nr_regions=1 0-4096: 5 1') +
      line('1.000002', 'ctx_idx=0 scheme_idx=0 target_idx=0 nr_regions=9 0-4096: 0 1', 'damos_before_apply') +
      line('1.000003', 'target_id=0 nr_regions=2 4096-8192: 0 1') +
      line('1.000004', 'sample_us=80000', 'damon_monitor_intervals_tune') +
      line('1.000005', 'ctx_idx=0 scheme_idx=0 esz=12', 'damos_esz'),
  );
  assert.deepEqual(outcome.streams, ['x damon-paddr gpa', 'x.target1 damon-paddr gpa', 'x.damos_before_apply damon-paddr gpa']);
  assert.ok(outcome.reports.every((report) => report.complete));
  assert.equal(outcome.rejected['intervals-tuned'], 1);
  assert.equal(outcome.rejected['other-event'], 1);
});

test('damon_region_aggregated carries probe hits behind the age', async () => {
  const outcome = await ingestText(
    damonTraceIngestor,
    line('1.000000', 'target_id=0 nr_regions=1 8009068544-8372879360: 0 2740 probe_hits=14 00', 'damon_region_aggregated'),
  );
  assert.equal(outcome.reports[0]!.regions!.age[0], 2740);
  assert.match(outcome.streams[0]!, /damon_region_aggregated/);
});

test('two kernel-pointer target ids (5.15) that a double would merge stay two targets', async () => {
  const outcome = await ingestText(
    damonTraceIngestor,
    line('1.000000', 'target_id=18446623435582458880 nr_regions=1 0-4096: 0') +
      line('1.000001', 'target_id=18446623435582458944 nr_regions=1 0-4096: 0'),
  );
  assert.equal(outcome.streams.length, 2);
});

test('ops: addresses above 2^46, or one hole far larger than what is monitored, mean vaddr; the option wins', async () => {
  const map =
    line('1.000000', 'target_id=0 nr_regions=2 4194304-8388608: 0 1') +
    line('1.000001', 'target_id=0 nr_regions=2 549755809792-549755813888: 0 1');
  assert.match((await ingestText(damonTraceIngestor, map)).streams[0]!, /damon-vaddr gva/);
  assert.match((await ingestText(damonTraceIngestor, map, { ops: 'paddr' })).streams[0]!, /damon-paddr gpa/);
  const ram =
    line('1.000000', 'target_id=0 nr_regions=2 1048576-3221225472: 0 1') +
    line('1.000001', 'target_id=0 nr_regions=2 4294967296-8589934592: 0 1');
  assert.match((await ingestText(damonTraceIngestor, ram)).streams[0]!, /damon-paddr gpa/);
});

test('overwritten events stand in the header only', async () => {
  const outcome = await ingestText(
    damonTraceIngestor,
    '# tracer: nop\n#\n# entries-in-buffer/entries-written: 188/3804   #P:2\n' + line('1.000000', 'target_id=0 nr_regions=1 0-4096: 0 1'),
  );
  assert.equal(outcome.lost, 3616);
  assert.equal(outcome.firstLine['overrun'], 3);
});

test('bounds that are not page aligned are refused', async () => {
  const outcome = await ingestText(
    damonTraceIngestor,
    line('1.000000', 'target_id=0 nr_regions=1 1-4096: 0 1') + line('1.200000', 'target_id=0 nr_regions=1 0-4096: 0 1'),
  );
  assert.equal(outcome.rejected['unaligned-region'], 1);
  assert.equal(outcome.reports.length, 1);
});

test('base.damon.txt: a snapshot cut after 12 of 1931 lines', async () => {
  const outcome = await damon('bad-text/base.damon.txt');
  assert.deepEqual([outcome.accepted, outcome.reports.length, outcome.reports[0]!.complete], [12, 1, false]);
});
test('damon-5.15-style.txt: no ages, which is no fault', async () => {
  const outcome = await damon('bad-text/damon-5.15-style.txt');
  assert.deepEqual([outcome.accepted, outcome.rejected['age-missing']], [12, undefined]);
  assert.ok(outcome.reports[0]!.regions!.age.every((age) => age === -1));
});
test('damon-corrupt.txt: age cut, nr_regions=0, start > end, end = 2^64-1', async () => {
  const outcome = await damon('bad-text/damon-corrupt.txt');
  assert.equal(outcome.accepted, 9);
  assert.deepEqual(outcome.firstLine, {
    'age-missing': 3,
    'bad-region': 5,
    'unaligned-region': 8,
    'guessed-ops': undefined,
    'short-snapshot': undefined,
    'assumed-aggregation': undefined,
  });
  assert.equal(outcome.rejected['bad-region'], 2);
});
test('damon-missing-region.txt: short', async () => {
  const outcome = await damon('bad-text/damon-missing-region.txt');
  assert.deepEqual([outcome.accepted, outcome.reports.length, outcome.reports[0]!.complete], [11, 1, false]);
});
test('damon-mixed-events.txt: foreign lines do not enter the snapshot', async () => {
  const outcome = await damon('bad-text/damon-mixed-events.txt');
  assert.deepEqual(
    outcome.reports.map((report) => [report.stream, report.regions!.nPages.length]),
    [
      ['damon-mixed-events.damos_before_apply', 5],
      ['damon-mixed-events', 6],
    ],
  );
});

test('a text with page faults too goes to the reader of both; here they are counted as lost', async () => {
  const fault = '            prog-70  [000] d....     1.200000: page_fault_user: address=0x7f3aefde6000 ip=0x401000 error_code=0x6\n';
  const record = (ms: number) =>
    `       kdamond.0-77  [000] .....     1.${ms}: damon_aggregated: target_id=0 nr_regions=1 4294967296-4300476416: 3 12\n`;
  const both = Buffer.from(`# tracer: nop\n#\n${record(100000)}${fault}${record(300000)}`);
  assert.equal(recognise(both, 'trace.txt').descriptor.id, 'perf-script');
  const kept = await ingestBytes(perfScriptIngestor, both);
  assert.deepEqual([kept.accesses.length, kept.reports.length], [1, 2]);
  const alone = await ingestBytes(damonTraceIngestor, both);
  assert.deepEqual([alone.reports.length, alone.rejected['access-event']], [2, 1]);
});

test('sniffing', () => {
  assert.equal(damonTraceIngestor.sniff(fixture('damon-text/damon.tracefs.txt.gz')), 0.95);
  assert.equal(recognise(fixture('damon-text/trace-cmd.opt-R.txt'), 'trace.txt').descriptor.id, 'perf-script');
  assert.equal(damonTraceIngestor.sniff(fixture('bad-text/base.exc.txt')), 0);
  assert.equal(damonTraceIngestor.sniff(new Uint8Array(0)), 0);
});
