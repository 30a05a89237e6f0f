/** Merges streams of batches whose accesses are each in time order into one such stream. */
import type { IngestBatch } from '@workset/model';

type AccessBatch = Extract<IngestBatch, { kind: 'accesses' }>;

interface Head {
  readonly stream: AsyncIterator<IngestBatch>;
  batch: AccessBatch | null;
  at: number;
}

/** Other batches pass as they come; equal times keep the order of `streams`. Only one address space per stream set is merged. */
export async function* mergeByTime(streams: readonly AsyncIterable<IngestBatch>[]): AsyncGenerator<IngestBatch> {
  const heads: Head[] = streams.map((stream) => ({ stream: stream[Symbol.asyncIterator](), batch: null, at: 0 }));
  for (const head of heads) yield* advance(head);
  for (;;) {
    const first = earliest(heads, null);
    if (first === null || first.batch === null) return;
    const rival = earliest(heads, first);
    const end = rival === null ? first.batch.n : runEnd(first.batch, first.at, timeOf(rival), heads.indexOf(first) < heads.indexOf(rival));
    yield slice(first.batch, first.at, end);
    first.at = end;
    if (first.at >= first.batch.n) yield* advance(first);
  }
}

/** Loads the next access batch of one stream, passing on what comes before it. */
async function* advance(head: Head): AsyncGenerator<IngestBatch> {
  head.batch = null;
  head.at = 0;
  for (;;) {
    const next = await head.stream.next();
    if (next.done === true) return;
    if (next.value.kind === 'accesses' && next.value.n > 0) {
      head.batch = next.value;
      return;
    }
    yield next.value;
  }
}

function timeOf(head: Head): number {
  return head.batch!.timeNs[head.at]!;
}

function earliest(heads: readonly Head[], without: Head | null): Head | null {
  let best: Head | null = null;
  for (const head of heads) {
    if (head !== without && head.batch !== null && (best === null || timeOf(head) < timeOf(best))) best = head;
  }
  return best;
}

/** First row at or after `from` that must wait for a rival at time `rivalNs`. */
function runEnd(batch: AccessBatch, from: number, rivalNs: number, winsTies: boolean): number {
  const { timeNs, n } = batch;
  let end = from + 1;
  while (end < n && (winsTies ? timeNs[end]! <= rivalNs : timeNs[end]! < rivalNs)) end++;
  return end;
}

function slice(batch: AccessBatch, from: number, to: number): AccessBatch {
  if (from === 0 && to === batch.n) return batch;
  return {
    ...batch,
    n: to - from,
    timeNs: batch.timeNs.subarray(from, to),
    page: batch.page.subarray(from, to),
    cls: batch.cls.subarray(from, to),
    ...(batch.pid === undefined ? {} : { pid: batch.pid.subarray(from, to) }),
    ...(batch.cpu === undefined ? {} : { cpu: batch.cpu.subarray(from, to) }),
  };
}
