// Adds to package-lock.json the bindings of other platforms that the registry at hand does not carry: without them `npm ci`
// calls the lock incomplete. Names and versions are what the parents ask for; system and processor are read from the name.
// usage: after npm install: node scripts/complete-lock.mjs
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { ROOT } from './lib/tools.mjs';

const FILE = join(ROOT, 'package-lock.json');
const SYSTEMS = {
  android: 'android',
  darwin: 'darwin',
  freebsd: 'freebsd',
  linux: 'linux',
  openharmony: 'openharmony',
  win32: 'win32',
  windows: 'win32',
};
const PROCESSORS = { arm: 'arm', arm64: 'arm64', ia32: 'ia32', ppc64: 'ppc64', riscv64: 'riscv64', s390x: 's390x', x64: 'x64', 64: 'x64' };

const lock = JSON.parse(readFileSync(FILE, 'utf8'));
const { packages } = lock;
let added = 0;
for (const [path, parent] of Object.entries(packages)) {
  for (const [name, version] of Object.entries(parent.optionalDependencies ?? {})) {
    if (`node_modules/${name}` in packages || `${path}/node_modules/${name}` in packages) continue;
    packages[`node_modules/${name}`] = entryFor(name, version, parent);
    added++;
  }
}
lock.packages = Object.fromEntries(Object.entries(packages).sort(([a], [b]) => a.localeCompare(b, 'en')));
if (added > 0) writeFileSync(FILE, `${JSON.stringify(lock, null, 2)}\n`);
console.log(`${added} entries added`);

/** oxlint's binding-linux-arm64-musl → { os: ['linux'], cpu: ['arm64'], libc: ['musl'] } */
function entryFor(name, version, parent) {
  const words = name.split(/[/-]/);
  const os = words.map((word) => SYSTEMS[word]).find((each) => each !== undefined);
  const cpu = words.map((word) => PROCESSORS[word]).find((each) => each !== undefined);
  if (os === undefined || cpu === undefined || !/^\d/.test(version)) throw new Error(`${name}@${version}: of which platform?`);
  const libc = words.includes('musl') ? ['musl'] : words.includes('gnu') ? ['glibc'] : undefined;
  return { version, cpu: [cpu], ...(parent.dev ? { dev: true } : {}), ...(libc && { libc }), optional: true, os: [os] };
}
