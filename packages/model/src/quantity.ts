/** Durations, sizes and counts as people write them. Sizes base 1024; a bare number is refused except 0. */
import { UsageError } from './errors.ts';
import { NS_PER_MS, NS_PER_S, NS_PER_US, PAGE_BYTES } from './units.ts';

const TIME_UNITS: Readonly<Record<string, number>> = {
  ns: 1,
  us: NS_PER_US,
  ms: NS_PER_MS,
  s: NS_PER_S,
  m: 60 * NS_PER_S,
  h: 3600 * NS_PER_S,
};

/** `5ms`, `1.5s`, `1m30s`, `0` → integer nanoseconds. Throws UsageError. */
export function parseDuration(text: string): number {
  const trimmed = text.trim();
  if (trimmed === '0') return 0;
  // number unit, one or more times:  1m30s
  const part = /(\d+(?:\.\d+)?)(ns|us|ms|s|m|h)/gy;
  let total = 0;
  let end = 0;
  for (let match = part.exec(trimmed); match !== null; match = part.exec(trimmed)) {
    total += Number(match[1]) * TIME_UNITS[match[2]!]!;
    end = part.lastIndex;
  }
  if (end === 0 || end !== trimmed.length) {
    throw new UsageError(`not a duration: ${JSON.stringify(text)}`, 'write a number and a unit: 5ms, 1s, 1m30s (ns us ms s m h)');
  }
  return Math.round(total);
}

const SIZE_EXPONENT: Readonly<Record<string, number>> = { b: 0, k: 1, m: 2, g: 3, t: 4, p: 5 };

/**
 * `4K`, `2MiB`, `1.5G`, `max`, `10%` of `footprintBytes`, `512 p` (pages) → bytes. Throws UsageError.
 * @param footprintBytes what a percentage refers to; without it a percentage is refused
 */
export function parseSize(text: string, footprintBytes?: number): number {
  const trimmed = text.trim();
  if (trimmed === '0') return 0;
  if (trimmed === 'max') return Number.POSITIVE_INFINITY;
  // number, then %, p (pages) or a binary size unit:  1.5GiB
  const match = /^(\d+(?:\.\d+)?)\s*(%|p|B|[KMGTP](?:i?B)?)$/i.exec(trimmed);
  if (match === null) {
    throw new UsageError(`not a size: ${JSON.stringify(text)}`, 'write a number and a unit: 4K, 2MiB, 1.5G, 10%, 512p, max (base 1024)');
  }
  const value = Number(match[1]);
  const unit = match[2]!;
  if (unit === '%') {
    if (footprintBytes === undefined) throw new UsageError(`a percentage has no meaning here: ${JSON.stringify(text)}`);
    return Math.round((value / 100) * footprintBytes);
  }
  if (unit === 'p') return Math.round(value * PAGE_BYTES);
  return Math.round(value * 1024 ** SIZE_EXPONENT[unit[0]!.toLowerCase()]!);
}

/** Address range `0x1000-0x3000` (end exclusive) or `0x1000+8K` → [start, end) in bytes. Throws UsageError. */
export function parseAddressRange(text: string): [number, number] {
  const plus = /^(0x[0-9a-f]+|\d+)\+(.+)$/i.exec(text.trim());
  const minus = /^(0x[0-9a-f]+|\d+)-(0x[0-9a-f]+|\d+)$/i.exec(text.trim());
  const range: [number, number] | undefined =
    plus !== null
      ? [Number(plus[1]), Number(plus[1]) + parseSize(plus[2]!)]
      : minus !== null
        ? [Number(minus[1]), Number(minus[2])]
        : undefined;
  if (range === undefined || !(range[1] > range[0])) {
    throw new UsageError(`not an address range: ${JSON.stringify(text)}`, 'write 0xSTART-0xEND (end exclusive) or 0xSTART+SIZE');
  }
  return range;
}

/** Nanoseconds as people read them: 1.250 s, 5 ms, 340 us. */
export function formatDuration(ns: number): string {
  const size = Math.abs(ns);
  const [unit, scale] =
    size >= NS_PER_S
      ? (['s', NS_PER_S] as const)
      : size >= NS_PER_MS
        ? (['ms', NS_PER_MS] as const)
        : size >= NS_PER_US
          ? (['us', NS_PER_US] as const)
          : (['ns', 1] as const);
  return `${trim(ns / scale)} ${unit}`;
}

/** Bytes as people read them, base 1024: 24 MiB. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
  let value = bytes;
  let i = 0;
  while (Math.abs(value) >= 1024 && i < units.length - 1) {
    value /= 1024;
    i++;
  }
  return `${trim(value)} ${units[i]}`;
}

function trim(value: number): string {
  return String(Number(value.toPrecision(4)));
}
