/** DAMON tracepoint text: tracefs trace and trace_pipe, trace-cmd report, perf script, damo's perf_script. */
import { UnreadableInputError } from '@workset/model';
import type { ByteSource, IngestBatch, IngestContext, Ingestor } from '@workset/model';
import { lineBlocks } from '../lines.ts';
import type { LineCursor } from '../lines.ts';
import { carriesAccess } from '../text/fault-body.ts';
import { damonBody, damonKind, DamonText, NOT_DAMON } from '../text/damon-text.ts';
import { HEAD_NO_TIME, HEAD_OK, HEAD_REASONS, HEAD_SIDE_BAND, HeadReader } from '../text/head.ts';
import { EventTable } from '../text/names.ts';
import { countSideBand, NoiseReader } from '../text/noise.ts';
import { surveyText } from '../text/survey.ts';
import { TraceLines } from '../text/trace-lines.ts';
import { STOP } from '../text/trace-places.ts';

/** Beside the kinds of damon-text.ts: an access, which this reader does not keep. */
const ACCESS = -2;

export const damonTraceIngestor: Ingestor<'damon-trace'> = {
  descriptor: {
    id: 'damon-trace',
    title: 'DAMON tracepoints as text',
    source: 'Linux include/trace/events/damon.h; Documentation/admin-guide/mm/damon/usage.rst',
    produces: 'reports',
    space: 'any',
    clock: 'trace',
    truth: 'observed',
    usualNames: ['*.ftrace.txt', 'trace.txt', '*.perf.script.txt'],
  },
  sniff(head) {
    const survey = surveyText(head);
    // perf-script reads both kinds and hands DAMON lines to the same assembler.
    if (survey.damon > 0) return survey.accesses > 0 ? 0.7 : 0.95;
    return survey.ftraceHeader ? 0.3 : 0;
  },
  ingest,
};

async function* ingest(source: ByteSource, ctx: IngestContext): AsyncGenerator<IngestBatch> {
  const reader = new DamonTraceReader(ctx, source.path);
  for await (const lines of lineBlocks(source, ctx)) {
    reader.block(lines);
    yield* reader.take();
  }
  reader.finish(source.path);
  yield* reader.take();
}

function kindOf(name: string): number {
  const kind = damonKind(name);
  return kind === NOT_DAMON && carriesAccess(name) ? ACCESS : kind;
}

class DamonTraceReader {
  readonly #ctx: IngestContext;
  readonly #head = new HeadReader();
  readonly #kinds = new EventTable(kindOf);
  readonly #plain = new TraceLines(this.#head);
  readonly #noise: NoiseReader;
  readonly #damon: DamonText;
  readonly #out: IngestBatch[] = [];
  #saidKernel = false;

  constructor(ctx: IngestContext, path: string) {
    this.#ctx = ctx;
    this.#noise = new NoiseReader(ctx);
    this.#damon = new DamonText(ctx, path, this.#out, this.#plain);
  }

  block(lines: LineCursor): void {
    const before = this.#damon.records;
    const plain = this.#plain;
    plain.bind();
    for (;;) {
      const stop = plain.run(lines);
      if (plain.n > 0) this.#damon.rows(plain);
      if (stop === STOP.rows) continue;
      if (!lines.next()) break;
      const { bytes, from, to, line } = lines;
      if (stop === STOP.body) this.#use(plain.kind, plain.timeNs, bytes, from + plain.body, to, line);
      else this.#line(bytes, from, to, line);
    }
    this.#ctx.accept(this.#damon.records - before);
  }

  #line(bytes: Uint8Array, from: number, to: number, line: number): void {
    const head = this.#head;
    if (from === to || bytes[from] === 35) {
      this.#noise.read(bytes, from, to, line);
      return;
    }
    const verdict = head.read(bytes, from, to);
    if (verdict !== HEAD_OK) {
      this.#odd(verdict, bytes, from, to, line);
      return;
    }
    const kind = this.#kinds.kindOf(bytes, head.eventFrom, head.eventTo);
    this.#plain.learn(bytes, from, kind, damonBody(kind));
    this.#use(kind, head.timeNs, bytes, head.body, to, line);
  }

  #use(kind: number, timeNs: number, bytes: Uint8Array, body: number, to: number, line: number): void {
    if (kind === ACCESS)
      this.#ctx.reject('access-event', 'an access in a text that is read as DAMON reports alone; --format perf-script reads both', {
        line,
        severity: 'warning',
      });
    else if (kind === NOT_DAMON)
      this.#ctx.reject('other-event', 'an event that carries no accesses for this reader', { line, severity: 'info' });
    else this.#damon.line(kind, timeNs, bytes, body, to, line);
  }

  #odd(verdict: number, bytes: Uint8Array, from: number, to: number, line: number): void {
    if (verdict === HEAD_SIDE_BAND) return countSideBand(this.#ctx, bytes, this.#head.body, to, line);
    if (verdict === HEAD_NO_TIME && this.#noise.read(bytes, from, to, line) !== null) return;
    const [code, message] = HEAD_REASONS[verdict]!;
    this.#ctx.reject(code, message, { line, severity: 'warning' });
  }

  /** Batches made since the last call. */
  *take(): Generator<IngestBatch> {
    if (this.#noise.kernel !== undefined && !this.#saidKernel) {
      this.#saidKernel = true;
      yield { kind: 'machine', kernel: this.#noise.kernel };
    }
    yield* this.#out;
    this.#out.length = 0;
  }

  finish(path: string): void {
    this.#damon.finish();
    if (this.#damon.records > 0) return;
    const { firstRefusal } = this.#damon;
    if (firstRefusal !== undefined)
      throw new UnreadableInputError(
        `none of the DAMON records in this text can be used; ${firstRefusal}`,
        { file: path },
        'a record reads: target_id=0 nr_regions=10 4294967296-4300476416: 0 12, with page-aligned bounds',
      );
    const why = this.#noise.firstMessage;
    throw new UnreadableInputError(
      why === undefined ? 'no DAMON record in this text' : `no DAMON record in this text; the tool said: ${why}`,
      { file: path },
      'record the tracepoint damon:damon_aggregated',
    );
  }
}
