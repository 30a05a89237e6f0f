/** What tests of binary formats share: in-memory sources cut at any size, and a context that records what it is told. */
import type { ByteSource, IngestBatch, IngestContext, Ingestor } from '@workset/model';

export interface Rejection {
  readonly code: string;
  readonly message: string;
  readonly count: number;
  readonly byteOffset: number | undefined;
  readonly line: number | undefined;
  readonly severity: string;
}

export interface Recorder extends IngestContext {
  readonly rejections: Rejection[];
  accepted: number;
  lostCount: number;
}

export function recorder(options: Record<string, string> = {}): Recorder {
  const rejections: Rejection[] = [];
  return {
    rejections,
    accepted: 0,
    lostCount: 0,
    options,
    reject(code, message, at = {}) {
      rejections.push({
        code,
        message,
        count: at.count ?? 1,
        byteOffset: at.byteOffset,
        line: at.line,
        severity: at.severity ?? 'warning',
      });
    },
    accept(n) {
      this.accepted += n;
    },
    lost(n) {
      this.lostCount += n;
    },
  };
}

export function bytesSource(bytes: Uint8Array, chunk = bytes.length, path = 'memory'): ByteSource {
  return {
    path,
    async *chunks() {
      for (let at = 0; at < bytes.length; at += chunk) yield bytes.subarray(at, at + chunk);
    },
  };
}

export interface Access {
  readonly space: string;
  readonly t: number;
  readonly page: number;
  readonly cls: number;
  readonly pid: number;
  readonly cpu: number;
}

export interface Collected {
  readonly accesses: Access[];
  readonly reports: Extract<IngestBatch, { kind: 'report' }>['report'][];
  readonly others: IngestBatch[];
  readonly ctx: Recorder;
}

/** Runs an ingestor to its end and copies everything it yields. */
export async function collect(
  ingestor: Pick<Ingestor, 'ingest'>,
  source: ByteSource,
  options: Record<string, string> = {},
): Promise<Collected> {
  const ctx = recorder(options);
  const all: Collected = { accesses: [], reports: [], others: [], ctx };
  for await (const batch of ingestor.ingest(source, ctx)) {
    if (batch.kind === 'report') all.reports.push(batch.report);
    else if (batch.kind !== 'accesses') all.others.push(batch);
    else {
      for (let i = 0; i < batch.n; i++) {
        all.accesses.push({
          space: batch.space,
          t: batch.timeNs[i]!,
          page: batch.page[i]!,
          cls: batch.cls[i]!,
          pid: batch.pid?.[i] ?? -1,
          cpu: batch.cpu?.[i] ?? -1,
        });
      }
    }
  }
  return all;
}
