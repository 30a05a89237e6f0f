import assert from 'node:assert/strict';
import { test } from 'node:test';
import { drmemtraceViewIngestor } from '../src/formats/drmemtrace-view.ts';
import { ingestText } from './text-harness.ts';

const view = `Output format:
<--record#-> <--instr#->: <---tid---> <record details>
------------------------------------------------------------
           1           0: W0.T3256418 <marker: version 7>
           2           0: W0.T3256418 <marker: page size 4096>
           3           0: W0.T3256418 <marker: timestamp 13312410768080478>
           4           1: W0.T3256418 ifetch      3 byte(s) @ 0x00007f1261d40b70 48 89 e7             mov    %rsp, %rdi
           5           1: W0.T3256418 write    8 byte(s) @ 0x00007ffcb4e8cffc by PC 0x00007f1261d40b70
           6           2: W0.T3256418 ifetch      5 byte(s) @ 0x00007f1261d40b73 e8 38 0c 00 00       call   $0x00007f1261d417b0
           7           2: W0.T3256418 read     8 byte(s) @ 0x00007ffcb4e8d000 by PC 0x00007f1261d40b73
           8           2: W0.T3256418 <marker: timestamp 13312410768080482>
           9           2: T3256419 read     1 byte(s) @ 0x0000000000001fff by PC 0x00007f1261d40b73
View tool results:
              2 : total instructions
`;

test('touches, straddles, threads, and times spread between the markers', async () => {
  const outcome = await ingestText(drmemtraceViewIngestor, view);
  assert.deepEqual(
    outcome.accesses.map(({ timeNs, page, cls, pid }) => [timeNs, page.toString(16), cls, pid]),
    [
      [0, '7f1261d40', 0, 3256418],
      [1000, '7ffcb4e8c', 1, 3256418],
      [1000, '7ffcb4e8d', 1, 3256418],
      [2000, '7f1261d40', 0, 3256418],
      [3000, '7ffcb4e8d', 0, 3256418],
      [4000, '1', 0, 3256419],
    ],
  );
  assert.deepEqual(outcome.rejected, { 'interpolated-time': 1 });
});

test('without a timestamp marker a rate is needed', async () => {
  const bare = '           4           1: W0.T1 read    8 byte(s) @ 0x0000000000002000 by PC 0x1\n'.repeat(2);
  assert.match((await ingestText(drmemtraceViewIngestor, bare)).error!.message, /has no times/);
  const rated = await ingestText(drmemtraceViewIngestor, bare, { 'accesses-per-second': '1e6' });
  assert.deepEqual(
    rated.accesses.map(({ timeNs }) => timeNs),
    [0, 1000],
  );
});

test('damaged records are counted with their line', async () => {
  const outcome = await ingestText(
    drmemtraceViewIngestor,
    view.replace('0x00007ffcb4e8cffc', '0xzz').replace('read     1 byte(s)', 'read     ? byte(s)'),
  );
  assert.equal(outcome.rejected['damaged-line'], 2);
  assert.equal(outcome.firstLine['damaged-line'], 8);
});

test('prefetches, flushes and bare thread ids, as releases with one workload print them', async () => {
  const rows = [
    '           1           0:     2765542 <marker: version 5>',
    '       47444       37769:     2765543 ifetch       6 byte(s) @ 0x0000000000404a78 0f 84 5b 01 00 00    jz     $0x0000000000404bd9 (untaken)',
    '       47446       37770:     2765543 read         8 byte(s) @ 0x00007fdf64e2adc8 by PC 0x0000000000404a7e',
    '       47447       37770:     2765543 pref-r-L1   64 byte(s) @ 0x00007fdf64e2a000 by PC 0x0000000000404a7e',
    '       47448       37770:     2765543 dflush      64 byte(s) @ 0x00007fdf64e2a000 by PC 0x0000000000404a7e',
    '       47449       37770:     2765543 <thread 2765543 exited>',
  ];
  const text = `Output format:\n<--record#-> <--instr#->: <---tid---> <record details>\n${rows.join('\n')}\n`;
  assert.equal(drmemtraceViewIngestor.sniff(Buffer.from(text)), 0.95);
  const { accesses, rejected } = await ingestText(drmemtraceViewIngestor, text, { 'accesses-per-second': '1e6' });
  assert.deepEqual(
    accesses.map(({ page, pid }) => [page.toString(16), pid]),
    [
      ['404', 2765543],
      ['7fdf64e2a', 2765543],
    ],
  );
  assert.deepEqual([rejected['prefetch'], rejected['cache-flush'], rejected['damaged-line']], [1, 1, undefined]);
});

test('sniffing', () => assert.equal(drmemtraceViewIngestor.sniff(Buffer.from(view)), 0.95));
