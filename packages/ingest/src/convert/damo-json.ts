/** damo's JSON record format: one record per stream, collected in a file each and joined at the end. */
import type { ObservationStream } from '@workset/model';
import { FileSink } from './sink.ts';
import type { ReportRow, RowWriter, SourceFacts } from './model.ts';

const COPY_BYTES = 1 << 20;

interface Part {
  readonly sink: FileSink;
  readonly stream: ObservationStream;
  snapshots: number;
}

export class DamoJsonWriter implements RowWriter {
  rows = 0;
  readonly #path: string;
  readonly #facts: SourceFacts;
  readonly #parts = new Map<string, Part>();
  readonly #counts = { incomplete: 0, timeless: 0, sets: 0 };
  #whole: FileSink | undefined;
  #epochNs: bigint | undefined;

  constructor(path: string, facts: SourceFacts) {
    this.#path = path;
    this.#facts = facts;
  }

  get lost(): readonly string[] {
    const { incomplete, timeless, sets } = this.#counts;
    const epochNs = this.#facts.epochNs();
    return [
      ...(this.#epochNs !== undefined && this.#epochNs !== epochNs
        ? [`times count from ${epochNs - this.#epochNs} ns of the clock ${this.#facts.clock}`]
        : []),
      ...(incomplete > 0 ? [`${incomplete} snapshots are incomplete, which damo's format cannot say`] : []),
      ...(timeless > 0 ? [`${timeless} snapshots without a known begin or end are left out`] : []),
      ...(sets > 0 ? [`${sets} reports are page sets, not regions, and left out`] : []),
    ];
  }

  accesses(): void {}

  report({ stream, report }: ReportRow): void {
    const { regions } = report;
    if (regions === null) {
      this.#counts.sets++;
      return;
    }
    if (!Number.isFinite(report.setBeginNs) || !Number.isFinite(report.readEndNs)) {
      this.#counts.timeless++;
      return;
    }
    if (!report.complete) this.#counts.incomplete++;
    const part = this.#part(stream);
    part.sink.text(part.snapshots++ === 0 ? '\n' : ',\n');
    part.sink.text(`  {"start_time": ${this.#time(report.setBeginNs)}, "end_time": ${this.#time(report.readEndNs)}, "regions": [`);
    for (let i = 0; i < regions.startPage.length; i++) {
      const start = BigInt(regions.startPage[i]!) << 12n;
      const end = start + (BigInt(regions.nPages[i]!) << 12n);
      const age = regions.age[i]!;
      part.sink.text(
        `${i === 0 ? '' : ','}\n   {"start": "${start}", "end": "${end > U64_MAX ? U64_MAX : end}", "nr_accesses": {"samples": ${regions.nrAccesses[i]!}, "percent": null}, "age": {"usec": null, "aggr_intervals": ${age < 0 ? 'null' : `"${age}"`}}}`,
      );
      this.rows++;
    }
    part.sink.text(']}');
  }

  async close(): Promise<void> {
    const whole = new FileSink(this.#path);
    this.#whole = whole;
    whole.text('[');
    let first = true;
    for (const part of this.#parts.values()) {
      part.sink.flush();
      whole.text(`${first ? '' : ','}\n {${head(part.stream)}, "snapshots": [`);
      whole.flush();
      copy(part.sink, whole);
      whole.text('\n ]}');
      part.sink.remove();
      first = false;
    }
    whole.text('\n]\n');
    whole.close();
  }

  abort(): void {
    for (const { sink } of this.#parts.values()) sink.remove();
    this.#whole?.remove();
  }

  #part(stream: ObservationStream): Part {
    let part = this.#parts.get(stream.stream);
    if (part === undefined) {
      part = { sink: new FileSink(`${this.#path}.${this.#parts.size}`), stream, snapshots: 0 };
      this.#parts.set(stream.stream, part);
    }
    return part;
  }

  /** As damo writes it: ns in quotes, on the clock itself as far as it is known at the first snapshot. */
  #time(ns: number): string {
    this.#epochNs ??= this.#facts.epochNs();
    return `"${BigInt(Math.round(ns)) + this.#epochNs}"`;
  }
}

const U64_MAX = 2n ** 64n - 1n;

/** Indices and ids as the input had them; ids may need 64 bits, so they are copied as digits. */
function head({ notes }: ObservationStream): string {
  const id = (...keys: readonly string[]) => {
    const text = keys.map((key) => notes[key]).find((value) => value !== undefined && /^\d+$/.test(String(value)));
    return text === undefined ? 'null' : String(text);
  };
  const sampleUs = id('sample_us');
  const aggrUs = id('aggr_us');
  const intervals =
    sampleUs === 'null' || aggrUs === 'null' ? 'null' : `{"sample_us": "${sampleUs}", "aggr_us": "${aggrUs}", "ops_update_us": "1000000"}`;
  return [
    `"kdamond_idx": ${id('kdamond_idx')}`,
    `"context_idx": ${id('context_idx', 'ctx_idx')}`,
    `"intervals": ${intervals}`,
    `"scheme_idx": ${id('scheme_idx')}`,
    `"target_id": ${id('target_id', 'target')}`,
  ].join(', ');
}

function copy(from: FileSink, to: FileSink): void {
  const buffer = Buffer.alloc(COPY_BYTES);
  for (let at = 0; ;) {
    const got = from.read(buffer, COPY_BYTES, at);
    if (got === 0) return;
    to.write(buffer.subarray(0, got));
    at += got;
  }
}
