/** `--scheme damon-paddr:sample=1ms,5ms,aggr=100ms:1s:x2` → one entry per combination of values. */
import { UsageError, parseDuration, parseSize } from '@workset/model';

export interface SchemeChoice {
  readonly id: string;
  /** As text, for model/params.ts to parse against the scheme's own spec. */
  readonly params: Readonly<Record<string, string>>;
}

/** More than this from one flag is taken for a typing mistake. */
export const MAX_COMBINATIONS = 10_000;

/** One flag → every combination, first parameter slowest; `a,b:k=v` is two schemes. Throws UsageError. */
export function parseSchemeFlag(text: string): SchemeChoice[] {
  const colon = text.indexOf(':');
  const comma = (colon === -1 ? text : text.slice(0, colon)).lastIndexOf(',');
  // Several names: parameters belong to the last one.
  if (comma >= 0) return [...parseSchemeFlag(text.slice(0, comma)), ...parseSchemeFlag(text.slice(comma + 1))];
  const id = (colon === -1 ? text : text.slice(0, colon)).trim();
  if (id === '') throw new UsageError(`no scheme name in ${JSON.stringify(text)}`, SYNTAX);
  const axes = colon === -1 ? [] : parseAxes(text.slice(colon + 1), text);
  const combinations = axes.reduce((n, [, values]) => n * values.length, 1);
  if (combinations > MAX_COMBINATIONS) {
    throw new UsageError(
      `${JSON.stringify(text)} means ${combinations} runs, more than ${MAX_COMBINATIONS}`,
      'use a larger step or fewer values',
    );
  }
  return combine(axes).map((params) => ({ id, params }));
}

const SYNTAX = 'write NAME, NAME,NAME, NAME:key=value, NAME:key=v1,v2 or NAME:key=100ms:10s:x2 (workset help sweeps)';

type Axis = readonly [name: string, values: readonly string[]];

/** `sample=1ms,5ms,aggr=100ms`: a piece with = opens a parameter, one without is another value of it. */
function parseAxes(text: string, whole: string): Axis[] {
  const axes: [string, string[]][] = [];
  for (const piece of text.split(',')) {
    const equals = piece.indexOf('=');
    const value = piece.slice(equals + 1).trim();
    if (equals === 0 || value === '') throw new UsageError(`empty name or value in ${JSON.stringify(whole)}`, SYNTAX);
    if (equals > 0) openAxis(axes, piece.slice(0, equals).trim(), whole);
    const axis = axes.at(-1);
    if (axis === undefined) throw new UsageError(`no key=value in ${JSON.stringify(piece)} of ${JSON.stringify(whole)}`, SYNTAX);
    axis[1].push(...expandRange(value));
  }
  return axes;
}

function openAxis(axes: [string, string[]][], name: string, whole: string): void {
  if (axes.some(([other]) => other === name)) throw new UsageError(`parameter ${name} is given twice in ${JSON.stringify(whole)}`, SYNTAX);
  axes.push([name, []]);
}

function combine(axes: readonly Axis[]): Record<string, string>[] {
  return axes.reduce<Record<string, string>[]>(
    (done, [name, values]) => done.flatMap((params) => values.map((value) => ({ ...params, [name]: value }))),
    [{}],
  );
}

/** `a:b:xF` and `a:b:+s` (b included when hit); anything else is one value as it stands. Throws UsageError. */
export function expandRange(text: string): string[] {
  // from : to : x factor | + step     100ms:10s:x2
  const match = /^([^:]+):([^:]+):([x+])([^:]+)$/.exec(text);
  if (match === null) {
    if (text.includes(':'))
      throw new UsageError(`not a range: ${JSON.stringify(text)}`, 'write FROM:TO:xFACTOR or FROM:TO:+STEP, e.g. 100ms:10s:x2');
    return [text];
  }
  const [, from = '', to = '', kind, by = ''] = match;
  const quantity = quantityOf(from);
  const start = quantity.parse(from);
  const end = quantity.parse(to);
  const step = kind === 'x' ? Number(by) : quantity.parse(by);
  if (!(end >= start)) throw new UsageError(`${JSON.stringify(text)} ends before it starts`);
  if (kind === 'x' ? !(step > 1 && start > 0) : !(step > 0)) {
    throw new UsageError(
      `${JSON.stringify(text)} never reaches its end`,
      'a factor must be above 1 and start above 0; a step must be above 0',
    );
  }
  const values: string[] = [];
  for (let i = 0, value = start; value <= end * (1 + 1e-12); value = kind === 'x' ? start * step ** ++i : start + step * ++i) {
    if (values.length >= MAX_COMBINATIONS) throw new UsageError(`${JSON.stringify(text)} has more than ${MAX_COMBINATIONS} values`);
    values.push(quantity.format(value));
  }
  return values;
}

interface Quantity {
  parse(text: string): number;
  format(value: number): string;
}

const NUMBER: Quantity = {
  parse(text) {
    const value = Number(text);
    if (text.trim() === '' || !Number.isFinite(value)) throw new UsageError(`not a number: ${JSON.stringify(text)}`);
    return value;
  },
  format: (value) => String(Number(value.toPrecision(12))),
};
const DURATION: Quantity = { parse: parseDuration, format: (ns) => exactly(Math.round(ns), DURATION_UNITS) };
const SIZE: Quantity = { parse: (text) => parseSize(text), format: (bytes) => exactly(Math.round(bytes), SIZE_UNITS) };

const DURATION_UNITS = [
  ['s', 1e9],
  ['ms', 1e6],
  ['us', 1e3],
  ['ns', 1],
] as const;
const SIZE_UNITS = [
  ['G', 2 ** 30],
  ['M', 2 ** 20],
  ['K', 2 ** 10],
  ['B', 1],
] as const;

/** What the range's first end is decides what all of it is. */
function quantityOf(text: string): Quantity {
  if (/^[\d.e+-]+$/i.test(text)) return NUMBER;
  return /^[\d.]+(ns|us|ms|s|m|h)/.test(text) ? DURATION : SIZE;
}

/** The largest unit that says it in whole numbers: 1500 ms, not 1.5 s. */
function exactly(value: number, units: readonly (readonly [string, number])[]): string {
  if (value === 0) return '0';
  const [unit, scale] = units.find(([, size]) => value % size === 0)!;
  return `${value / scale}${unit}`;
}
