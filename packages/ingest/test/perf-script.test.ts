import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UnreadableInputError } from '@workset/model';
import { perfScriptIngestor } from '../src/formats/perf-script.ts';
import { fixture, ingestBytes, ingestText } from './text-harness.ts';
import type { Outcome } from './text-harness.ts';

const perf = (path: string, options?: Record<string, string>): Promise<Outcome> =>
  ingestBytes(perfScriptIngestor, fixture(path), options === undefined ? {} : { options });
const text = (lines: string, options?: Record<string, string>): Promise<Outcome> => ingestText(perfScriptIngestor, lines, options);

/** Independent reading of `-F comm,pid,tid,cpu,time,event,addr,ip` lines, by regular expression and BigInt. */
function oracle(bytes: Buffer): { timeNs: number; page: number; pid: number; cpu: number }[] {
  return bytes
    .toString('latin1')
    .split('\n')
    .flatMap((line) => {
      // comm pid/tid [cpu] s.ns: page-faults: addr ip
      const match = /(\d+)\/(\d+)\s+\[(\d+)\]\s+(\d+)\.(\d{9}): page-faults:\s+([0-9a-f]+)\s+[0-9a-f]+$/.exec(line);
      if (match === null) return [];
      return [
        {
          timeNs: Number(BigInt(match[4]!) * 1_000_000_000n + BigInt(match[5]!)),
          page: Number(BigInt(`0x${match[6]!}`) >> 12n),
          pid: Number(match[2]),
          cpu: Number(match[3]),
        },
      ];
    });
}

test('a capture, line by line against another parser', async () => {
  const bytes = fixture('redis-pti/B.perf.txt.gz');
  const outcome = await ingestBytes(perfScriptIngestor, bytes);
  const expected = oracle(bytes);
  assert.equal(expected.length, 2321);
  assert.deepEqual(
    outcome.accesses.map(({ timeNs, page, pid, cpu }) => ({ timeNs, page, pid, cpu })),
    expected,
  );
  assert.equal(outcome.rejected['access-type-unknown'], 2321);
  assert.ok(outcome.accesses.every(({ space, cls }) => space === 'gva' && (cls & 1) === 0));
});

for (const name of ['pf.default', 'pf.header', 'pf-callgraph', 'pf-weight']) {
  test(`${name}: an instruction or a weight is never taken for a data address`, async () => {
    const outcome = await perf(`perf-text/${name}.txt.gz`);
    assert.ok(outcome.error instanceof UnreadableInputError, String(outcome.error));
    assert.equal(outcome.error.exitCode, 3);
    assert.equal(outcome.error.message, 'no data address in this text');
    assert.match(outcome.error.hint!, /rerun: perf script -F comm,pid,tid,cpu,time,event,addr,ip,sym --ns/);
    assert.equal(outcome.accesses.length, 0);
  });
}

test('the same recording with other -F lists: the same pages', async () => {
  const [symbols, bare, relative] = await Promise.all(
    ['pf.F-ns', 'pf.F-time-addr', 'pf.F-reltime'].map((name) => perf(`perf-text/${name}.txt.gz`)),
  );
  const pages = (outcome: Outcome): number[] => outcome.accesses.map(({ page }) => page);
  assert.equal(symbols!.accesses.length, 295);
  assert.deepEqual(pages(bare!), pages(symbols!));
  assert.deepEqual(pages(relative!), pages(symbols!));
  assert.equal(symbols!.accesses[0]!.timeNs, 745_226_886_537);
  assert.equal(bare!.accesses[0]!.timeNs, 745_226_886_000);
  assert.equal(bare!.accesses[0]!.pid, -1);
  assert.equal(relative!.accesses[1]!.timeNs, 24_000);
});

test('page_fault_user: address and the write bit from the text, whatever addr says', async () => {
  const [byDefault, fields, tasks] = await Promise.all(
    ['exc.default', 'exc.F', 'exc.tasks'].map((name) => perf(`perf-text/${name}.txt.gz`)),
  );
  for (const outcome of [byDefault!, fields!, tasks!]) {
    assert.equal(outcome.accesses.length, 293);
    assert.equal(outcome.accesses.filter(({ cls }) => cls === 1).length, 229);
  }
  assert.equal(tasks!.rejected['side-band'], 8);
  assert.equal(fields!.rejected['message'], 7);
});

test('two events, of which only one has addresses', async () => {
  const outcome = await perf('perf-text/exc-multi.toucher.txt.gz');
  assert.equal(outcome.accesses.length, 176);
  assert.equal(outcome.rejected['no-data-address'], 179);
});

test('PERF_RECORD_LOST counts as lost', async () => {
  const outcome = await perf('perf-text/lost.excerpt.txt.gz');
  const expected = fixture('perf-text/lost.excerpt.txt.gz')
    .toString()
    .split('\n')
    .reduce((sum, line) => sum + Number(/PERF_RECORD_LOST lost (\d+)/.exec(line)?.[1] ?? 0), 0);
  assert.ok(expected > 2000);
  assert.equal(outcome.lost, expected);
});

test('trace_pipe says how many it lost', async () => {
  assert.equal((await perf('perf-text/ftrace.trace_pipe.lost.txt')).lost, 3616);
});

test('an error message in place of samples is quoted back', async () => {
  const outcome = await perf('perf-text/pf.F-full.txt.gz');
  assert.match(outcome.error!.message, /perf said: Samples for 'page-faults' event do not have CPU attribute set/);
});

test('kvm faults: both texts, guest physical, hex with and without 0x', async () => {
  const outcome = await text(
    '       CPU 0/KVM  4145 [002]    86.581928:       kvm:kvm_page_fault: vcpu 5 rip 0x7f08a4602116 address 0x0000000113600002 error_code 0x182\n' +
      '       CPU 0/KVM  4145 [002]    86.581929:       kvm:kvm_page_fault: address fc000 error_code 14\n' +
      '       CPU 0/KVM  4145 [002]    86.581930: kvmmmu:kvm_mmu_spte_requested: gfn 1f2a3 pfn 4a2b1 level 1\n' +
      '       CPU 0/KVM  4145 [002]    86.581931: kvmmmu:kvm_tdp_mmu_spte_changed: as id 0 gfn 1f2a4 level 1 old_spte 0 new_spte 600000a0\n' +
      '       CPU 0/KVM  4145 [002]    86.581932: kvmmmu:kvm_tdp_mmu_spte_changed: as id 0 gfn 1f200 level 2 old_spte 0 new_spte 600000a0\n' +
      '       CPU 0/KVM  4145 [002]    86.581933: kvmmmu:kvm_tdp_mmu_spte_changed: as id 0 gfn 1f2a4 level 1 old_spte 600000a0 new_spte 0\n' +
      '       CPU 0/KVM  4145 [002]    86.581934: kvmmmu:fast_page_fault: vcpu 0 gva 1f2a5000 error_code P|W sptep 0 old 0x1 new 0x2 spurious 0 fixed 1\n' +
      '       CPU 0/KVM  4145 [002]    86.581935: kvmmmu:kvm_mmu_set_spte: gfn 1f2a6 spte 600000b0 (rwxu) level 1 at 4a2b1000\n',
  );
  assert.deepEqual(
    outcome.accesses.map(({ space, page, cls, pid, cpu }) => [space, page.toString(16), cls, pid, cpu]),
    [
      ['gpa', '113600', 1, 4145, 2],
      ['gpa', 'fc', 0, 4145, 2],
      ['gpa', '1f2a3', 0, 4145, 2],
      ['gpa', '1f2a4', 0, 4145, 2],
      ['gpa', '1f2a5', 1, 4145, 2],
      ['gpa', '1f2a6', 0, 4145, 2],
    ],
  );
  assert.equal(outcome.rejected['huge-entry'], 1);
  assert.equal(outcome.rejected['other-event'], 1);
});

test('stage-2 faults of arm64: write from the syndrome, whatever it is called', async () => {
  const fault = (body: string): string => `       CPU 0/KVM-4145 [002] .....   179.183096: kvm_guest_fault: ${body}\n`;
  const outcome = await text(
    fault('ipa 0x1c010000, hsr 0x93800006, hxfar 0xf80100a8, pc 0x00000000802c21c8') +
      fault('ipa 0x84d123, esr 0x92000045, hxfar 0x8000420, pc 0x0000000040085978') +
      // An instruction abort: bit 6 means something else there.
      fault('ipa 0x84e000, hsr 0x82000046, hxfar 0x8000420, pc 0x0000000040085978') +
      fault('ipa 0x84e000, hxfar 0x8000420, pc 0x0000000040085978'),
  );
  assert.deepEqual(
    outcome.accesses.map(({ space, page, cls }) => [space, page.toString(16), cls]),
    [
      ['gpa', '1c010', 0],
      ['gpa', '84d', 1],
      ['gpa', '84e', 0],
    ],
  );
  assert.deepEqual(outcome.rejected, { 'damaged-fields': 1 });
});

test('SPTEs of kernels since 6.10: bit 63 alone is an empty one', async () => {
  const changed = (gfn: string, before: string, after: string): string =>
    `       CPU 0/KVM-4145 [002]    86.581931: kvm_tdp_mmu_spte_changed: as id 0 gfn ${gfn} level 1 old_spte ${before} new_spte ${after}\n`;
  const outcome = await text(
    changed('100', '8000000000000000', '600000010bc97b77') +
      changed('101', '80000000000005a0', '600000010bc98b77') +
      changed('102', '600000010bc97b77', '80000000000005a0') +
      changed('103', '80000000000005a0', '8000000000000000') +
      changed('104', '600000010bc97877', '600000010bc97b77') +
      // MMIO of EPT, and of NPT
      changed('fee00', '8000000000000000', '40000000fee00586') +
      changed('fee00', '8000000000000000', '80000fee005a1'),
  );
  assert.deepEqual(
    outcome.accesses.map(({ page }) => page.toString(16)),
    ['100', '101'],
  );
  assert.deepEqual(outcome.rejected, { 'other-event': 5 });
});

test('a kvm recording with faults of the monitor and MMU events', async () => {
  const outcome = await perf('perf-text/kvm.script.txt.gz');
  assert.equal(outcome.accesses.length, 54);
  assert.equal(outcome.rejected['other-event'], 4);
});

test('fields: addr is believed wherever it stands, a list without an address is refused', async () => {
  const collapsed = ' toucher 433 745.226886: page-faults: 55a9fd224040\n';
  assert.ok((await text(collapsed)).error instanceof UnreadableInputError);
  assert.equal((await text(collapsed, { fields: 'comm,tid,time,event,addr' })).accesses[0]!.page, 0x55a9fd224);
  const refused = await text(collapsed, { fields: 'comm,tid,time,event,ip' });
  assert.match(refused.error!.message, /names no data address/);
});

test('fields=...,phys_addr reads the last column as guest physical; 0 means unknown', async () => {
  const outcome = await ingestBytes(perfScriptIngestor, fixture('perf-text/pf-phys.F-phys.txt.gz'), {
    options: { fields: 'comm,tid,time,event,ip,sym,phys_addr' },
  });
  assert.equal(outcome.accesses.length + (outcome.rejected['address-too-low'] ?? 0), 296);
  assert.equal(outcome.accesses.length, 6);
  assert.ok(outcome.accesses.every(({ space }) => space === 'gpa'));
});

test('two collapsed hex columns are addr and ip; a symbol made of hex letters is not a column', async () => {
  assert.equal((await text('a 1 1.000000: page-faults: 55a9fd224040 7f3af093cbc2\n')).accesses.length, 1);
  assert.equal((await text('a 1 1.000000: page-faults: 55a9fd224040 add (/bin/x)\n')).accesses.length, 0);
});

test('comm with blanks, slashes, brackets; modifiers; periods; callchains; option space', async () => {
  const outcome = await text(
    '   Web Content [1]  4146/4147  [002]    86.581929: page-faults:u:     7f0000001000\n' +
      '     kworker/u8:3-ev  6086 [000]    86.581930:          7 cpu/mem-loads,ldlat=30/P:     7f0000002000\n' +
      '\tffffffff817554ea elf_load+0x28a ([kernel.kallsyms])\n\n' +
      '          :-1    -1 [000]    86.600000: page-faults:     7f0000003000\n',
    { space: 'hva' },
  );
  assert.deepEqual(
    outcome.accesses.map(({ space, page, pid, cpu }) => [space, page, pid, cpu]),
    [
      ['hva', 0x7f0000001, 4147, 2],
      ['hva', 0x7f0000002, 6086, 0],
      ['hva', 0x7f0000003, -1, 0],
    ],
  );
});

test('64-bit addresses keep every bit; kernel-half ones are marked', async () => {
  const outcome = await perf('bad-text/huge-addr.exc.txt');
  assert.equal(outcome.rejected['address-overflow'], 1);
  assert.equal(outcome.firstLine['address-overflow'], 3);
  assert.deepEqual(
    outcome.accesses.filter(({ cls }) => cls >= 2).map(({ page, cls }) => [page.toString(16), cls]),
    [
      ['fffffffffffff', 3],
      ['ffff888000000', 2],
    ],
  );
});

const damage: Readonly<Record<string, { kept: number; rejected: Record<string, number>; line?: Record<string, number> }>> = {
  base: { kept: 20, rejected: {} },
  crlf: { kept: 20, rejected: {} },
  'mixed-crlf': { kept: 20, rejected: {} },
  bom: { kept: 20, rejected: {} },
  'bad-time': { kept: 16, rejected: { 'bad-time': 3, 'bare-time': 1 }, line: { 'bad-time': 2, 'bare-time': 6 } },
  'corrupt-field': { kept: 18, rejected: { 'bad-pid': 1, 'bad-cpu': 1 }, line: { 'bad-pid': 3, 'bad-cpu': 6 } },
  'huge-addr': { kept: 19, rejected: { 'address-overflow': 1 } },
  'out-of-order': { kept: 20, rejected: { 'out-of-order': 1 }, line: { 'out-of-order': 9 } },
  'duplicate-lines': { kept: 6, rejected: { 'out-of-order': 1 }, line: { 'out-of-order': 4 } },
  'truncated-last-line': { kept: 5, rejected: { 'possibly-truncated': 1, 'damaged-fields': 1 }, line: { 'damaged-fields': 6 } },
  'binary-garbage': { kept: 6, rejected: { 'not-a-sample': 1 }, line: { 'not-a-sample': 4 } },
};
for (const [name, { kept, rejected, line }] of Object.entries(damage)) {
  test(`${name}.exc.txt`, async () => {
    const outcome = await perf(`bad-text/${name}.exc.txt`);
    assert.equal(outcome.error, undefined);
    assert.equal(outcome.accesses.length, kept);
    assert.deepEqual(outcome.rejected, rejected);
    for (const [code, at] of Object.entries(line ?? {})) assert.equal(outcome.firstLine[code], at);
    const times = outcome.accesses.map(({ timeNs }) => timeNs);
    assert.deepEqual(
      times,
      times.toSorted((a, b) => a - b),
    );
  });
}
test('utf16.exc.txt is refused with the way out', async () => {
  const outcome = await perf('bad-text/utf16.exc.txt');
  assert.match(outcome.error!.message, /UTF-16/);
});
test('odd-comm.txt: five decimals are no time', async () => {
  const outcome = await perf('bad-text/odd-comm.txt');
  assert.deepEqual(outcome.rejected, { 'bad-time': 1, 'out-of-order': 1, 'access-type-unknown': 1 });
  assert.equal(outcome.firstLine['bad-time'], 7);
  assert.equal(outcome.accesses.filter(({ space }) => space === 'gpa').length, 2);
});
for (const name of ['empty', 'only-newlines', 'lackey.base', 'perf-script-no-cpu-attr.err']) {
  test(`${name}.txt: no sample, exit code 3`, async () => {
    const { error } = await perf(`bad-text/${name}.txt`);
    assert.ok(error instanceof UnreadableInputError);
    assert.equal(error.exitCode, 3);
  });
}

test('an over-long line is skipped and counted, in one chunk or many', async () => {
  const bytes = Buffer.concat([Buffer.alloc(1 << 21, 'x'), Buffer.from('\na 1 1.000000: page-faults:     7f0000001000\n')]);
  for (const chunk of [bytes.length, 100_000]) {
    const outcome = await ingestBytes(perfScriptIngestor, bytes, { chunk });
    assert.deepEqual([outcome.rejected['line-too-long'], outcome.firstLine['line-too-long'], outcome.accesses.length], [1, 1, 1]);
  }
});

test('sniffing', () => {
  assert.ok(perfScriptIngestor.sniff(fixture('perf-text/pf.F-ns.txt.gz')) > 0.8);
  assert.ok(perfScriptIngestor.sniff(fixture('perf-text/exc.default.txt.gz')) > 0.8);
  assert.ok(perfScriptIngestor.sniff(fixture('bad-text/base.damon.txt')) < 0.5);
  assert.equal(perfScriptIngestor.sniff(fixture('bad-text/lackey.base.txt')), 0);
});
