/** The line loop behind perf-script and perf-mem: heads, bodies, DAMON lines, noise, and the refusal when no data address is there. */
import { UnreadableInputError, UsageError, SPACES } from '@workset/model';
import type { ByteSource, IngestBatch, IngestContext, SpaceId } from '@workset/model';
import { lineBlocks } from '../lines.ts';
import type { LineCursor } from '../lines.ts';
import { NO_SLOT_BASE, SLOT_BASE_HINT, slotBasesGiven } from '../slot-bases.ts';
import { AccessBatches } from './access-batches.ts';
import { damonBody, damonKind, DamonText, NOT_DAMON } from './damon-text.ts';
import {
  BODY_COLUMN,
  BODY_DAMAGED,
  BODY_DIRTY_RING,
  BODY_EXCEPTION,
  BODY_NO_ADDRESS,
  BODY_NO_FIELDS,
  BODY_NO_SLOT_BASE,
  BODY_OK,
  BODY_REASONS,
  BODY_TOO_LOW,
  BODY_UNUSABLE,
  bodyKind,
  BodyReader,
} from './fault-body.ts';
import type { ColumnRule } from './fault-body.ts';
import { HEAD_NO_TIME, HEAD_OK, HEAD_REASONS, HEAD_SIDE_BAND, HeadReader } from './head.ts';
import { EventTable } from './names.ts';
import { countSideBand, NoiseReader } from './noise.ts';
import { TraceLines } from './trace-lines.ts';
import type { EventBody } from './trace-lines.ts';
import { BODY, STOP } from './trace-places.ts';

export const RERUN_HINT = 'rerun: perf script -F comm,pid,tid,cpu,time,event,addr,ip,sym --ns';
/** So many samples without an address, and none with one: the rest will be no better. */
const PATIENCE = 1000;

/** Kinds of fault-body.ts, then those of damon-text.ts from here. */
const DAMON_BASE = 16;

export async function* perfTextIngest(source: ByteSource, ctx: IngestContext): AsyncGenerator<IngestBatch> {
  const reader = new PerfTextReader(ctx, source.path);
  for await (const lines of lineBlocks(source, ctx)) {
    reader.block(lines);
    if (reader.decided) yield* reader.take();
  }
  reader.finish();
  yield* reader.take();
}

class PerfTextReader {
  readonly #ctx: IngestContext;
  readonly #path: string;
  readonly #head = new HeadReader();
  readonly #body: BodyReader;
  readonly #kinds = new EventTable(kindOf);
  readonly #plain = new TraceLines(this.#head);
  readonly #isPhysical: boolean;
  readonly #noise: NoiseReader;
  readonly #damon: DamonText;
  readonly #out: IngestBatch[] = [];
  readonly #virtual: AccessBatches;
  readonly #guest: AccessBatches;
  readonly #trusted: boolean;
  #accepted = 0;
  #withoutAddress = 0;
  #tooLow = 0;
  #unusable = 0;
  #withoutSlot = 0;
  #withoutFields = 0;
  #saidKernel = false;
  #columns = 0;
  #blindColumns = 0;

  constructor(ctx: IngestContext, path: string) {
    this.#ctx = ctx;
    this.#path = path;
    const rule = columnRule(ctx.options['fields']);
    this.#trusted = rule.trusted;
    this.#isPhysical = rule.physical;
    this.#body = new BodyReader(rule, slotBasesGiven(ctx));
    this.#noise = new NoiseReader(ctx);
    this.#damon = new DamonText(ctx, path, this.#out, this.#plain);
    const space = spaceOption(ctx) ?? (rule.physical ? 'gpa' : 'gva');
    this.#virtual = new AccessBatches(space, ctx, this.#out, true);
    this.#guest = space === 'gpa' ? this.#virtual : new AccessBatches('gpa', ctx, this.#out, true);
  }

  /** True once enough was seen to know that the hex columns are addresses. */
  get decided(): boolean {
    return this.#accepted > PATIENCE;
  }

  block(lines: LineCursor): void {
    const damonBefore = this.#damon.records;
    const plain = this.#plain;
    plain.bind();
    for (;;) {
      const stop = plain.run(lines);
      if (plain.n > 0) this.#rows(plain);
      if (stop === STOP.rows) continue;
      if (!lines.next()) break;
      const { bytes, from, to, line } = lines;
      if (stop === STOP.body) this.#use(plain.kind, plain.timeNs, plain.tid, plain.cpu, bytes, from + plain.body, to, line, false);
      else this.#line(bytes, from, to, line);
    }
    if (this.#damon.records > damonBefore) this.#ctx.accept(this.#damon.records - damonBefore);
    if (this.#accepted === 0 && this.#withoutAddress + this.#tooLow > PATIENCE) this.#refuse();
  }

  #rows(plain: TraceLines): void {
    const { rows, n, firstLine, isSorted, columns } = plain;
    if (plain.region >= 0) {
      this.#damon.rows(plain);
      return;
    }
    this.#accepted += n;
    this.#columns += columns;
    this.#blindColumns += columns;
    this.#virtual.addRows(rows, n, firstLine, isSorted);
  }

  #line(bytes: Uint8Array, from: number, to: number, line: number): void {
    const head = this.#head;
    if (from === to || bytes[from] === 35 || bytes[from] === 9) {
      this.#noise.read(bytes, from, to, line);
      return;
    }
    const verdict = head.read(bytes, from, to);
    if (verdict !== HEAD_OK) {
      this.#odd(verdict, bytes, from, to, line);
      return;
    }
    const kind = this.#kinds.kindOf(bytes, head.eventFrom, head.eventTo);
    this.#plain.learn(bytes, from, kind, this.#bodyOf(kind));
    this.#use(kind, head.timeNs, head.tid, head.cpu, bytes, head.body, to, line, head.eventFrom === head.eventTo);
  }

  /** How the plain ones of a kind are read. */
  #bodyOf(kind: number): EventBody {
    if (kind >= DAMON_BASE) return damonBody(kind - DAMON_BASE);
    if (kind === BODY_COLUMN && !this.#isPhysical) return { body: BODY.column };
    return { body: kind === BODY_EXCEPTION ? BODY.fault : BODY.none };
  }

  #use(
    kind: number,
    timeNs: number,
    tid: number,
    cpu: number,
    bytes: Uint8Array,
    body: number,
    to: number,
    line: number,
    nameless: boolean,
  ): void {
    if (kind >= DAMON_BASE) {
      this.#damon.line(kind - DAMON_BASE, timeNs, bytes, body, to, line);
      return;
    }
    const outcome = this.#body.read(kind, bytes, body, to);
    if (outcome !== BODY_OK) {
      this.#drop(nameless && outcome === BODY_UNUSABLE ? BODY_DAMAGED : outcome, line);
      return;
    }
    if (kind === BODY_DIRTY_RING && this.#accepted === 0) this.#out.push({ kind: 'grade', truth: 'observed' });
    this.#accepted++;
    if (kind === BODY_COLUMN) {
      this.#columns++;
      if (!this.#body.hasSource) this.#blindColumns++;
    }
    const batches = kind <= BODY_EXCEPTION ? this.#virtual : this.#guest;
    batches.add(timeNs, this.#body.page, this.#body.write, tid, cpu, line);
  }

  #odd(verdict: number, bytes: Uint8Array, from: number, to: number, line: number): void {
    if (verdict === HEAD_SIDE_BAND) return countSideBand(this.#ctx, bytes, this.#head.body, to, line);
    if (verdict === HEAD_NO_TIME && this.#noise.read(bytes, from, to, line) !== null) return;
    const [code, message] = HEAD_REASONS[verdict]!;
    this.#ctx.reject(code, message, { line, severity: 'warning' });
  }

  #drop(outcome: number, line: number): void {
    if (outcome === BODY_NO_ADDRESS) this.#withoutAddress++;
    if (outcome === BODY_TOO_LOW) this.#tooLow++;
    if (outcome === BODY_UNUSABLE) this.#unusable++;
    if (outcome === BODY_NO_SLOT_BASE) this.#withoutSlot++;
    if (outcome === BODY_NO_FIELDS) this.#withoutFields++;
    const [code, message] = BODY_REASONS[outcome]!;
    this.#ctx.reject(code, message, { line, severity: code === 'other-event' ? 'info' : 'warning' });
  }

  *take(): Generator<IngestBatch> {
    if (this.#noise.kernel !== undefined && !this.#saidKernel) {
      this.#saidKernel = true;
      yield { kind: 'machine', kernel: this.#noise.kernel };
    }
    yield* this.#out;
    this.#out.length = 0;
  }

  finish(): void {
    this.#damon.finish();
    // more low values than addresses: it was a weight column all along
    if (!this.#trusted && this.#tooLow > this.#columns && this.#accepted === this.#columns) this.#refuse();
    if (this.#accepted === 0 && this.#damon.records === 0) this.#refuse();
    this.#virtual.flush();
    this.#guest.flush();
    if (this.#blindColumns > 0) {
      this.#ctx.reject('access-type-unknown', 'page-fault samples do not say read or write: taken as reads', {
        count: this.#blindColumns,
        severity: 'info',
      });
    }
  }

  #refuse(): never {
    if (this.#withoutSlot > 0) throw new UsageError(NO_SLOT_BASE, SLOT_BASE_HINT);
    const place = { file: this.#path };
    if (this.#withoutFields > 0 && this.#accepted === 0)
      throw new UnreadableInputError(
        'the tracepoints in this text were printed without their own fields',
        place,
        'rerun: perf script -F comm,pid,tid,cpu,time,event,trace --ns',
      );
    if (this.#unusable > 0 && this.#withoutAddress === 0)
      throw new UnreadableInputError(
        'none of the events in this text carries an access',
        place,
        'record page-faults, exceptions:page_fault_user, kvm:kvm_page_fault or DAMON events',
      );
    if (this.#withoutAddress + this.#tooLow > 0) throw new UnreadableInputError('no data address in this text', place, RERUN_HINT);
    const said = this.#noise.firstMessage;
    if (said !== undefined) throw new UnreadableInputError(`no samples in this text; perf said: ${said}`, place, RERUN_HINT);
    throw new UnreadableInputError('no usable sample in this text', place, RERUN_HINT);
  }
}

function kindOf(name: string): number {
  const damon = damonKind(name);
  return damon === NOT_DAMON ? bodyKind(name) : DAMON_BASE + damon;
}

/** `fields` = the -F list the text was printed with. */
function columnRule(fields: string | undefined): ColumnRule {
  if (fields === undefined) return { trusted: false, physical: false };
  const names = fields.split(',').map((name) => name.trim().replace(/^\+/, ''));
  if (names.includes('addr')) return { trusted: true, physical: false };
  if (names.includes('phys_addr')) return { trusted: true, physical: true };
  if (names.includes('trace')) return { trusted: false, physical: false };
  throw new UsageError(`fields=${fields} names no data address`, 'it needs addr, phys_addr or trace');
}

/** Option `space`. @throws UsageError for an unknown name */
export function spaceOption(ctx: IngestContext): SpaceId | undefined {
  const space = ctx.options['space'];
  if (space === undefined) return undefined;
  if (!(SPACES as readonly string[]).includes(space)) throw new UsageError(`unknown address space ${space}`, `one of ${SPACES.join(', ')}`);
  return space as SpaceId;
}
