/** Counts everything that was dropped, repaired or guessed of one input, by reason. */
import { TraceFormatError, type Diagnostic, type IngestContext, type Severity } from '@workset/model';

export type Where = Parameters<IngestContext['reject']>[2];

interface Reason {
  severity: Severity;
  readonly code: string;
  readonly line: number | null;
  readonly byteOffset: number | null;
  count: number;
  readonly message: string;
}

const RANK: Readonly<Record<Severity, number>> = { info: 0, warning: 1, error: 2 };

export class Reasons {
  readonly #path: string;
  readonly #strict: boolean;
  readonly #byCode = new Map<string, Reason>();

  /** @param strict the first reason of severity warning or error is thrown as TraceFormatError */
  constructor(path: string, strict: boolean) {
    this.#path = path;
    this.#strict = strict;
  }

  /** Counts one reason; the place kept is that of its first time. Severity defaults to warning. */
  add(code: string, message: string, at: Where = {}): void {
    const severity = at.severity ?? 'warning';
    const count = at.count ?? 1;
    if (this.#strict && severity !== 'info') {
      throw new TraceFormatError(
        `${message} (${code})`,
        { file: this.#path, line: at.line, byteOffset: at.byteOffset },
        'without --strict it is counted and the rest is kept',
      );
    }
    const known = this.#byCode.get(code);
    if (known === undefined) {
      this.#byCode.set(code, { severity, code, line: at.line ?? null, byteOffset: at.byteOffset ?? null, count, message });
      return;
    }
    known.count += count;
    if (RANK[severity] > RANK[known.severity]) known.severity = severity;
  }

  /** Records refused: everything that is more than an information. */
  get rejected(): number {
    let n = 0;
    for (const reason of this.#byCode.values()) if (reason.severity !== 'info') n += reason.count;
    return n;
  }

  rows(inputId: string): Diagnostic[] {
    return [...this.#byCode.values()].map((reason) => ({ inputId, ...reason }));
  }
}
