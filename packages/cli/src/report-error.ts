/** Any thrown thing → what the user reads (or parses, with --json) and the exit code. */
import { EXIT, WorksetError } from '@workset/model';

import { safeJson, sanitise } from './sanitise.ts';

export interface ErrorReport {
  readonly code: string;
  readonly message: string;
  readonly file: string | null;
  readonly line: number | null;
  readonly offset: number | null;
  readonly hint: string | null;
}

interface SystemError {
  readonly exit: number;
  readonly code: string;
  readonly says: string;
}

/** Errors of the operating system that are about the user's paths, not about our code. */
const SYSTEM: Readonly<Record<string, SystemError>> = {
  ENOENT: { exit: EXIT.unreadable, code: 'unreadable', says: 'no such file or directory' },
  EACCES: { exit: EXIT.unreadable, code: 'unreadable', says: 'permission denied' },
  EPERM: { exit: EXIT.unreadable, code: 'unreadable', says: 'operation not permitted' },
  EISDIR: { exit: EXIT.unreadable, code: 'unreadable', says: 'is a directory' },
  ENOTDIR: { exit: EXIT.unreadable, code: 'unreadable', says: 'a part of the path is not a directory' },
  ENOSPC: { exit: EXIT.failed, code: 'run-failed', says: 'no space left on device' },
  EDQUOT: { exit: EXIT.failed, code: 'run-failed', says: 'disk quota exceeded' },
  EFBIG: { exit: EXIT.failed, code: 'run-failed', says: 'file too large' },
  EIO: { exit: EXIT.failed, code: 'run-failed', says: 'input/output error' },
  EROFS: { exit: EXIT.failed, code: 'run-failed', says: 'read-only file system' },
  EMFILE: { exit: EXIT.failed, code: 'run-failed', says: 'too many open files' },
};

export function reportOf(error: unknown): { report: ErrorReport; exit: number } {
  const nothing = { file: null, line: null, offset: null, hint: null };
  if (error instanceof WorksetError) {
    const { file = null, line = null, byteOffset = null } = error.place;
    return {
      report: { code: error.code, message: error.message, file, line, offset: byteOffset, hint: error.hint ?? null },
      exit: error.exitCode,
    };
  }
  const system = systemError(error);
  if (system !== undefined) {
    const { known, path } = system;
    const hint = /permi|read-only|space|quota|too large/.test(known.says)
      ? 'choose another place to write to, or make room or leave to write there'
      : null;
    return { report: { ...nothing, code: known.code, message: known.says, file: path, hint }, exit: known.exit };
  }
  if (error instanceof Error && error.name === 'AbortError') {
    return { report: { ...nothing, code: 'interrupted', message: 'interrupted' }, exit: EXIT.interrupted };
  }
  const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  const hint = 'this is a fault in workset: run again with WORKSET_DEBUG=1 and report what it prints';
  return { report: { ...nothing, code: 'internal', message, hint }, exit: EXIT.failed };
}

/** Our own process says so by `code`; an error that came from a worker or from DuckDB only in its text. */
function systemError(error: unknown): { known: SystemError; path: string | null } | undefined {
  const { code = '', path = null, message = '' } = (error ?? {}) as NodeJS.ErrnoException;
  if (code in SYSTEM) return { known: SYSTEM[code]!, path };
  // EPERM: operation not permitted, open '/x/windows/a.parquet.part'
  const worker = /\b(E[A-Z]+): [^,]+, \w+(?: '([^']*)')?/.exec(message);
  const ofWorker = SYSTEM[worker?.[1] ?? ''];
  if (ofWorker !== undefined) return { known: ofWorker, path: worker![2] ?? null };
  // IO Error: Cannot open file "/x/r.duckdb.part": Operation not permitted
  const duckdb = /IO Error: .*?"([^"]*)".*: ([A-Z][\w -]+)/.exec(message);
  const known = Object.values(SYSTEM).find(({ says }) => says === duckdb?.[2]?.toLowerCase());
  return known === undefined ? undefined : { known, path: duckdb![1]! };
}

/** `workset: gt.gz: line 12: message`, then the hint on a line of its own; or one JSON object. */
export function errorText(report: ErrorReport, json: boolean): string {
  if (json) return `${safeJson({ error: report })}\n`;
  const place = [
    report.file,
    report.line === null ? null : `line ${report.line}`,
    report.offset === null ? null : `offset ${report.offset}`,
  ];
  const named = place.filter((part) => part !== null && !(part === report.file && report.message.includes(part)));
  const head = ['workset', ...named, report.message].join(': ');
  return sanitise(`${head}\n${report.hint === null ? '' : `  hint: ${report.hint.replaceAll('\n', '\n        ')}\n`}`);
}
