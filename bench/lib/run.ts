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
    const clock = startClock();
    const result = await work();
    steps.push({ name, unit, units: typeof units === 'number' ? units : units(result), ...clock() });
    return result;
  };
  const inTurn: BenchContext['inTurn'] = async (rounds, works) => {
    const all = works.map((): Step[] => []);
    for (let round = 0; round < rounds; round++) {
      for (const i of orderOf(round, works.length)) {
        const { name, unit, units, work, clean } = works[i]!;
        const clock = startClock();
        await work();
        all[i]!.push({ name, unit, units, ...clock() });
        clean?.();
      }
    }
    const best = all.map((timed) => timed.reduce(quicker));
    steps.push(...best);
    return best.map((quickest, i) => ({ ...quickest, rounds: all[i]! }));
  };
  try {
    const outcome = await bench.run({ scale, inputs, scratch, step, inTurn });
    return { id: bench.id, scale, steps, load: loadavg()[0]!, ...outcome };
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** Work leaves garbage and warm memory to what comes next: over 2n rounds each of n works comes at each place, and behind each other, about as often. */
function orderOf(round: number, n: number): number[] {
  const order = Array.from({ length: n }, (_, place) => (place + (round >> 1)) % n);
  return round % 2 === 0 ? order : order.reverse();
}

/** Of this program alone: the kernel's maxRSS also counts what the process was before exec, a copy of the parent that made the inputs. */
function peakRssBytes(): number {
  try {
    return 1024 * Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))![1]);
  } catch {
    return process.resourceUsage().maxRSS * 1024;
  }
}

/** Starts timing; the result says what was used since. */
function startClock(): () => Pick<Step, 'wallS' | 'cpuS' | 'peakRssBytes'> {
  const wall = performance.now();
  const cpu = process.cpuUsage();
  return () => {
    const { user, system } = process.cpuUsage(cpu);
    return {
      wallS: (performance.now() - wall) / 1000,
      cpuS: (user + system) / 1e6,
      peakRssBytes: peakRssBytes(),
    };
  };
}

/** The least CPU and the least wall time of two rounds. */
function quicker(a: Step, b: Step): Step {
  return {
    ...a,
    cpuS: Math.min(a.cpuS, b.cpuS),
    wallS: Math.min(a.wallS, b.wallS),
    peakRssBytes: Math.max(a.peakRssBytes, b.peakRssBytes),
  };
}
