/**
 * The left half of a trace line, as perf script, ftrace and trace-cmd report print it. The time is found first and the rest is
 * read from there, because the command may hold blanks, digits, slashes and colons:
 *
 *        CPU 0/KVM  4145 [002]    86.581928:       kvm:kvm_page_fault: vcpu 5 rip 0x7f08a4602116 ...
 *   fmtres:   toucher-16914   0d....  1026.166734: page_fault_user:      address=0x7f29da35ab70 ...
 */
import { decimal, num, skipBlanks, startsWith, ascii } from './numbers.ts';

export const HEAD_OK = 0;
export const HEAD_NO_TIME = 1;
export const HEAD_BAD_TIME = 2;
export const HEAD_BAD_CPU = 3;
export const HEAD_BAD_PID = 4;
/** A `PERF_RECORD_*` line: side band of perf script --show-*-events. */
export const HEAD_SIDE_BAND = 5;
/** `raw`, `bin` or a clock without a dot: an integer where the time should be. */
export const HEAD_BARE_TIME = 6;

export const HEAD_REASONS: Readonly<Record<number, readonly [code: string, message: string]>> = {
  [HEAD_NO_TIME]: ['not-a-sample', 'a line that is no sample (no `seconds.fraction:` in it)'],
  [HEAD_BAD_TIME]: ['bad-time', 'a time that is negative, absurd, or has not 6 or 9 decimals'],
  [HEAD_BAD_CPU]: ['bad-cpu', 'the CPU number is damaged'],
  [HEAD_BAD_PID]: ['bad-pid', 'the pid or tid is damaged'],
  [HEAD_BARE_TIME]: ['bare-time', 'a time without a dot (trace_clock counter or x86-tsc, or a damaged time)'],
};

/** A year beyond 2286 is damage; it also keeps sec * 1e9 far from overflow. */
const MAX_SECONDS = 1e10;
const PERF_RECORD = ascii('PERF_RECORD_');
const UNKNOWN = ascii('xxxx');

/** Reads heads; the fields of the last one stay here. Remembers where the time stood, which is where it stands next time. */
export class HeadReader {
  timeNs = 0;
  /** -1 when the line does not say. */
  pid = -1;
  tid = -1;
  cpu = -1;
  /** Event name [eventFrom, eventTo); empty with `-F time,addr`. */
  eventFrom = 0;
  eventTo = 0;
  /** Just behind `event: ` (or `time: `), the column where an addr field of 16 columns begins. */
  body = 0;
  /** The time [timeFrom, timeColon). */
  timeFrom = 0;
  timeColon = 0;
  /** Where the colon behind the time of the last line was, from the line's start: there it is looked for first. */
  colonHint = 0;
  /** Whether a line named one: then one that does not is damaged. */
  sawPid = false;

  /** @returns HEAD_OK or the reason against this line */
  read(bytes: Uint8Array, from: number, to: number): number {
    let colon = from + this.colonHint;
    if (!(colon < to && bytes[colon] === 58 && this.#readTime(bytes, from, colon, to))) {
      colon = from;
      for (;;) {
        while (colon < to && bytes[colon] !== 58) colon++;
        if (colon >= to) return noTime(bytes, from, to);
        if (this.#readTime(bytes, from, colon, to)) break;
        colon++;
      }
      this.colonHint = colon - from;
    }
    this.timeColon = colon;
    if (this.timeNs < 0) return HEAD_BAD_TIME;
    const failure = this.#readTask(bytes, from, this.timeFrom);
    if (failure !== HEAD_OK) return failure;
    return this.#readEvent(bytes, colon + 1, to);
  }

  /** `seconds.ffffff:` or `seconds.fffffffff:` ending at `colon`; negative timeNs = absurd. */
  #readTime(bytes: Uint8Array, from: number, colon: number, to: number): boolean {
    if (colon + 1 < to && bytes[colon + 1] !== 32 && bytes[colon + 1] !== 9) return false;
    let decimals = 6;
    if (bytes[colon - 7] !== 46) {
      if (bytes[colon - 10] !== 46) return false;
      decimals = 9;
    }
    const dot = colon - decimals - 1;
    if (dot <= from) return false;
    let fraction = 0;
    for (let pos = dot + 1; pos < colon; pos++) {
      const digit = bytes[pos]! - 48;
      if (digit < 0 || digit > 9) return false;
      fraction = fraction * 10 + digit;
    }
    let pos = dot;
    let scale = 1;
    let seconds = 0;
    while (pos > from) {
      const digit = bytes[pos - 1]! - 48;
      if (digit < 0 || digit > 9) break;
      seconds += digit * scale;
      scale *= 10;
      pos--;
    }
    if (pos === dot || (pos > from && isWord(bytes[pos - 1]!))) return false;
    this.timeFrom = pos;
    this.timeNs = seconds > MAX_SECONDS ? -1 : seconds * 1e9 + (decimals === 6 ? fraction * 1000 : fraction);
    return true;
  }

  /** Everything left of the time: `comm pid/tid [cpu] flags`, from the right. */
  #readTask(bytes: Uint8Array, from: number, end: number): number {
    this.pid = -1;
    this.tid = -1;
    this.cpu = -1;
    let pos = blanksBack(bytes, from, end);
    if (pos === from) return HEAD_OK;
    if (bytes[pos - 1] === 45 && pos === end) return HEAD_BAD_TIME;
    if (bytes[pos - 1] !== 93 && (!isDigit(bytes[pos - 1]!) || endsWithFlags(bytes, from, pos))) pos = this.#skipFlags(bytes, from, pos);
    if (pos > from && bytes[pos - 1] === 93) {
      pos = this.#readCpu(bytes, from, pos);
      if (pos < 0) return HEAD_BAD_CPU;
    }
    if (pos > from && bytes[pos - 1] === 41) pos = skipParens(bytes, from, pos);
    return pos === from ? HEAD_OK : this.#readPid(bytes, from, pos);
  }

  /** ftrace's `d....`, perf's `K`, latency's `0d....` (cpu glued to the flags). Leaves a word that is no flag alone. */
  #skipFlags(bytes: Uint8Array, from: number, end: number): number {
    let start = end;
    while (start > from && bytes[start - 1] !== 32 && bytes[start - 1] !== 9) start--;
    if (end - start > 8 || startsWith(bytes, start, end, UNKNOWN)) return end;
    const cpu = decimal(bytes, start, end);
    if (cpu >= 0) this.cpu = cpu;
    return blanksBack(bytes, from, start);
  }

  #readCpu(bytes: Uint8Array, from: number, end: number): number {
    let pos = end - 1;
    while (pos > from && isDigit(bytes[pos - 1]!)) pos--;
    if (pos === end - 1 || pos === from || bytes[pos - 1] !== 91) return -1;
    this.cpu = decimal(bytes, pos, end - 1);
    return blanksBack(bytes, from, pos - 1);
  }

  #readPid(bytes: Uint8Array, from: number, end: number): number {
    let pos = end;
    while (pos > from && isDigit(bytes[pos - 1]!)) pos--;
    if (pos === end) return this.sawPid && !startsWith(bytes, end - 4, end, UNKNOWN) ? HEAD_BAD_PID : HEAD_OK;
    this.tid = decimal(bytes, pos, end);
    if (pos > from && bytes[pos - 1] === 47) {
      const slash = pos - 1;
      let start = slash;
      while (start > from && isDigit(bytes[start - 1]!)) start--;
      if (start < slash) {
        this.pid = decimal(bytes, start, slash);
        pos = start;
      }
    }
    if (pos > from && bytes[pos - 1] === 45) {
      // perf prints `:-1    -1`, ftrace `bash-27312`
      if (pos - 1 === from || bytes[pos - 2] === 32) this.tid = this.pid = -1;
    } else if (pos > from && bytes[pos - 1] !== 32 && bytes[pos - 1] !== 9 && bytes[pos - 1] !== 47) {
      return this.sawPid ? HEAD_BAD_PID : HEAD_OK;
    }
    this.sawPid = true;
    if (this.pid < 0) this.pid = this.tid;
    return HEAD_OK;
  }

  #lastLength = -1;
  #last = new Uint8Array(64);

  /** `          1 page-faults:u: `, `(+147)   damos_before_apply:   `, or nothing before the body. */
  #readEvent(bytes: Uint8Array, from: number, to: number): number {
    let pos = skipBlanks(bytes, from, to);
    this.body = Math.min(from + 1, to);
    this.eventFrom = this.eventTo = this.body;
    if (pos < to && bytes[pos] === 40) pos = skipBlanks(bytes, closing(bytes, pos, to), to);
    if (this.#sameEvent(bytes, pos, to)) return HEAD_OK;
    if (startsWith(bytes, pos, to, PERF_RECORD)) {
      this.body = pos;
      return HEAD_SIDE_BAND;
    }
    const digits = decimal(bytes, pos, to) < 0 ? pos : num.end;
    if (digits > pos && digits < to && (bytes[digits] === 32 || bytes[digits] === 9)) {
      // a period, if an event follows
      const after = skipBlanks(bytes, digits, to);
      if (eventEnd(bytes, after, to) >= 0) pos = after;
    }
    const colon = eventEnd(bytes, pos, to);
    if (colon < 0) return HEAD_OK;
    this.eventFrom = pos;
    this.eventTo = colon;
    this.body = Math.min(colon + 2, to);
    if (colon - pos <= this.#last.length) {
      this.#lastLength = colon - pos;
      this.#last.set(bytes.subarray(pos, colon));
    }
    return HEAD_OK;
  }

  #sameEvent(bytes: Uint8Array, pos: number, to: number): boolean {
    const length = this.#lastLength;
    const colon = pos + length;
    if (length < 0 || colon >= to || bytes[colon] !== 58 || (colon + 1 < to && bytes[colon + 1] !== 32)) return false;
    const last = this.#last;
    for (let i = 0; i < length; i++) if (bytes[pos + i] !== last[i]) return false;
    this.eventFrom = pos;
    this.eventTo = colon;
    this.body = Math.min(colon + 2, to);
    return true;
  }
}

/** Offset of the colon that ends an event name: a token with no blank, its last byte a colon. -1 = none. */
function eventEnd(bytes: Uint8Array, from: number, to: number): number {
  let pos = from;
  while (pos < to && bytes[pos] !== 32 && bytes[pos] !== 9) pos++;
  return pos - 1 > from && bytes[pos - 1] === 58 ? pos - 1 : -1;
}

/** Why a line has no time: an integer before the colon, wrong decimals, or nothing like it. */
function noTime(bytes: Uint8Array, from: number, to: number): number {
  // raw option of ftrace: `27312 0 970472426992 type: 190`; counter clock: `bash-1 [000] d.... 12345: event: ...`
  let sawCpu = false;
  for (let pos = from; pos < to; pos++) {
    if (bytes[pos] === 93) sawCpu = true;
    if (bytes[pos] !== 58 || (pos + 1 < to && bytes[pos + 1] !== 32)) continue;
    let start = pos;
    while (start > from && isDigit(bytes[start - 1]!)) start--;
    if (start === pos || !sawCpu) continue;
    return start > from && (bytes[start - 1] === 46 || bytes[start - 1] === 44) ? HEAD_BAD_TIME : HEAD_BARE_TIME;
  }
  return HEAD_NO_TIME;
}

function isDigit(byte: number): boolean {
  return byte >= 48 && byte <= 57;
}
function isWord(byte: number): boolean {
  return (byte >= 48 && byte <= 57) || (byte >= 65 && byte <= 90) || (byte >= 97 && byte <= 122) || byte === 95 || byte === 46;
}
function blanksBack(bytes: Uint8Array, from: number, end: number): number {
  let pos = end;
  while (pos > from && (bytes[pos - 1] === 32 || bytes[pos - 1] === 9)) pos--;
  return pos;
}
/** Flags that end with the preemption or migration count: `[000] d..2`, `0d..21`. A pid is digits alone, or has a slash or dash. */
function endsWithFlags(bytes: Uint8Array, from: number, end: number): boolean {
  let pos = end;
  let dots = 0;
  let others = 0;
  for (; pos > from && bytes[pos - 1] !== 32 && bytes[pos - 1] !== 9; pos--) {
    const byte = bytes[pos - 1]!;
    if (byte === 45 || byte === 47 || byte === 58) return false;
    if (byte === 46) dots++;
    else if (!isDigit(byte)) others++;
  }
  return dots > 0 || (others > 0 && bytes[blanksBack(bytes, from, pos) - 1] === 93);
}

/** Left of a `( 1234)` or `(-------)` that ends at `end`. */
function skipParens(bytes: Uint8Array, from: number, end: number): number {
  let pos = end;
  while (pos > from && bytes[pos - 1] !== 40) pos--;
  return pos === from ? end : blanksBack(bytes, from, pos - 1);
}
function closing(bytes: Uint8Array, from: number, to: number): number {
  let pos = from;
  while (pos < to && bytes[pos] !== 41) pos++;
  return Math.min(pos + 1, to);
}
