/** Runs one bench in this process and times its steps. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Bench, BenchContext, BenchResult, Scale, Step } from './bench.ts';

export async function runBench(bench: Bench, scale: Scale, inputs: string): Promise<BenchResult> {
  const scratch = mkdtempSync(join(tmpdir(), 'workset-bench-'));
  mkdirSync(inputs, { recursive: true });
  const steps: Step[] = [];
  const step: BenchContext['step'] = async (name, unit, units, work) => {
    const wall = performance.now();
    const cpu = process.cpuUsage();
    const result = await work();
    const { user, system } = process.cpuUsage(cpu);
    steps.push({
      name,
      unit,
      units: typeof units === 'number' ? units : units(result),
      wallS: (performance.now() - wall) / 1000,
      cpuS: (user + system) / 1e6,
      peakRssBytes: peakRssBytes(),
    });
    return result;
  };
  try {
    const outcome = await bench.run({ scale, inputs, scratch, step });
    return { id: bench.id, scale, steps, load: loadavg()[0]!, ...outcome };
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** Of this program alone: the kernel's maxRSS also counts what the process was before exec, a copy of the parent that made the inputs. */
function peakRssBytes(): number {
  try {
    return 1024 * Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))![1]);
  } catch {
    return process.resourceUsage().maxRSS * 1024;
  }
}
