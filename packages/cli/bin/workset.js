#!/usr/bin/env node
// Plain JavaScript, so that any Node can read it: finds a Node that is new enough, then hands over to the real program.
import { existsSync } from 'node:fs';
import { spawn } from 'node:child_process';
import module from 'node:module'; // by default export: Node 20 has no enableCompileCache to import
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import v8 from 'node:v8';

const MIN_NODE = [22, 15];
const here = dirname(fileURLToPath(import.meta.url));
const fromSource = process.env.WORKSET_SRC === '1';
const sourceFlag = '--conditions=workset-src';

const [major, minor] = process.versions.node.split('.').map(Number);
const tooOld = major < MIN_NODE[0] || (major === MIN_NODE[0] && minor < MIN_NODE[1]);
const needsFlag = fromSource && !process.execArgv.includes(sourceFlag);

if (tooOld || needsFlag) reexec(tooOld ? pinnedNode() : process.execPath);
else await start();

async function start() {
  const main = join(here, fromSource ? '../src/main.ts' : '../dist/main.js');
  if (!existsSync(main)) {
    process.stderr.write(`workset: ${main} is missing\n  hint: build it first: npm run build\n`);
    process.exit(1);
  }
  // V8 13.6: a function entered by OSR, first in Maglev, then in TurboFan code, can give two of the objects it makes one box for
  // their doubles, and the later object's times then show in the earlier one. Without OSR in Maglev that was never seen.
  if (major === 24) v8.setFlagsFromString('--no-maglev-osr');
  module.enableCompileCache?.();
  const { runProcess } = await import(main);
  await runProcess();
}

/** The `node` package of npm carries a binary of the version this project is tested with. */
function pinnedNode() {
  try {
    const manifest = module.createRequire(import.meta.url).resolve('node/package.json');
    const binary = join(dirname(manifest), 'bin', process.platform === 'win32' ? 'node.exe' : 'node');
    if (existsSync(binary)) return binary;
  } catch {
    // not installed: say what to do below
  }
  process.stderr.write(
    `workset: Node ${MIN_NODE.join('.')} or newer is needed, this is ${process.versions.node}\n  hint: install a newer Node, or run: npm install node@24.21.0\n`,
  );
  process.exit(1);
}

function reexec(binary) {
  const flags = fromSource ? [sourceFlag, '--disable-warning=ExperimentalWarning'] : [];
  const child = spawn(binary, [...process.execArgv, ...flags, fileURLToPath(import.meta.url), ...process.argv.slice(2)], {
    stdio: 'inherit',
  });
  // a terminal sends Ctrl-C to both processes, kill(1) to this one only: pass it on and let the child count repeats as one
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('error', (error) => {
    process.stderr.write(`workset: cannot start ${binary}: ${error.message}\n`);
    process.exit(1);
  });
  child.on('exit', (code, signal) => {
    if (signal === null) process.exit(code ?? 1);
    for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.removeAllListeners(name);
    process.kill(process.pid, signal);
  });
}
