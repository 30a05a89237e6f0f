/** One line on a terminal that says how far a long command is; silent for the first second and on pipes. */
import { formatBytes, formatDuration } from '@workset/model';

import { sanitiseCell } from './sanitise.ts';

export interface ProgressState {
  /** What is being done, e.g. a file or scheme name. */
  readonly what?: string;
  readonly done: number;
  /** Missing or 0 when unknown: no percentage, no ETA. */
  readonly total?: number;
  readonly unit: 'bytes' | 'events' | 'runs';
  /** Records read so far, shown per second. */
  readonly events?: number;
}

const FIRST_MS = 1000;
const EVERY_MS = 100;

export class ProgressLine {
  readonly #stream: NodeJS.WriteStream;
  readonly #label: string;
  readonly #enabled: boolean;
  readonly #now: () => number;
  readonly #startMs: number;
  #shownMs: number;
  #visible = false;

  /** @param enabled false on pipes, with --quiet and with --no-progress */
  constructor(stream: NodeJS.WriteStream, label: string, enabled: boolean, now: () => number = () => performance.now()) {
    this.#stream = stream;
    this.#label = label;
    this.#enabled = enabled;
    this.#now = now;
    this.#startMs = now();
    this.#shownMs = this.#startMs + FIRST_MS - EVERY_MS;
  }

  update(state: ProgressState): void {
    const now = this.#now();
    if (!this.#enabled || now - this.#shownMs < EVERY_MS) return;
    this.#shownMs = now;
    this.#visible = true;
    const text = progressText(this.#label, state, (now - this.#startMs) / 1000);
    this.#stream.write(`\r\u001b[2K${text.slice(0, (this.#stream.columns ?? 80) - 1)}`);
  }

  /** Clears the line; call it in `finally`. */
  end(): void {
    if (this.#visible) this.#stream.write('\r\u001b[2K');
    this.#visible = false;
  }
}

/** `ingest gt.vmgt.gz  42%  12 MiB of 28 MiB  3.1 M events/s  ETA 4 s` */
export function progressText(label: string, state: ProgressState, elapsedS: number): string {
  const { done, total = 0, unit, events = 0 } = state;
  const amount = (n: number): string => (unit === 'bytes' ? formatBytes(n) : `${humanCount(n)} ${unit}`);
  const parts = [label + (state.what === undefined ? '' : ` ${sanitiseCell(state.what)}`)];
  if (total > 0) parts.push(`${Math.floor((100 * Math.min(done, total)) / total)}%`, `${amount(done)} of ${amount(total)}`);
  else parts.push(amount(done));
  const rated = unit === 'events' ? done : events;
  if (rated > 0 && elapsedS > 0) parts.push(`${humanCount(rated / elapsedS)} events/s`);
  if (total > 0 && done > 0 && done < total) parts.push(`ETA ${formatDuration(Math.ceil((elapsedS * (total - done)) / done) * 1e9)}`);
  return parts.join('  ');
}

function humanCount(n: number): string {
  const [unit, scale] = n >= 1e9 ? ['G', 1e9] : n >= 1e6 ? ['M', 1e6] : n >= 1e4 ? ['k', 1e3] : ['', 1];
  const value = Number((n / (scale as number)).toPrecision(3));
  return unit === '' ? String(Math.round(n)) : `${value} ${unit}`;
}
