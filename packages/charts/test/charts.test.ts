import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { CHARTS, MAX_MARKS, drawChart, renderChart, specToSvg } from '../src/index.ts';
import type { ChartId } from '../src/index.ts';
import { emptyResults, sampleResults } from './fixture.ts';
import type { Fixture } from './fixture.ts';
import { readMarkup } from './markup.ts';

/** Charts that need tables which the fixture does not have. */
const WITHOUT_DATA: readonly ChartId[] = ['refaults', 'eviction-outcomes', 'eviction-window'];

async function svgWithoutWarnings(db: Fixture, id: string, dark = false): Promise<string> {
  const warnings: string[] = [];
  const svg = await renderChart(db, id, { format: 'svg', dark, onWarning: (message) => warnings.push(message) });
  assert.deepEqual(warnings, []);
  assert.equal(typeof svg, 'string');
  return svg as string;
}

describe('every chart', () => {
  let sample: Fixture;
  let empty: Fixture;
  before(async () => {
    sample = await sampleResults({}, 10);
    empty = await emptyResults();
  });
  after(() => {
    sample.close();
    empty.close();
  });

  for (const id of CHARTS.ids) {
    test(`${id}: sample data, light and dark`, async () => {
      for (const dark of [false, true]) {
        const tags = readMarkup(await svgWithoutWarnings(sample, id, dark));
        assert.equal(tags[0]?.name, 'svg');
      }
      const drawn = await drawChart(sample, id);
      assert.ok(drawn.nRows <= MAX_MARKS);
      assert.equal(drawn.nRows > 0, !WITHOUT_DATA.includes(id), 'has data');
    });

    test(`${id}: titled with its question, trace and truth grade`, async () => {
      const svg = await svgWithoutWarnings(sample, id);
      const words = svg.replaceAll(/<[^>]*>/g, ' ');
      assert.ok(words.replaceAll(/\s+/g, ' ').includes(CHARTS.get(id).descriptor.title.split(',')[0]!.slice(0, 40)));
      assert.match(words, /truth: exact/);
      assert.match(words, /trace rwp-shmem|1 trace/);
      assert.match(CHARTS.get(id).descriptor.title, /\?$/, 'the title is a question');
    });

    test(`${id}: no rows, and no tables, give a text that says what to run`, async () => {
      for (const db of [empty, { query: async () => ({ columns: [], rows: [] }) }]) {
        const svg = await renderChart(db, id, { format: 'svg', onWarning: assert.fail });
        assert.match(String(svg).replaceAll(/<[^>]*>/g, ' '), /No data: [\s\S]*To get it:\s+workset/);
        readMarkup(String(svg));
      }
    });

    test(`${id}: png`, async () => {
      const png = await renderChart(sample, id, { format: 'png' });
      assert.ok(png instanceof Uint8Array);
      assert.deepEqual([...png.subarray(0, 8)], [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
      assert.ok(png.length > 15_000, `${png.length} bytes: text is drawn`);
    });
  }

  test('html is one offline file that holds the specification', async () => {
    const page = String(await renderChart(sample, 'pareto', { format: 'html' }));
    assert.ok(page.length > 700_000 && page.length < 3_000_000);
    const tags = readMarkup(page);
    assert.deepEqual(
      tags.filter((tag) => tag.attributes.has('src') || tag.attributes.has('href')),
      [],
    );
    assert.ok(page.includes('vegaEmbed(\'#chart\', {"$schema"'));
  });

  test('vl.json is the specification', async () => {
    const text = String(await renderChart(sample, 'wss-over-time', { format: 'vl.json' }));
    const spec: unknown = JSON.parse(text);
    assert.match(await specToSvg(spec as never), /^<svg/);
  });

  test('same data, same text', async () => {
    for (const id of CHARTS.ids) assert.ok((await svgWithoutWarnings(sample, id)) === (await svgWithoutWarnings(sample, id)), id);
  });

  test('fonts that are likely elsewhere are named', async () => {
    assert.match(await svgWithoutWarnings(sample, 'pareto'), /font-family="DejaVu Sans, Verdana, [^"]*sans-serif"/);
  });

  test('truth is solid black in light, white in dark', async () => {
    for (const [dark, color] of [
      [false, '#000000'],
      [true, '#ffffff'],
    ] as const) {
      const spec = JSON.stringify((await drawChart(sample, 'wss-over-time', { dark })).spec);
      assert.ok(spec.includes(`"type":"line","color":"${color}"`));
      assert.ok(!spec.includes(`"color":"${color}","strokeDash"`));
    }
  });

  test('an unknown chart is refused with the nearest name', async () => {
    await assert.rejects(renderChart(sample, 'heatmpa', { format: 'svg' }), { code: 'usage', hint: /heatmap/ });
    await assert.rejects(drawChart(sample, 'confusion', { params: { runs: ['uffd-wp', 'uffd-pw'] } }), {
      code: 'usage',
      message: /"uffd-pw"/,
      hint: /uffd-wp/,
    });
    await assert.rejects(drawChart(sample, 'confusion', { params: { trace: 'nowhere' } }), {
      code: 'usage',
      message: /no trace "nowhere"/,
    });
  });

  test('only the runs asked for are drawn', async () => {
    const drawn = await drawChart(sample, 'confusion', { params: { runs: ['uffd-wp', 'observed:uffd-rwp'] } });
    assert.deepEqual(
      drawn.context.runs.map((run) => run.label),
      ['uffd-rwp [A.rwp] observed', 'uffd-wp'],
    );
    assert.equal(drawn.nRows, 2);
  });
});

test('strings from a trace stay text in every chart and format', async () => {
  const evil = `</script><script>alert(1)</script><img src=x onerror="alert('2')"> & "x" \u2028 \${y} {{z}}`;
  const db = await sampleResults({ trace: evil, path: evil, scheme: evil }, 6);
  for (const id of CHARTS.ids) {
    const svg = await svgWithoutWarnings(db, id);
    const tags = readMarkup(svg);
    assert.deepEqual(
      tags.filter((tag) => /^(script|img|foreignObject|image|a)$/.test(tag.name)),
      [],
      id,
    );
    for (const tag of tags) for (const name of tag.attributes.keys()) assert.doesNotMatch(name, /^on/i);
  }
  const page = String(await renderChart(db, 'wss-over-time', { format: 'html' }));
  assert.equal(page.match(/<\/script/g)?.length, 4, 'only our own four scripts end');
  assert.ok(!page.includes('<img src=x'));
  db.close();
});
