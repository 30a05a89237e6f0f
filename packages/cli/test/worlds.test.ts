/** replay --folio and --backing: what is assumed of the memory is stored with every run, and impossible memory is refused. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { errorOf, workset } from './run-cli.ts';

describe('the memory of a replay', () => {
  const dir = mkdtempSync(join(tmpdir(), 'workset-worlds-'));
  const trace = join(dir, 'zipf.trace');
  const replay = (name: string, ...args: string[]) =>
    workset(['replay', trace, '-o', join(dir, name), '--window', '100ms', '--scheme', 'idle-page', ...args, '--json']);
  /** World and mean pages reported of the only run. */
  const resultOf = async (name: string): Promise<{ world: string; reported: number; odd: number }> => {
    const query =
      'SELECT any_value(world) AS world, avg(reported)::DOUBLE AS reported, max(reported % 512)::DOUBLE AS odd FROM scores JOIN runs USING (run_id)';
    const { code, stdout, stderr } = await workset(['sql', join(dir, name), '-c', query, '--format', 'json']);
    assert.equal(code, 0, stderr);
    return (JSON.parse(stdout) as { world: string; reported: number; odd: number }[])[0]!;
  };

  before(async () => {
    const made = await workset(['synth', 'zipf', '--pages', '16384', '--seconds', '1', '--rate', '2e4', '-o', trace]);
    assert.equal(made.code, 0, made.stderr);
  });
  after(() => rmSync(dir, { recursive: true, force: true }));

  test('plain runs keep their names, and say what their folios are', async () => {
    const runs = await Promise.all([replay('plain'), replay('named', '--folio', '4K')]);
    const ids = runs.map(({ stdout }) => (JSON.parse(stdout) as { runs: { runId: string }[] }).runs.map(({ runId }) => runId));
    assert.deepEqual(ids[0], ids[1]);
    assert.match((await resultOf('plain')).world, / thp=trace folio=4K$/);
  });
  test('larger folios, larger reports of page_idle', async () => {
    assert.equal((await replay('large', '--folio', '64KiB')).code, 0);
    const [plain, large] = [await resultOf('plain'), await resultOf('large')];
    assert.match(large.world, / backing=shmem tlb=off thp=trace folio=64K$/);
    assert.ok(large.reported > 2 * plain.reported, `${large.reported} of ${plain.reported}`);
  });
  test('hugetlb', async () => {
    assert.equal((await replay('hugetlb', '--backing', 'hugetlb', '--scheme', 'uffd-rwp')).code, 0);
    const { world, reported, odd } = await resultOf('hugetlb');
    assert.match(world, /backing=hugetlb tlb=off thp=trace folio=2M$/);
    assert.ok(reported > 0);
    assert.equal(odd, 0);
  });
  for (const [args, message] of [
    [['--folio', '12K'], /no folio has 12288 bytes/],
    [['--folio', '4M'], /no folio has/],
    [['--folio', '2K'], /no folio has/],
    [['--folio', '64K', '--backing', 'hugetlb'], /hugetlb memory is made of 2 MiB pages/],
    [['--thp', 'all', '--backing', 'hugetlb'], /hugetlb memory is made of 2 MiB pages/],
    [['--addr', '0x0+1M', '--backing', 'hugetlb'], /cut a hugetlb page/],
    [['--backing', 'hugetlb', '--evict', 'uffd-wp:limit=50%'], /evicted 2 MiB at a time/],
  ] as const)
    test(`refused: ${args.join(' ')}`, async () => {
      const ran = await replay('refused', ...args);
      assert.equal(ran.code, 2);
      assert.match(errorOf(ran).message, message);
    });
});
