/** Rows out of a trace, or straight out of a capture file with its own times. */
import { throwIfAborted, UsageError, type ObservationStream, type SpaceId } from '@workset/model';
import { openTrace, type SpaceReader } from '@workset/store';
import { openSource } from '../byte-source.ts';
import { Reasons } from '../capture/reasons.ts';
import { readPlainBatches } from '../read-batches.ts';
import { recognise } from '../sniff.ts';
import type { ConvertOptions, ConvertRows, SourceFacts } from './model.ts';

export interface RowSource {
  readonly facts: SourceFacts;
  rows(): AsyncGenerator<ConvertRows>;
  close(): void;
}

/** What the target can hold; `any`: accesses, or reports when there are none. */
export type Wanted = 'accesses' | 'reports' | 'any';

export async function openTraceRows(path: string, options: ConvertOptions, wanted: Wanted): Promise<RowSource> {
  if (options.pid !== undefined) throw new UsageError('a trace does not keep process ids', 'convert the capture file itself with pid');
  const trace = await openTrace(path);
  const { manifest } = trace;
  const touched = manifest.spaces.filter(({ nTouches }) => nTouches > 0).map(({ id }) => id);
  const space = wanted === 'reports' ? undefined : (options.space ?? (touched.length > 1 ? severalSpaces(touched) : touched[0]));
  return {
    facts: {
      name: manifest.name,
      clock: manifest.clock,
      epochNs: () => BigInt(manifest.epochNs),
      quantumNs: manifest.quantumNs,
      diagnostics: () => manifest.diagnostics,
    },
    async *rows() {
      if (space !== undefined) yield* touches(trace.space(space), options);
      for (const stream of manifest.streams) {
        for (const report of trace.observations(stream.stream)) yield { kind: 'report', stream, report };
      }
    },
    close: () => trace.close(),
  };
}

/** The touches of one space, frame by frame; a frame may come in two pieces. */
async function* touches(space: SpaceReader, { signal }: ConvertOptions): AsyncGenerator<ConvertRows> {
  const { frames, info } = space;
  const { classBits } = info;
  const mask = (1 << classBits) - 1;
  const batch = new Int32Array(space.batchRows);
  const page = new Float64Array(space.batchRows);
  const cls = new Uint8Array(space.batchRows);
  let frame = 0;
  for (let b = 0, first = 0; b < space.nBatches; b++) {
    throwIfAborted(signal);
    const n = space.readBatch(b, batch);
    for (let i = 0; i < n; i++) {
      page[i] = space.pageOf(batch[i]! >>> classBits);
      cls[i] = batch[i]! & mask;
    }
    for (let at = first; at < first + n;) {
      while (frames.rowStart[frame + 1]! <= at) frame++;
      const end = Math.min(frames.rowStart[frame + 1]!, first + n);
      yield {
        kind: 'accesses',
        space: info.id,
        n: end - at,
        t0Ns: frames.t0Ns[frame]!,
        t1Ns: frames.t1Ns[frame]!,
        timeNs: null,
        page: page.subarray(at - first, end - first),
        cls: cls.subarray(at - first, end - first),
        pid: null,
        cpu: null,
      };
      at = end;
    }
    first += n;
  }
}

export async function openCaptureRows(path: string, options: ConvertOptions): Promise<RowSource> {
  const source = await openSource(path);
  try {
    const ingestor = recognise(source.head, path, options.inputFormat);
    const reasons = new Reasons(path, false);
    const context = {
      options: { ...(options.space === undefined ? {} : { space: options.space }), ...options.options },
      ...(options.signal === undefined ? {} : { signal: options.signal }),
      accept() {},
      lost: (n: number) => reasons.add('lost-records', 'records that the capture tool says it lost', { count: n }),
      reject: reasons.add.bind(reasons),
    };
    const clock = { name: ingestor.descriptor.clock, epochNs: 0n };
    return {
      facts: {
        name: path.replace(/^.*\//, ''),
        get clock() {
          return clock.name;
        },
        epochNs: () => clock.epochNs,
        quantumNs: null,
        diagnostics: () => reasons.rows(''),
      },
      async *rows() {
        const streams = new Map<string, ObservationStream>();
        const spaces = new Set<SpaceId>();
        for await (const batch of readPlainBatches(ingestor, source, context)) {
          if (batch.kind === 'stream') {
            if (batch.arenaRelative) throw arenaRelative(path);
            streams.set(batch.stream.stream, batch.stream);
          } else if (batch.kind === 'sync') {
            // a point that the file counts its times from: the clock's reading is known for all of them
            if (batch.tNs === 0) [clock.name, clock.epochNs] = [batch.clock, BigInt(batch.otherNs)];
          } else if (batch.kind === 'report') {
            yield { kind: 'report', stream: streams.get(batch.report.stream)!, report: batch.report };
          } else if (batch.kind === 'touches' || batch.kind === 'accesses') {
            if (options.space === undefined && !spaces.has(batch.space) && spaces.add(batch.space).size > 1) severalSpaces([...spaces]);
            if (options.space !== undefined && batch.space !== options.space) continue;
            const times =
              batch.kind === 'touches'
                ? { t0Ns: batch.t0Ns, t1Ns: batch.t1Ns, timeNs: null, pid: null, cpu: null }
                : { t0Ns: 0, t1Ns: 0, timeNs: batch.timeNs, pid: batch.pid ?? null, cpu: batch.cpu ?? null };
            yield { ...times, kind: 'accesses', space: batch.space, n: batch.n, page: batch.page, cls: batch.cls };
          }
        }
      },
      close: () => source.close(),
    };
  } catch (error) {
    source.close();
    throw error;
  }
}

function severalSpaces(spaces: readonly SpaceId[]): never {
  throw new UsageError(
    `the input has accesses of several address spaces (${spaces.join(', ')})`,
    `choose one: --space ${spaces[0] ?? 'gpa'}`,
  );
}

function arenaRelative(path: string): UsageError {
  return new UsageError(
    `${path}: its reports count pages from an arena whose address another file has`,
    'ingest the files of the recording first, then convert the trace',
  );
}
