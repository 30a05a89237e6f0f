/** Draws the growth benches of a JSON file: CPU seconds by what was varied, one SVG each. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { specToSvg } from '@workset/charts';
import type { BenchFile, BenchResult } from './bench.ts';

/** Writes `dir`/growth-*.svg; returns the paths. */
export async function drawGrowth({ machine, results }: BenchFile, dir: string): Promise<string[]> {
  mkdirSync(dir, { recursive: true });
  const paths: string[] = [];
  for (const result of results.filter(({ id }) => id.startsWith('growth-'))) {
    const path = join(dir, `${result.id}.svg`);
    writeFileSync(path, await specToSvg(specOf(result, machine)));
    paths.push(path);
  }
  return paths;
}

function specOf({ id, steps, facts }: BenchResult, machine: string): Parameters<typeof specToSvg>[0] {
  const axis = String(facts?.['axis']);
  const x = {
    field: 'x',
    type: 'quantitative',
    title: axis,
    scale: { type: 'log', nice: false },
    axis: { values: xs(steps), format: '.2~s' },
  };
  const y = { field: 'cpuS', type: 'quantitative', title: 'CPU seconds', scale: { type: 'log' } };
  return {
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    title: { text: `Replay cost by ${axis}`, subtitle: `${id}; ${machine}`, anchor: 'start', subtitleFontSize: 10 },
    width: 560,
    height: 220,
    data: { values: steps.map(({ name, cpuS }) => ({ x: Number(name), cpuS })) },
    encoding: { x, y },
    layer: [
      { mark: { type: 'line', point: true } },
      { mark: { type: 'text', dy: -10 }, encoding: { text: { field: 'cpuS', type: 'quantitative', format: '.2f' } } },
    ],
  } as Parameters<typeof specToSvg>[0];
}

function xs(steps: BenchResult['steps']): number[] {
  return steps.map(({ name }) => Number(name));
}
