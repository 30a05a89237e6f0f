/** `time` ends a pass early: later touches are not read, and what was measured before does not change. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { synthesise } from '@workset/ingest';
import { NS_PER_MS } from '@workset/model';
import { planReplay, replay } from '@workset/replay';

it('reads no touch behind the wanted time, and the plan says how many it will read', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'workset-pushdown-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const path = join(dir, 'a.trace');
  const { spaces } = await synthesise('zipf', { out: path, pages: 512, seconds: 0.1, rate: 100_000 });
  const options = { schemes: ['uffd-rwp'], windowNs: 10 * NS_PER_MS, time: [0, 40 * NS_PER_MS] as const };
  const plan = await planReplay(path, options);
  const { touches } = await replay(path, { ...options, out: join(dir, 'results') });
  assert.equal(touches, plan.touches);
  assert.ok(touches > 0 && touches < spaces[0]!.nTouches / 2, `${touches} of ${spaces[0]!.nTouches}`);
  const whole = await replay(path, { schemes: ['uffd-rwp'], windowNs: 10 * NS_PER_MS, out: join(dir, 'whole') });
  assert.equal(whole.touches, spaces[0]!.nTouches);
});

it('refuses windows without number', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'workset-windows-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const path = join(dir, 'a.trace');
  await synthesise('zipf', { out: path, pages: 512, seconds: 3000, rate: 10, quantumNs: 1000 * NS_PER_MS });
  const plan = (windowNs: number, time?: readonly [number, number]) => planReplay(path, { schemes: ['uffd-rwp'], windowNs, time });
  await assert.rejects(plan(NS_PER_MS), { name: 'UsageError', message: /uffd-rwp would report 3000000 windows/ });
  assert.equal((await plan(NS_PER_MS, [0, 2000 * NS_PER_MS])).runs.length, 1);
  assert.equal((await plan(2 * NS_PER_MS)).runs.length, 1);
});
