/** Which kernel a capture directory is of, by the files people keep beside a recording. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { openSource } from '../byte-source.ts';

/** Name → how its first lines name the kernel. */
const SIDE_FILES: readonly (readonly [name: RegExp, release: RegExp])[] = [
  // Linux (none) 6.1.192-vmcap #1 SMP …: uname -a comes first
  [/^(?:guest-info|uname)\.txt(?:\.gz|\.zst)?$/, /^Linux \S+ (\d+\.\d+\S*) /m],
  // [    0.000000] Linux version 6.1.192-vmcap (root@vm) …
  [/^dmesg[\w-]*\.(?:txt|log)(?:\.gz|\.zst)?$/, /\bLinux version (\d+\.\d+\S*)/],
  [/^provenance\.json$/, /"kernel":\s*"(?:Linux )?(\d+\.\d+[^\s",;]*)/],
];

/** Release such as 6.1.192-vmcap; undefined when no file says. Never throws. */
export async function kernelOfDirectory(directory: string): Promise<string | undefined> {
  const names = (await readdir(directory).catch(() => [])).sort();
  for (const [pattern, release] of SIDE_FILES) {
    for (const name of names.filter((each) => pattern.test(each))) {
      const found = release.exec(await beginning(join(directory, name)));
      if (found !== null) return found[1];
    }
  }
  return undefined;
}

async function beginning(path: string): Promise<string> {
  try {
    const source = await openSource(path);
    source.close();
    return Buffer.from(source.head).toString('latin1');
  } catch {
    return '';
  }
}
