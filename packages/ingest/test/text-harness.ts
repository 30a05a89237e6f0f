/** Runs one ingestor over bytes and keeps what it said, for the text formats' tests. */
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import type { IngestBatch, IngestContext, Ingestor, Observation } from '@workset/model';

export interface Outcome {
  readonly batches: IngestBatch[];
  readonly reports: Observation[];
  readonly streams: string[];
  /** One entry per access: "gva 7.000000001 7f3aefde6 w 70 0" as space, ns, hex page, r/w (capital: kernel), pid, cpu. */
  readonly accesses: Access[];
  /** code → how often. */
  readonly rejected: Record<string, number>;
  /** code → first line. */
  readonly firstLine: Record<string, number | undefined>;
  readonly messages: Record<string, string>;
  lost: number;
  accepted: number;
  error: Error | undefined;
}
export interface Access {
  readonly space: string;
  readonly timeNs: number;
  readonly page: number;
  readonly cls: number;
  readonly pid: number | undefined;
  readonly cpu: number | undefined;
}

const traces = new URL('../../../traces/', import.meta.url);

/** A fixture's bytes, decompressed. */
export function fixture(path: string): Buffer {
  const bytes = readFileSync(new URL(path, traces));
  return path.endsWith('.gz') ? gunzipSync(bytes) : bytes;
}

export async function ingestBytes(
  ingestor: Ingestor,
  bytes: Uint8Array,
  more: { options?: Record<string, string>; chunk?: number | 'line'; path?: string; beforeChunk?: () => void } = {},
): Promise<Outcome> {
  const outcome: Outcome = {
    batches: [],
    reports: [],
    streams: [],
    accesses: [],
    rejected: {},
    firstLine: {},
    messages: {},
    lost: 0,
    accepted: 0,
    error: undefined,
  };
  const ctx: IngestContext = {
    options: more.options ?? {},
    accept: (n) => {
      outcome.accepted += n;
    },
    lost: (n) => {
      outcome.lost += n;
    },
    reject: (code, message, at = {}) => {
      outcome.rejected[code] = (outcome.rejected[code] ?? 0) + (at.count ?? 1);
      if (!(code in outcome.firstLine)) outcome.firstLine[code] = at.line;
      outcome.messages[code] ??= message;
    },
  };
  const size = more.chunk ?? 65536;
  const source = {
    path: more.path ?? 'x.txt',
    async *chunks(): AsyncGenerator<Uint8Array> {
      // a chunk's memory may be used again: what a reader keeps it must copy
      for (let at = 0, end = 0; at < bytes.length; at = end) {
        end = size === 'line' ? bytes.indexOf(10, at) + 1 || bytes.length : at + size;
        const chunk = Buffer.from(Uint8Array.from(bytes.subarray(at, end)).buffer);
        more.beforeChunk?.();
        yield chunk;
        chunk.fill(0xaa);
      }
    },
  };
  try {
    for await (const batch of ingestor.ingest(source, ctx)) collect(batch, outcome);
  } catch (error) {
    outcome.error = error as Error;
  }
  return outcome;
}

export function ingestText(ingestor: Ingestor, text: string, options?: Record<string, string>): Promise<Outcome> {
  return ingestBytes(ingestor, Buffer.from(text, 'latin1'), options === undefined ? {} : { options });
}

function collect(batch: IngestBatch, outcome: Outcome): void {
  outcome.batches.push(batch);
  if (batch.kind === 'report') outcome.reports.push(batch.report);
  if (batch.kind === 'stream') outcome.streams.push(`${batch.stream.stream} ${batch.stream.tracker} ${batch.stream.space}`);
  if (batch.kind !== 'accesses') return;
  for (let i = 0; i < batch.n; i++) {
    outcome.accesses.push({
      space: batch.space,
      timeNs: batch.timeNs[i]!,
      page: batch.page[i]!,
      cls: batch.cls[i]!,
      pid: batch.pid?.[i],
      cpu: batch.cpu?.[i],
    });
  }
}

/** What must not depend on chunking. */
export function essence(outcome: Outcome): unknown {
  return {
    accesses: outcome.accesses,
    reports: outcome.reports.map((report) => ({
      ...report,
      regions: report.regions === null ? null : Object.values(report.regions).map((column: Float64Array) => [...column]),
    })),
    rejected: outcome.rejected,
    firstLine: outcome.firstLine,
    lost: outcome.lost,
    accepted: outcome.accepted,
    error: outcome.error?.message,
  };
}

/** A small deterministic random source for fuzzing. */
export function random(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}
