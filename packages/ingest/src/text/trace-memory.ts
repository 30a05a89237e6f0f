/** The memory that the WebAssembly of trace-code.ts works on. */
import { Instance, Memory, Module } from '@workset/model/wasm';
import { fillFieldTables } from './field-code.ts';
import { TRACE_CODE } from './trace-code.ts';
import { ENTRY, MEMORY_PAGES, PLACE, REGION_GROUPS, ROWS_MAX, TASK_SETS_LOG2 } from './trace-places.ts';

const LF = 10;

interface Code {
  readonly lines: (at: number, end: number, events: number, isNameless: number) => number;
  readonly place: (at: number, length: number, _2: number, _3: number) => number;
}

/** Columns of the lines that were read: of accesses the last three, of DAMON's regions the three before them. */
export interface TraceRows {
  readonly timeNs: Float64Array;
  /** Of a region: the first. */
  readonly page: Float64Array;
  readonly endPage: Float64Array;
  readonly accesses: Float64Array;
  readonly age: Float64Array;
  readonly pid: Int32Array;
  readonly cpu: Int32Array;
  readonly cls: Uint8Array;
}

/** Fields of the state, in words. */
export const STATE = { at: 0, n: 1, columns: 2, unsorted: 3, group: 4, body: 5, task: 6 } as const;

/** One for all readers: whoever uses it after another forgets what that one knew. */
export class TraceMemory {
  /** Who used it last. */
  owner: object | undefined;
  readonly lines;
  readonly place;
  readonly rows: TraceRows;
  readonly words: Int32Array;
  readonly bytes: Uint8Array;
  readonly #timeNs: Float64Array;

  constructor() {
    const memory = new Memory({ initial: MEMORY_PAGES, maximum: MEMORY_PAGES });
    const { buffer } = memory;
    ({ lines: this.lines, place: this.place } = new Instance<Code>(new Module(TRACE_CODE), { env: { memory } }).exports);
    const doubles = (place: number): Float64Array => new Float64Array(buffer, place, ROWS_MAX);
    this.rows = {
      timeNs: doubles(PLACE.rowTimeNs),
      page: doubles(PLACE.rowPage),
      endPage: doubles(PLACE.rowEndPage),
      accesses: doubles(PLACE.rowAccesses),
      age: doubles(PLACE.rowAge),
      pid: new Int32Array(buffer, PLACE.rowPid, ROWS_MAX),
      cpu: new Int32Array(buffer, PLACE.rowCpu, ROWS_MAX),
      cls: new Uint8Array(buffer, PLACE.rowCls, ROWS_MAX),
    };
    this.words = new Int32Array(buffer);
    this.bytes = new Uint8Array(buffer);
    this.#timeNs = new Float64Array(buffer, PLACE.timeNs, 1);
    fillFieldTables(buffer);
    // no digit before the first line
    this.bytes[PLACE.input - 1] = LF;
  }

  get timeNs(): number {
    return this.#timeNs[0]!;
  }
  /** An entry's text is bytes[from, to). */
  setEntry(entry: number, bytes: Uint8Array, from: number, to: number): void {
    this.words[entry >> 2] = to - from;
    this.bytes.set(bytes.subarray(from, to), entry + ENTRY.text);
  }
  /** @param field 4, 8 or 12 of ENTRY */
  setField(entry: number, field: number, value: number): void {
    this.words[(entry + field) >> 2] = value;
  }
  isEntry(entry: number, bytes: Uint8Array, from: number, to: number): boolean {
    if (this.words[entry >> 2] !== to - from) return false;
    for (let i = from; i < to; i++) if (this.bytes[entry + ENTRY.text + i - from] !== bytes[i]) return false;
    return true;
  }
  forgetTasks(): void {
    const end = PLACE.tasks + (2 << TASK_SETS_LOG2) * ENTRY.bytes;
    for (let entry = PLACE.tasks; entry < end; entry += ENTRY.bytes) this.words[entry >> 2] = -1;
  }
  /** A line says anew which event it is of. */
  forgetEvent(): void {
    this.setEntry(PLACE.between, Uint8Array.of(0), 0, 1);
  }
  forget(): void {
    this.forgetTasks();
    this.forgetEvent();
    for (let i = 0; i < REGION_GROUPS; i++) this.words[startOf(i) >> 2] = 0;
    this.words[PLACE.event >> 2] = PLACE.events;
  }
}

export const eventAt = (i: number): number => PLACE.events + i * ENTRY.bytes;
export const startOf = (event: number): number => PLACE.starts + event * ENTRY.bytes;
