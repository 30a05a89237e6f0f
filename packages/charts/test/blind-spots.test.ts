import assert from 'node:assert/strict';
import { test } from 'node:test';
import { blindSpotNote } from '../src/blind-spots.ts';
import { buildReport, CHARTS, drawChart } from '../src/index.ts';
import { loadContext } from '../src/context.ts';
import { LIGHT } from '../src/style.ts';
import { emptyResults, sampleResults } from './fixture.ts';

test('captions say what the schemes drawn cannot see, beside the truth grade', async () => {
  const db = await sampleResults({}, 6);
  const { allRuns } = await loadContext(db, {}, { theme: LIGHT, width: 960 });
  const families = [...new Set(allRuns.map((run) => run.family))];
  const blindSpots = Object.fromEntries(families.map((family) => [family, [`${family} misses <this>`, 'and that']]));
  for (const { descriptor } of CHARTS.all) {
    const { spec, nRows } = await drawChart(db, descriptor.id, { params: { runs: [families[0]!] }, blindSpots });
    if (nRows === 0) continue;
    const { facts, reading } = spec['usermeta'] as { facts: string; reading: string };
    if (descriptor.ofCurves === true) {
      assert.doesNotMatch(reading, /Cannot see/, 'no tracker has a part in it');
      continue;
    }
    assert.match(reading, new RegExp(`Cannot see: ${families[0]!}: ${families[0]!} misses <this>; and that\\.`), descriptor.id);
    assert.match(facts, /truth: |trace/, descriptor.id);
  }
  const page = await buildReport(db, { blindSpots });
  const method = page.slice(page.indexOf('What each scheme cannot see'));
  for (const family of families) assert.ok(method.includes(`<dt>${family}</dt><dd>${family} misses &lt;this&gt;; and that</dd>`), family);
  const empty = await emptyResults();
  const { spec } = await drawChart(empty, 'pareto', { blindSpots });
  assert.doesNotMatch(JSON.stringify(spec), /Cannot see/);
  empty.close();
  db.close();
});

test('few schemes have all their blind spots named, some the first, many a pointer to the list', () => {
  const of = (n: number): string => {
    const names = Array.from({ length: n }, (_, i) => `s${i}`);
    const runs = names.map((family) => ({ family })) as unknown as Parameters<typeof blindSpotNote>[0]['runs'];
    return blindSpotNote({ runs, blindSpots: Object.fromEntries(names.map((name) => [name, ['a', 'b']])) });
  };
  assert.equal(of(0), '');
  assert.equal(of(1), 'Cannot see: s0: a; b.');
  assert.equal(of(3), 'Cannot see: s0: a …. s1: a …. s2: a ….');
  assert.match(of(9), /workset list schemes NAME tells those of s0, s1, s2 …/);
});
