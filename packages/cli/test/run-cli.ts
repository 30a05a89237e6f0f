/** Runs the real command line from source, in a process of its own. */
import { execFile, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';

export const BIN = fileURLToPath(new URL('../bin/workset.js', import.meta.url));
export const REPO = fileURLToPath(new URL('../../../', import.meta.url));
const FLAGS = ['--conditions=workset-src', '--disable-warning=ExperimentalWarning'];

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Text for stdin; closed at once when absent. */
  readonly input?: string;
}

function environment(more: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  const { NO_COLOR: _no, FORCE_COLOR: _force, NODE_TEST_CONTEXT: _test, WORKSET_DEBUG: _debug, ...env } = process.env;
  return { ...env, WORKSET_SRC: '1', ...more };
}

/** Resolves with the exit code, whatever it is. */
export function workset(args: readonly string[], options: RunOptions = {}): Promise<Ran> {
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      [...FLAGS, BIN, ...args],
      { env: environment(options.env), cwd: options.cwd, maxBuffer: 64 << 20 },
      (error, stdout, stderr) => resolve({ code: error === null ? 0 : Number(error.code ?? -1), stdout, stderr }),
    );
    child.stdin!.on('error', () => {});
    child.stdin!.end(options.input ?? '');
  });
}

/** The bytes it writes to a pipe. */
export function worksetBytes(args: readonly string[]): Promise<{ code: number; stdout: Buffer; stderr: string }> {
  return new Promise((resolve) => {
    const options = { env: environment(), maxBuffer: 64 << 20, encoding: 'buffer' as const };
    const child = execFile(process.execPath, [...FLAGS, BIN, ...args], options, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code ?? -1), stdout, stderr: stderr.toString() }),
    );
    child.stdin!.end();
  });
}

/** Starts it and leaves it running. @param launcher true: without flags, so that bin/workset.js starts a second process */
export function start(args: readonly string[], launcher = false): ChildProcess {
  return spawn(process.execPath, [...(launcher ? [] : FLAGS), BIN, ...args], { env: environment(), stdio: ['pipe', 'pipe', 'pipe'] });
}

export function exitOf(child: ChildProcess): Promise<{ code: number | null; signal: NodeJS.Signals | null }> {
  return new Promise((resolve) => {
    child.on('exit', (code, signal) => resolve({ code, signal }));
  });
}

/** A directory that goes away with the test. */
export function scratch(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'workset-cli-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

/** The object that --json prints for an error. */
export function errorOf(ran: Ran): { code: string; message: string; file: string | null; line: number | null; hint: string | null } {
  const lines = ran.stderr.trim().split('\n');
  return (JSON.parse(lines.at(-1)!) as { error: ReturnType<typeof errorOf> }).error;
}
