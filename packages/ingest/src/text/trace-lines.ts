/** The plain lines of trace texts by the WebAssembly of trace-code.ts, which learns from the lines that a careful reader has read. */
import type { LineCursor } from '../lines.ts';
import type { HeadReader } from './head.ts';
import { LinePiece } from './line-piece.ts';
import { eventAt, startOf, STATE, TraceMemory } from './trace-memory.ts';
import type { TraceRows } from './trace-memory.ts';
import { ACCESS_GROUP, BODY, ENTRY, EVENTS_MAX, PLACE, STOP } from './trace-places.ts';

const [TAB, LF, BLANK, HASH, PAREN, DOT, ZERO, NINE, COLON] = [9, 10, 32, 35, 40, 46, 48, 57, 58];

let shared: TraceMemory | undefined;

/** How the body of an event is read: one of BODY; for a region which of DAMON's events. */
export interface EventBody {
  readonly body: number;
  readonly region?: number;
}

export class TraceLines {
  /** Rows of the last run, one per line; number of the first line; whether none is older than the one before it. */
  n = 0;
  firstLine = 0;
  isSorted = true;
  /** Rows with an addr column. */
  columns = 0;
  /** Which of DAMON's events the rows are of; -1 = they are accesses. */
  region = -1;
  /** After STOP.body: what is known of the next line. Its body counts from the line's start. */
  timeNs = 0;
  kind = 0;
  tid = 0;
  cpu = 0;
  body = 0;
  readonly #memory: TraceMemory;
  readonly #kinds: number[] = [];
  readonly #names: Buffer[] = [];
  #oldest = 0;
  #isNameless = false;
  /** Lines name their events: one that does not is damaged, and would fit those that do. */
  #isNamed = false;
  readonly #piece: LinePiece;
  readonly #head: HeadReader;
  #sawPid = false;

  /** @param head the careful reader */
  constructor(head: HeadReader) {
    this.#head = head;
    this.#memory = shared ??= new TraceMemory();
    this.#piece = new LinePiece(this.#memory.bytes, PLACE.input);
  }

  /** Columns of the last run; the same arrays every time. */
  get rows(): TraceRows {
    return this.#memory.rows;
  }

  /** Before a block of lines. */
  bind(): void {
    this.#piece.forget();
    if (this.#memory.owner !== this) this.#begin();
  }

  #begin(): void {
    this.#memory.owner = this;
    this.#memory.forget();
    this.#kinds.length = this.#names.length = this.#oldest = 0;
    this.#isNameless = false;
  }

  /** Moves the cursor behind the plain lines at it. @returns why it stopped; STOP.line at the end of the block, too */
  run(lines: LineCursor): number {
    this.n = 0;
    if (this.#head.sawPid !== this.#sawPid) this.#forgetTasks();
    const { pos } = lines;
    if (pos >= lines.end || this.#kinds.length === 0 || !mayBeSample(lines.bytes[pos]!)) return STOP.line;
    const at = this.#piece.addressOf(lines);
    if (at < 0) return STOP.line;
    const { words, lines: read } = this.#memory;
    const stop = read(at, this.#piece.end, this.#kinds.length, this.#isNameless ? 1 : 0);
    const n = (this.n = words[STATE.n]!);
    if (n > 0) {
      this.firstLine = lines.line + 1;
      this.isSorted = words[STATE.unsorted] === 0;
      this.columns = words[STATE.columns]!;
      this.region = words[STATE.group]! - 1;
      lines.skip(words[STATE.at]! - at, n);
    }
    if (stop === STOP.body) this.#stoppedAtBody();
    // a careful reader would have found it there
    if (n > 0 || stop === STOP.body) this.#head.colonHint = words[PLACE.hint >> 2]!;
    return stop === STOP.end ? STOP.rows : stop;
  }

  #stoppedAtBody(): void {
    const { words } = this.#memory;
    const task = words[STATE.task]!;
    this.timeNs = this.#memory.timeNs;
    this.kind = this.#kinds[(words[PLACE.event >> 2]! - PLACE.events) / ENTRY.bytes]!;
    this.tid = words[(task + ENTRY.tid) >> 2]!;
    this.cpu = words[(task + ENTRY.cpu) >> 2]!;
    this.body = words[STATE.body]! - words[STATE.at]!;
  }

  /** From now on, a line with a task that has no pid is damaged. */
  #forgetTasks(): void {
    this.#sawPid = this.#head.sawPid;
    this.#memory.forgetTasks();
  }

  /** Keeps what begins the line that the careful reader has just read, and the name of its event. */
  learn(bytes: Uint8Array, from: number, kind: number, how: EventBody): void {
    const head = this.#head;
    const { eventFrom, eventTo } = head;
    if (eventFrom < eventTo) this.#learnEvent(bytes, head, kind, how);
    else if (!this.#isNamed && how.body === BODY.column && !this.#isNameless) {
      this.#isNameless = true;
      this.#setEvent(0, bytes, 0, 0, kind, how);
    }
    this.#learnTask(bytes, from, head);
  }

  #learnEvent(bytes: Uint8Array, { eventFrom, body, eventTo }: HeadReader, kind: number, how: EventBody): void {
    if (!this.#isNamed) {
      this.#isNamed = true;
      this.#isNameless = false;
      this.#kinds.length = 0;
    }
    // a line torn behind the name, and names that a period or a time difference could be taken for
    if (body !== eventTo + 2 || bytes[body - 1] !== BLANK || body - eventFrom > ENTRY.textMax) return;
    const first = bytes[eventFrom]!;
    if (first === PAREN || (first >= ZERO && first <= NINE)) return;
    if (this.#names.some((name) => name.equals(bytes.subarray(eventFrom, body)))) return;
    const i = this.#names.length < EVENTS_MAX ? this.#names.length : this.#oldest++ % EVENTS_MAX;
    this.#names[i] = Buffer.from(bytes.subarray(eventFrom, body));
    this.#setEvent(i, bytes, eventFrom, body, kind, how);
  }

  #setEvent(i: number, bytes: Uint8Array, from: number, to: number, kind: number, { body, region = -1 }: EventBody): void {
    const entry = eventAt(i);
    this.#memory.setEntry(entry, bytes, from, to);
    this.#memory.setField(entry, ENTRY.body, body);
    this.#memory.setField(entry, ENTRY.group, region < 0 ? ACCESS_GROUP : 1 + region);
    this.#memory.setField(entry, ENTRY.start, startOf(Math.max(region, 0)));
    this.#kinds[i] = kind;
    this.#memory.forgetEvent();
  }

  #learnTask(bytes: Uint8Array, from: number, { timeFrom, tid, cpu }: HeadReader): void {
    const length = timeFrom - from;
    if (length > ENTRY.textMax || holdsTime(bytes, from, timeFrom)) return;
    const memory = this.#memory;
    memory.setEntry(PLACE.scratch, bytes, from, timeFrom);
    const entry = memory.place(PLACE.scratch + ENTRY.text, length, 0, 0);
    if (memory.isEntry(entry, bytes, from, timeFrom) || memory.isEntry(entry + ENTRY.bytes, bytes, from, timeFrom)) return;
    memory.bytes.copyWithin(entry + ENTRY.bytes, entry, entry + ENTRY.bytes);
    memory.setEntry(entry, bytes, from, timeFrom);
    memory.setField(entry, ENTRY.tid, tid);
    memory.setField(entry, ENTRY.cpu, cpu);
  }

  /** Regions of one of DAMON's events begin with bytes[from, to) for now; nothing = do not read them. */
  learnStart(region: number, bytes: Uint8Array, from: number, to: number): void {
    this.#memory.setEntry(startOf(region), bytes, from, to - from > ENTRY.textMax ? from : to);
  }
}

/** Neither a comment, nor blank, nor a frame of a call chain. */
function mayBeSample(first: number): boolean {
  return first !== HASH && first !== TAB && first !== LF;
}

/** Whether something before the time could be taken for a time. */
function holdsTime(bytes: Uint8Array, from: number, to: number): boolean {
  for (let i = from + 7; i < to; i++) {
    if (bytes[i] !== COLON || (bytes[i + 1] !== BLANK && bytes[i + 1] !== TAB)) continue;
    if (bytes[i - 7] === DOT || bytes[i - 10] === DOT) return true;
  }
  return false;
}
