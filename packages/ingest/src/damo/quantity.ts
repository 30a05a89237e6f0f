/** Numbers as damo writes them: digits with commas, "max", "143.027 MiB", "8 m 59 s 809 ms" (damo src/_damo_fmt_str.py). */

const MAX_U64 = 2n ** 64n - 1n;
const SIZE: Readonly<Record<string, number>> = { b: 0, k: 1, m: 2, g: 3, t: 4, p: 5, e: 6 };
const TIME_NS: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1_000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
  d: 86_400_000_000_000n,
};

/** "4,294,967,296", "4.000 GiB", "max" → bytes; null when it is none of these. */
export function damoBytes(text: string): bigint | null {
  const bare = text.replaceAll(',', '').trim();
  if (/^\d+$/.test(bare)) return BigInt(bare);
  if (bare === 'max') return MAX_U64;
  // number and unit, all units base 1024:  143.027 MiB
  const match = /^(\d+(?:\.\d+)?)\s*([kmgtpe])?(?:i?b)?$/i.exec(bare);
  if (match === null) return null;
  return BigInt(Math.round(Number(match[1]) * 1024 ** SIZE[(match[2] ?? 'b').toLowerCase()]!));
}

/** "539809434100" (in `unit`), "8 m 59 s 809 ms", "-5 s" → ns; null when it is none of these. */
export function damoTimeNs(text: string, unit: keyof typeof TIME_NS = 'ns'): bigint | null {
  const bare = text.replaceAll(',', '').trim();
  if (/^-?\d+$/.test(bare)) return BigInt(bare) * TIME_NS[unit]!;
  if (bare === 'max') return MAX_U64;
  const negative = bare.startsWith('-');
  // "N unit" pairs, summed
  const part = /\s*(\d+)(?:\.(\d{1,9}))?\s*(ns|us|ms|s|m|h|d)(?=\s|$)/gy;
  const digits = negative ? bare.slice(1) : bare;
  let total = 0n;
  let end = 0;
  for (let match = part.exec(digits); match !== null; match = part.exec(digits)) {
    const scale = TIME_NS[match[3]!]!;
    const fraction = match[2] ?? '';
    total += BigInt(match[1]!) * scale + (fraction === '' ? 0n : (BigInt(fraction) * scale) / 10n ** BigInt(fraction.length));
    end = part.lastIndex;
  }
  if (end === 0 || end !== digits.length) return null;
  return negative ? -total : total;
}

/** "12", "1,024", 12 → count; null when it is no number. */
export function damoCount(text: string): number | null {
  const bare = text.replaceAll(',', '').trim();
  return /^-?\d+(?:\.\d+)?$/.test(bare) ? Number(bare) : null;
}
