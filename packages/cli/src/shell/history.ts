/** What was typed before, one statement a line, newest first as readline wants it. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';

const KEPT = 1000;

/** $WORKSET_HISTORY, else under the XDG state directory. */
export function historyFile(): string {
  const { WORKSET_HISTORY, XDG_STATE_HOME } = process.env;
  return WORKSET_HISTORY ?? join(XDG_STATE_HOME ?? join(homedir(), '.local/state'), 'workset', 'sql_history');
}

/** Empty when there is none yet or it cannot be read. */
export function readHistory(file: string): string[] {
  try {
    return readFileSync(file, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .toReversed();
  } catch {
    return [];
  }
}

/** Best effort: a shell that cannot keep its history still works. */
export function writeHistory(file: string, newestFirst: readonly string[]): void {
  try {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, `${newestFirst.slice(0, KEPT).toReversed().join('\n')}\n`, { mode: 0o600 });
  } catch {
    // a read-only home directory is no reason to fail
  }
}
