/** Option texts → numbers, with the option named in the error. */
import { totalmem } from 'node:os';
import { formatBytes, parseDuration, parseSize, UsageError } from '@workset/model';

import type { Args } from './command.ts';

export function requireText(args: Args, name: string, example: string): string {
  const text = args.text(name);
  if (text === undefined) throw new UsageError(`--${name} is needed`, `e.g. ${example}`);
  return text;
}

/** A path to write, which is not stdout: a directory, or a file that is renamed when it is whole. */
export function requireOut(args: Args, example: string): string {
  const path = requireText(args, 'out', example);
  if (path === '-') throw new UsageError('-o - is stdout, and this is written to a path of its own', `e.g. ${example}`);
  return path;
}

export function durationOption(args: Args, name: string): number | undefined {
  return named(name, args.text(name), parseDuration);
}

/** Whole number from `min` up. */
export function countOption(args: Args, name: string, min: number): number | undefined {
  return named(name, args.text(name), (text) => {
    const n = Number(text);
    if (!Number.isSafeInteger(n) || n < min) throw new UsageError(`not a whole number from ${min}: ${JSON.stringify(text)}`);
    return n;
  });
}

/** Below this not even an empty process with a database fits. */
const MIN_MEMORY_BYTES = 256 << 20;

/** A size, or a share of the machine's memory, that a process can live with. */
export function memoryLimit(text: string): number {
  const bytes = parseSize(text, totalmem());
  if (bytes < MIN_MEMORY_BYTES)
    throw new UsageError(`${JSON.stringify(text)} is too little to run in`, `give ${formatBytes(MIN_MEMORY_BYTES)} or more`);
  return bytes;
}

/** `a:b`, either end may be missing: `:10s`, `1s:`. */
export function timeRangeOption(args: Args, name: string): readonly [number, number] | undefined {
  return named(name, args.text(name), (text) => {
    const parts = text.split(':');
    if (parts.length !== 2) throw new UsageError(`not a time range: ${JSON.stringify(text)}`, 'write FROM:TO, e.g. 1s:2500ms, :10s or 1m:');
    const [from = '', to = ''] = parts;
    const range = [from === '' ? 0 : parseDuration(from), to === '' ? Number.POSITIVE_INFINITY : parseDuration(to)] as const;
    if (!(range[1] > range[0])) throw new UsageError(`${JSON.stringify(text)} is empty`);
    return range;
  });
}

export function named<T>(name: string, text: string | undefined, parse: (text: string) => T): T | undefined {
  if (text === undefined) return undefined;
  try {
    return parse(text);
  } catch (error) {
    if (error instanceof UsageError) throw new UsageError(`--${name}: ${error.message}`, error.hint);
    throw error;
  }
}

/** The same object without what is undefined (options are exact). */
export function compact<T extends object>(options: { readonly [K in keyof T]: T[K] | undefined }): T {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as T;
}
