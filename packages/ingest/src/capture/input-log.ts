/** What is known of one input while it is read; becomes its row in the table `inputs`. */
import type { IngestContext, SpaceId, TraceInput, TruthGrade } from '@workset/model';
import type { InputClock } from './clocks.ts';
import type { CaptureInput } from './inputs.ts';
import { Reasons } from './reasons.ts';

export class InputLog {
  readonly input: CaptureInput;
  readonly clock: InputClock;
  readonly reasons: Reasons;
  readonly context: IngestContext;
  truth: TruthGrade;
  space: SpaceId | null;
  inputId = '';
  accepted = 0;
  /** Names of the options that the reader looked at. */
  readonly usedOptions = new Set<string>();
  #lost: number | null = null;
  #firstNs = Number.POSITIVE_INFINITY;
  #lastNs = Number.NEGATIVE_INFINITY;
  #cpus = 0;
  #raw = { sha256: '', sizeBytes: 0 };

  constructor(input: CaptureInput, clock: InputClock, strict: boolean, signal: AbortSignal | undefined) {
    const { descriptor } = input.ingestor;
    this.input = input;
    this.clock = clock;
    this.reasons = new Reasons(input.path, strict);
    this.truth = descriptor.truth;
    this.space = descriptor.space === 'any' ? null : descriptor.space;
    this.context = {
      options: watched(input.options, this.usedOptions),
      ...(signal === undefined ? {} : { signal }),
      accept: (n) => void (this.accepted += n),
      lost: (n) => void (this.#lost = (this.#lost ?? 0) + n),
      reject: (code, message, at) => this.reasons.add(code, message, at),
    };
  }

  /** Notes that something happened at `ns` on the file's clock. */
  at(ns: number): void {
    if (ns < this.#firstNs) this.#firstNs = ns;
    if (ns > this.#lastNs) this.#lastNs = ns;
  }
  cpu(cpu: number): void {
    if (cpu >= this.#cpus) this.#cpus = cpu + 1;
  }
  /** The file says how many vCPUs the machine has. */
  machine(vcpus: number): void {
    this.#cpus = Math.max(this.#cpus, vcpus);
  }
  finished(raw: { sha256: string; sizeBytes: number }): void {
    this.#raw = raw;
  }

  row(): TraceInput {
    const timed = this.#lastNs >= this.#firstNs;
    return {
      inputId: this.inputId,
      path: this.input.path,
      ...this.#raw,
      format: this.input.ingestor.descriptor.id,
      truth: this.truth,
      space: this.space,
      clock: this.input.ingestor.descriptor.clock,
      tFirstNs: timed ? this.clock.toTrace(this.#firstNs) : null,
      tLastNs: timed ? this.clock.toTrace(this.#lastNs) : null,
      nEvents: this.accepted,
      nLost: this.#lost,
      nRejected: this.reasons.rejected,
      vcpus: this.#cpus > 0 ? this.#cpus : null,
    };
  }
}

/** The same options; which of them are read goes into `used`. */
function watched(options: Readonly<Record<string, string>>, used: Set<string>): Readonly<Record<string, string>> {
  const all: Record<string, string> = {};
  for (const [name, value] of Object.entries(options)) {
    Object.defineProperty(all, name, {
      enumerable: true,
      get() {
        used.add(name);
        return value;
      },
    });
  }
  return all;
}
