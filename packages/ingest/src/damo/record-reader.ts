/** The shape of a damo recording: [record {snapshots: [snapshot {regions: [region]}]}], read piece by piece. */
import type { ByteWindow } from '../binary.ts';
import { JsonDamage } from './cursor.ts';
import type { JsonCursor, JsonValue } from './cursor.ts';
import { DamoRegion } from './region.ts';

/** What the reader tells its owner, in file order. */
export interface DamoSink {
  /** `fields`: everything of the record that stands before its snapshots. */
  recordBegin(fields: ReadonlyMap<string, JsonValue>): void;
  region(region: DamoRegion): void;
  /** `fields`: everything of the snapshot but its regions; `whole` false when the file was cut inside it. */
  snapshotEnd(fields: ReadonlyMap<string, JsonValue>, whole: boolean): void;
}

type State = 'begin' | 'record' | 'record-key' | 'snapshot' | 'snapshot-key' | 'region' | 'end';

const OPEN_LIST = 91;
const CLOSE_LIST = 93;
const OPEN_OBJECT = 123;
const CLOSE_OBJECT = 125;
const BOM = [0xef, 0xbb, 0xbf];

export class DamoRecordReader {
  state: State = 'begin';
  readonly #sink: DamoSink;
  readonly #region = new DamoRegion();
  #record = new Map<string, JsonValue>();
  #snapshot = new Map<string, JsonValue>();
  /** True before the first item of the innermost list or object. */
  #first = true;
  #announced = false;

  constructor(sink: DamoSink) {
    this.#sink = sink;
  }

  /** Takes as much as is there, up to one snapshot. Throws NEED_MORE or JsonDamage; the window then starts at the item that failed. */
  read(win: ByteWindow, cursor: JsonCursor): void {
    while (this.state !== 'end') {
      cursor.attach(win);
      const snapshotDone = this.#step(win, cursor);
      win.start = cursor.pos;
      if (snapshotDone) return;
    }
  }

  /** Passes on what was read of a snapshot that the end of the file cut. */
  cut(): void {
    if (this.state === 'region' || this.state === 'snapshot-key') this.#sink.snapshotEnd(this.#snapshot, false);
    this.state = 'end';
  }

  #step(win: ByteWindow, cursor: JsonCursor): boolean {
    switch (this.state) {
      case 'begin':
        this.#begin(win, cursor);
        return false;
      case 'record':
        if (cursor.next(this.#first, CLOSE_LIST)) {
          cursor.expect(OPEN_OBJECT);
          this.#record = new Map();
          this.#announced = false;
          this.#enter('record-key');
        } else {
          this.state = 'end';
        }
        return false;
      case 'record-key':
        this.#recordKey(cursor);
        return false;
      case 'snapshot':
        if (cursor.next(this.#first, CLOSE_LIST)) {
          cursor.expect(OPEN_OBJECT);
          this.#snapshot = new Map();
          this.#enter('snapshot-key');
        } else {
          this.#leave('record-key');
        }
        return false;
      case 'snapshot-key':
        return this.#snapshotKey(cursor);
      case 'region':
        this.#regions(win, cursor);
        return false;
      default:
        return true;
    }
  }

  #begin(win: ByteWindow, cursor: JsonCursor): void {
    if (BOM.every((byte, i) => win.bytes[win.start + i] === byte)) cursor.pos += BOM.length;
    if (cursor.peek() !== OPEN_LIST) throw new JsonDamage('a list of records expected');
    cursor.pos++;
    this.#enter('record');
  }

  #recordKey(cursor: JsonCursor): void {
    if (!cursor.next(this.#first, CLOSE_OBJECT)) {
      this.#leave('record');
      return;
    }
    const key = cursor.key();
    if (key === 'snapshots') {
      if (cursor.peek() !== OPEN_LIST) throw new JsonDamage('a list of snapshots expected');
      cursor.pos++;
      if (!this.#announced) this.#sink.recordBegin(this.#record);
      this.#announced = true;
      this.#enter('snapshot');
    } else {
      this.#record.set(key, cursor.value());
      this.#first = false;
    }
  }

  #snapshotKey(cursor: JsonCursor): boolean {
    if (!cursor.next(this.#first, CLOSE_OBJECT)) {
      this.#sink.snapshotEnd(this.#snapshot, true);
      this.#leave('snapshot');
      return true;
    }
    const key = cursor.key();
    if (key === 'regions') {
      cursor.expect(OPEN_LIST);
      this.#enter('region');
    } else {
      this.#snapshot.set(key, cursor.value());
      this.#first = false;
    }
    return false;
  }

  /** The tight loop. */
  #regions(win: ByteWindow, cursor: JsonCursor): void {
    const region = this.#region;
    const sink = this.#sink;
    while (cursor.next(this.#first, CLOSE_LIST)) {
      region.read(cursor, win.view);
      sink.region(region);
      this.#first = false;
      win.start = cursor.pos;
    }
    this.#leave('snapshot-key');
  }

  #enter(state: State): void {
    this.state = state;
    this.#first = true;
  }

  /** Back in a list or object that has at least one item now. */
  #leave(state: State): void {
    this.state = state;
    this.#first = false;
  }
}
