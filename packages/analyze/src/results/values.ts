/** DuckDB values as plain JavaScript: what JSON, tables and charts can use without knowing DuckDB. */
import {
  DuckDBArrayValue,
  DuckDBBitValue,
  DuckDBBlobValue,
  DuckDBDecimalValue,
  DuckDBListValue,
  DuckDBMapValue,
  DuckDBStructValue,
  DuckDBUnionValue,
} from '@duckdb/node-api';
import type { DuckDBValue } from '@duckdb/node-api';

export type Value = null | boolean | number | string | Uint8Array | readonly Value[] | { readonly [name: string]: Value };

/**
 * Integers and decimals become numbers when a double holds all their digits, else decimal strings; BLOB bytes; lists arrays; structs and
 * maps objects; everything else (times, intervals, UUIDs, bit strings) its SQL text.
 */
export function plain(value: DuckDBValue): Value {
  switch (typeof value) {
    case 'bigint':
      return plainInteger(value);
    case 'object':
      return value === null ? null : plainObject(value);
    default:
      return value;
  }
}

function plainInteger(value: bigint): number | string {
  const n = Number(value);
  return Number.isSafeInteger(n) ? n : value.toString();
}

/** Up to 15 digits, which a double gives back as they were. */
function isShort(digits: bigint): boolean {
  return digits < 1_000_000_000_000_000n && digits > -1_000_000_000_000_000n;
}

function plainObject(value: Exclude<DuckDBValue, null | boolean | number | bigint | string>): Value {
  if (value instanceof DuckDBBlobValue) return new Uint8Array(value.bytes);
  if (value instanceof DuckDBDecimalValue) return isShort(value.value) ? value.toDouble() : value.toString();
  if (value instanceof DuckDBListValue || value instanceof DuckDBArrayValue) return value.items.map(plain);
  if (value instanceof DuckDBStructValue) {
    return Object.fromEntries(Object.entries(value.entries).map(([name, item]) => [name, plain(item)]));
  }
  if (value instanceof DuckDBMapValue) {
    return Object.fromEntries(value.entries.map(({ key, value: item }) => [String(key), plain(item)]));
  }
  if (value instanceof DuckDBUnionValue) return plain(value.value);
  if (value instanceof DuckDBBitValue) return value.toString();
  return String(value);
}
