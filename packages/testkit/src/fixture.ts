/** Captured files under traces/<case>/, handed out only when they are the bytes that provenance.json describes. */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface Provenance {
  readonly case: string;
  readonly what: string;
  readonly origin: string;
  readonly command: string;
  readonly kernel: string;
  readonly files: Readonly<Record<string, { readonly bytes: number; readonly sha256: string }>>;
}

export interface Fixture {
  /** Absolute path of the case. */
  readonly dir: string;
  readonly provenance: Provenance;
  /** Absolute path of one file. Throws Error when the file is not listed or its bytes are not the ones described. */
  file(name: string): string;
}

/** The folder of all cases. */
export function tracesDir(): string {
  let dir = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(dir, 'traces')) || basename(dir) === 'src') {
    const parent = dirname(dir);
    if (parent === dir) throw new Error('no traces folder above the testkit');
    dir = parent;
  }
  return join(dir, 'traces');
}

/** Opens traces/<name>/. Throws Error when it has no provenance.json. */
export function fixture(name: string, root: string = tracesDir()): Fixture {
  const dir = join(root, name);
  const provenance = JSON.parse(readFileSync(join(dir, 'provenance.json'), 'utf8')) as Provenance;
  return {
    dir,
    provenance,
    file(file) {
      const wanted = provenance.files[file];
      if (wanted === undefined) throw new Error(`${name}/provenance.json does not list ${file}`);
      const path = join(dir, file);
      const sha256 = createHash('sha256').update(readFileSync(path)).digest('hex');
      if (sha256 !== wanted.sha256)
        throw new Error(`${name}/${file} is not the file described: sha256 ${sha256}, provenance.json says ${wanted.sha256}`);
      return path;
    },
  };
}
