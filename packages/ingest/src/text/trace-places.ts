/** Where trace-code.ts and trace-lines.ts keep what they share: byte addresses in one memory. */
import { FIELDS_END } from './field-code.ts';
import { PIECE_BYTES } from './line-piece.ts';

/** A text to compare with, its length in bytes and what it stands for. */
export const ENTRY = {
  length: 0,
  text: 16,
  /** Bytes of an entry, and of the longest text: whole vectors are compared. */
  bytes: 128,
  textMax: 112,
  /** Of a task: the bytes before the time. */
  tid: 4,
  cpu: 8,
  /** Of an event: how its body is read, which rows may follow one another, and the address of the start of its body, if that is compared. */
  body: 4,
  group: 8,
  start: 12,
} as const;

/** How bodies are read. */
export const BODY = {
  /** Not here. */
  none: 0,
  /** perf's addr column. */
  column: 1,
  /** `address=0x7f.. ip=0x7f.. error_code=0x6` */
  fault: 2,
  /** A DAMON region; the group is 1 + which event. */
  region: 3,
} as const;
export const ACCESS_GROUP = 0;
export const REGION_GROUPS = 3;

/** Why it stopped. */
export const STOP = {
  /** No more lines. */
  end: 0,
  /** A line that it does not know. */
  line: 1,
  /** A line that it knows up to its body. */
  body: 2,
  /** Rows are full or of another group: take them and go on. */
  rows: 3,
} as const;

export const EVENTS_MAX = 16;
export const TASK_SETS_LOG2 = 10;
/** Rows of one call. */
export const ROWS_MAX = 4096;
/** Vectors are loaded before and behind the input, too. */
const MARGIN = 128;

const events = FIELDS_END;
const between = events + EVENTS_MAX * ENTRY.bytes;
const starts = between + ENTRY.bytes;
const tasks = starts + REGION_GROUPS * ENTRY.bytes;
const tasksEnd = tasks + (2 << TASK_SETS_LOG2) * ENTRY.bytes;
const column = (i: number): number => tasksEnd + 8 * i * ROWS_MAX;

export const PLACE = {
  /** i32: address of the next line, rows, rows of columns, whether they are out of order, their group; body and task of the line it stopped at. */
  state: 0,
  /** i32: distance of the time's colon from the line's start, address of the last event. */
  hint: 32,
  event: 36,
  /** f64: time of the line it stopped at. */
  timeNs: 40,
  events,
  /** What was between time and body of the last line, and its event. */
  between,
  starts,
  /** Two entries per hash value. */
  tasks,
  /** Columns of rows. */
  rowTimeNs: column(0),
  rowPage: column(1),
  rowEndPage: column(2),
  rowAccesses: column(3),
  rowAge: column(4),
  rowPid: column(5),
  rowCpu: column(5) + 4 * ROWS_MAX,
  rowCls: column(6),
  /** A task to be placed. */
  scratch: column(7),
  input: column(7) + ENTRY.bytes + MARGIN,
} as const;
export const MEMORY_PAGES = Math.ceil((PLACE.input + PIECE_BYTES + MARGIN) / 65536);
