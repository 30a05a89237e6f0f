// What all scripts share: where things are, which Node runs them, and installing when that is needed.
// Plain JavaScript for the machine's own Node (20 or newer); everything else runs under the pinned one.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
export const SOURCE_FLAGS = ['--conditions=workset-src', '--disable-warning=ExperimentalWarning'];

/** Node of the lock file; call installIfNeeded() first. */
export function pinnedNode() {
  const binary = join(ROOT, 'node_modules/node/bin/node');
  return existsSync(binary) ? binary : process.execPath;
}

/** Environment in which `node`, `tsc`, … are the installed ones and nothing phones home. */
export function toolEnv(more = {}) {
  const { NODE_OPTIONS: _inherited, NODE_TEST_CONTEXT: _test, ...env } = process.env;
  return {
    ...env,
    PATH: `${join(ROOT, 'node_modules/.bin')}:${env.PATH}`,
    TURBO_TELEMETRY_DISABLED: '1',
    DO_NOT_TRACK: '1',
    ...more,
  };
}

/** Runs a command with its output on ours (or collected with `capture`); resolves to { code, output }. */
export function run(command, args, { capture = false, env = {}, cwd = ROOT } = {}) {
  return new Promise((done) => {
    const child = spawn(command, args, { cwd, env: toolEnv(env), stdio: capture ? ['ignore', 'pipe', 'pipe'] : 'inherit' });
    let output = '';
    child.stdout?.on('data', (data) => (output += data));
    child.stderr?.on('data', (data) => (output += data));
    const stop = (signal) => child.kill(signal);
    process.on('SIGINT', stop).on('SIGTERM', stop);
    child.on('error', (error) => done({ code: 127, output: `${command}: ${error.message}\n` }));
    child.on('close', (code, signal) => {
      process.off('SIGINT', stop).off('SIGTERM', stop);
      done({ code: code ?? (signal === 'SIGINT' ? 130 : 1), output });
    });
  });
}

/** Says why `npm ci` must run, or null: node_modules is compared with the lock file package by package. */
export function whyInstall() {
  const installed = readLock(join(ROOT, 'node_modules/.package-lock.json'));
  if (installed === null) return 'nothing is installed';
  const wanted = readLock(join(ROOT, 'package-lock.json'));
  if (wanted === null) throw new Error('package-lock.json is missing or not JSON');
  for (const [path, entry] of Object.entries(wanted)) {
    if (!path.startsWith('node_modules/') || entry.optional || entry.link) continue;
    if (installed[path]?.version !== entry.version) return `${path.slice(13)} ${entry.version} is not installed`;
  }
  return existsSync(join(ROOT, 'node_modules/node/bin/node')) ? null : 'the pinned node is not installed';
}

/**
 * `npm ci`. A registry without the bindings of other platforms makes npm call the lock file incomplete; then `npm install --no-save`
 * installs the same locked versions and leaves the lock file alone.
 */
export function installIfNeeded() {
  const why = whyInstall();
  if (why === null) return null;
  const ci = npm('ci');
  const done = ci.status === 0 ? ci : npm('install', '--no-save');
  if (done.status !== 0) throw new Error(`npm cannot install (${why}):\n${ci.stderr}\n${done.stderr}`);
  return why;
}

function npm(...args) {
  return spawnSync('npm', [...args, '--no-fund', '--no-audit', '--loglevel=error'], { cwd: ROOT, encoding: 'utf8' });
}

function readLock(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8')).packages;
  } catch {
    return null;
  }
}
