/** SIGINT, SIGTERM and a reader that went away: ask once, insist the second time. */
import { EXIT } from '@workset/model';

export interface ProcessWatch {
  /** Reason is 'interrupted' or 'closed' (stdout's reader went away). */
  readonly signal: AbortSignal;
  /** The code to leave with when the command returned `code`. */
  exitCode(code: number): number;
}

/** A terminal's Ctrl-C reaches us twice when the launcher passes it on too: repeats this close are one. */
const SAME_PRESS_MS = 250;

export function watchProcess(): ProcessWatch {
  const controller = new AbortController();
  let firstMs = 0;
  const interrupt = (name: NodeJS.Signals) => (): void => {
    const now = performance.now();
    if (!controller.signal.aborted) {
      firstMs = now;
      controller.abort('interrupted');
      if (process.stderr.isTTY) process.stderr.write('\nworkset: stopping cleanly (again to stop at once)\n');
    } else if (now - firstMs > SAME_PRESS_MS) {
      process.removeAllListeners(name);
      process.kill(process.pid, name);
    }
  };
  process.on('SIGINT', interrupt('SIGINT'));
  process.on('SIGTERM', interrupt('SIGTERM'));
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    if (!controller.signal.aborted) controller.abort('closed');
  });
  process.stderr.on('error', () => {});
  return {
    signal: controller.signal,
    exitCode: (code) => (controller.signal.aborted ? (controller.signal.reason === 'closed' ? EXIT.ok : EXIT.interrupted) : code),
  };
}
