/** Makes the traces and results sets that notebooks/data.yaml names, from traces/ alone; what is fresh by content hash is kept. */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';

import { materialiseScores } from '@workset/analyze';
import { ingestCapture, synthesise } from '@workset/ingest';
import { DEFAULT_TLB, replay } from '@workset/replay';
import type { ReplayOptions, SchemeSpec } from '@workset/replay';
import { parse as parseYaml } from 'yaml';

interface TraceSpec {
  readonly capture?: string;
  readonly synth?: string;
  readonly pages?: number;
  readonly rate?: number;
  readonly seconds?: number;
}
interface ReplaySpec {
  readonly traces: readonly string[];
  readonly schemes?: readonly SchemeSpec[];
  readonly windowMs?: number;
  readonly observed?: boolean;
  readonly tlb?: boolean;
  readonly worlds?: readonly (readonly string[])[];
  readonly profile?: string;
  readonly seeds?: number;
}
export interface DataSpec {
  readonly traces: Readonly<Record<string, TraceSpec>>;
  readonly results: Readonly<Record<string, readonly ReplaySpec[]>>;
}

export interface Workshop {
  readonly root: string;
  /** Where traces and results are made. */
  readonly out: string;
  readonly spec: DataSpec;
  /** Use what is there even when the code that made it has changed. */
  readonly keep?: boolean;
  readonly log: (line: string) => void;
}

export function readDataSpec(file: string): DataSpec {
  return parseYaml(readFileSync(file, 'utf8'), { merge: true }) as DataSpec;
}

/** Path of a trace, made when it is missing or stale. Throws what ingest throws. */
export async function traceOf(shop: Workshop, name: string): Promise<string> {
  const spec = shop.spec.traces[name];
  if (spec === undefined) throw new Error(`notebooks/data.yaml has no trace ${name}`);
  const out = join(shop.out, `${name}.trace`);
  const inputs = spec.capture === undefined ? [] : [join(shop.root, spec.capture)];
  await fresh(shop, out, hashOf([JSON.stringify(spec), ...inputs, ...sources(shop.root, ['model', 'store', 'ingest'])]), async () => {
    if (spec.capture === undefined) await synthesise(spec.synth!, { ...spec, out, name });
    else await ingestCapture([join(shop.root, spec.capture)], { out, name });
  });
  return out;
}

/** Directory of a results set, made and scored when it is missing or stale. */
export async function resultsOf(shop: Workshop, name: string): Promise<string> {
  const parts = shop.spec.results[name];
  if (parts === undefined) throw new Error(`notebooks/data.yaml has no results ${name}`);
  const out = join(shop.out, name);
  const traces: string[] = [];
  for (const trace of new Set(parts.flatMap((part) => part.traces))) traces.push(await traceOf(shop, trace));
  const stamps = traces.map(stampOf).map((file) => readFileSync(file, 'utf8'));
  await fresh(shop, out, hashOf([JSON.stringify(parts), ...stamps, ...sources(shop.root, ['model', 'store', 'replay'])]), async () => {
    for (const part of parts) for (const trace of part.traces) await replay(join(shop.out, `${trace}.trace`), optionsOf(part, out));
    await materialiseScores(out);
  });
  return out;
}

function optionsOf({ schemes, windowMs, observed, tlb, worlds, profile, seeds }: ReplaySpec, out: string): ReplayOptions {
  return {
    out,
    jobs: availableParallelism(),
    version: 'notebooks',
    schemes,
    windowNs: (windowMs ?? 1000) * 1e6,
    observed: observed ?? true,
    tlb: tlb === true ? DEFAULT_TLB : 'off',
    worlds,
    profile,
    seeds,
  };
}

async function fresh({ log, keep }: Workshop, path: string, hash: string, make: () => Promise<void>): Promise<void> {
  const stamp = stampOf(path);
  if (existsSync(path) && existsSync(stamp) && (keep === true || readFileSync(stamp, 'utf8') === hash)) return;
  const start = performance.now();
  rmSync(stamp, { force: true });
  rmSync(path, { recursive: true, force: true });
  mkdirSync(join(path, '..'), { recursive: true });
  await make();
  writeFileSync(stamp, hash);
  log(`made ${path.split('/').at(-1)} in ${((performance.now() - start) / 1000).toFixed(1)} s`);
}

function stampOf(path: string): string {
  return `${path}.sha256`;
}

function sources(root: string, packages: readonly string[]): string[] {
  return packages.map((name) => join(root, 'packages', name, 'src'));
}

/** Hash over texts, files and directories. */
function hashOf(parts: readonly string[]): string {
  const hash = createHash('sha256');
  for (const part of parts) {
    if (part.length > 4000 || !existsSync(part)) hash.update(part);
    else for (const file of filesOf(part)) hash.update(readFileSync(file));
  }
  return hash.digest('hex');
}

function filesOf(path: string): string[] {
  if (statSync(path).isFile()) return [path];
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}
