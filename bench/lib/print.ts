/** Results as text: one line per step, its share of the machine's limit, and whether the bars hold. */
import type { Bar, Bench, BenchFile, BenchResult, Step } from './bench.ts';

const MIB = 2 ** 20;

export function printResult(bench: Bench, result: BenchResult): string {
  const lines = [`${result.id}: ${bench.title}`, ...result.steps.map((step) => `  ${stepLine(step, result)}`)];
  for (const { name, unit, unitsPerCpuS } of result.limits ?? []) lines.push(`  limit: ${name} ${rate(unitsPerCpuS)} ${unit}/s`);
  const facts = Object.entries(result.facts ?? {}).map(([name, value]) => `${name} ${typeof value === 'number' ? short(value) : value}`);
  lines.push(`  ${[...facts, `hash ${result.hash}`, `load ${result.load.toFixed(1)}`].join(' · ')}`);
  if (result.scale === 'full') for (const bar of bench.bars ?? []) lines.push(`  ${barLine(bar, result)}`);
  return lines.join('\n');
}

function stepLine(step: Step, result: BenchResult): string {
  const limit = result.limits?.find(({ unit }) => unit === step.unit);
  const share = limit === undefined ? '' : ` = ${((100 * step.units) / step.cpuS / limit.unitsPerCpuS).toFixed(0)} % of the ${limit.name}`;
  const perS = `${rate(step.units / step.cpuS)} ${step.unit}/cpu-s, ${rate(step.units / step.wallS)}/s wall`;
  return `${step.name.padEnd(18)} ${step.cpuS.toFixed(2)} s cpu ${step.wallS.toFixed(2)} s wall  ${perS}${share}  peak ${(step.peakRssBytes / MIB).toFixed(0)} MiB`;
}

function barLine(bar: Bar, result: BenchResult): string {
  const value = valueOf(bar, result);
  const met = value >= (bar.atLeast ?? -Infinity) && value <= (bar.atMost ?? Infinity);
  const wanted = bar.atLeast === undefined ? `<= ${short(bar.atMost!)}` : `>= ${short(bar.atLeast)}`;
  return `${met ? 'met    ' : 'NOT MET'} ${bar.step}${bar.what === 'fact' ? '' : ` ${bar.what}`} ${short(value)} (wanted ${wanted})`;
}

function valueOf({ what, step: name }: Bar, { steps, facts, limits }: BenchResult): number {
  if (what === 'fact') return Number(facts?.[name]);
  const { unit, units, cpuS, wallS, peakRssBytes } = steps.find((step) => step.name === name)!;
  if (what === 'peak-rss') return peakRssBytes;
  if (what === 'cpu-s') return cpuS;
  if (what === 'wall-s') return wallS;
  if (what === 'units/s') return units / wallS;
  if (what === 'of limit') return units / cpuS / limits!.find((limit) => limit.unit === unit)!.unitsPerCpuS;
  return units / cpuS;
}

function rate(perS: number): string {
  return short(perS);
}

function short(value: number): string {
  const [factor, suffix] = value >= 1e9 ? [1e9, ' G'] : value >= 1e6 ? [1e6, ' M'] : value >= 1e4 ? [1e3, ' k'] : [1, ''];
  return `${Number((value / factor).toPrecision(3))}${suffix}`;
}

/** Steps of both files side by side: CPU seconds, and whether the results differ. */
export function compareFiles(a: BenchFile, b: BenchFile): string {
  const lines = [`A ${a.commit} on ${a.machine}`, `B ${b.commit} on ${b.machine}`];
  for (const after of b.results) {
    const before = a.results.find(({ id, scale }) => id === after.id && scale === after.scale);
    if (before === undefined) {
      lines.push(`${after.id} (${after.scale}): only in B`);
      continue;
    }
    lines.push(`${after.id} (${after.scale})${before.hash === after.hash ? '' : ': RESULTS DIFFER'}`);
    for (const step of after.steps) {
      const old = before.steps.find(({ name }) => name === step.name);
      if (old === undefined) continue;
      const rss = `peak ${(old.peakRssBytes / MIB).toFixed(0)} -> ${(step.peakRssBytes / MIB).toFixed(0)} MiB`;
      lines.push(
        `  ${step.name.padEnd(18)} ${old.cpuS.toFixed(2)} -> ${step.cpuS.toFixed(2)} s cpu (x${(old.cpuS / step.cpuS).toFixed(2)} faster)  ${rss}`,
      );
    }
  }
  for (const { id, scale } of a.results)
    if (!b.results.some((after) => after.id === id && after.scale === scale)) lines.push(`${id} (${scale}): only in A`);
  return lines.join('\n');
}
