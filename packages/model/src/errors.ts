/** The three kinds of failure (docs/adr/0003): bad input, wrong use, and our own bugs (plain `assert`). */

/** Process exit codes of the command line; `code` of every error maps to one of them. */
export const EXIT = { ok: 0, failed: 1, usage: 2, unreadable: 3, threshold: 4, interrupted: 130 } as const;

export interface ErrorPlace {
  file?: string | undefined;
  line?: number | undefined;
  byteOffset?: number | undefined;
}

/** Base class: a message that names what was seen, a place, and a hint that says what to do. */
export class WorksetError extends Error {
  readonly code: string;
  readonly exitCode: number;
  readonly place: ErrorPlace;
  readonly hint: string | undefined;
  constructor(code: string, exitCode: number, message: string, more: { place?: ErrorPlace; hint?: string; cause?: unknown } = {}) {
    super(message, more.cause === undefined ? {} : { cause: more.cause });
    this.name = new.target.name;
    this.code = code;
    this.exitCode = exitCode;
    this.place = more.place ?? {};
    this.hint = more.hint;
  }
}

/** Input that was recognised but is damaged or inconsistent; exit code 1. */
export class TraceFormatError extends WorksetError {
  constructor(message: string, place: ErrorPlace = {}, hint?: string, cause?: unknown) {
    super('bad-data', EXIT.failed, message, { place, ...(hint === undefined ? {} : { hint }), cause });
  }
}

/** Input that is not recognised, missing or unreadable; exit code 3. */
export class UnreadableInputError extends WorksetError {
  constructor(message: string, place: ErrorPlace = {}, hint?: string, cause?: unknown) {
    super('unreadable', EXIT.unreadable, message, { place, ...(hint === undefined ? {} : { hint }), cause });
  }
}

/** A wrong option, name or value, with the fix in the hint; exit code 2. */
export class UsageError extends WorksetError {
  constructor(message: string, hint?: string) {
    super('usage', EXIT.usage, message, hint === undefined ? {} : { hint });
  }
}

/** A run that could not do what was asked of it with this (valid) trace; exit code 1. */
export class RunError extends WorksetError {
  constructor(message: string, hint?: string, cause?: unknown) {
    super('run-failed', EXIT.failed, message, { ...(hint === undefined ? {} : { hint }), cause });
  }
}

/** A `--fail-under` threshold or a tolerance was missed; exit code 4. */
export class ThresholdError extends WorksetError {
  constructor(message: string, hint?: string) {
    super('threshold', EXIT.threshold, message, hint === undefined ? {} : { hint });
  }
}

/** The caller's AbortSignal fired; exit code 130. */
export class InterruptedError extends WorksetError {
  constructor(message = 'interrupted') {
    super('interrupted', EXIT.interrupted, message);
  }
}

/** Throws InterruptedError when the signal has fired; call it once per batch, not per record. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new InterruptedError();
}
