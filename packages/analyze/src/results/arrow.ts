/** An answer of DuckDB as Arrow IPC: every type in full, nothing through a double that did not come as one. */
import { DuckDBBlobValue, DuckDBDecimalValue, DuckDBTypeId } from '@duckdb/node-api';
import type { DuckDBDecimalType, DuckDBResult, DuckDBType, DuckDBValue } from '@duckdb/node-api';
import { UsageError } from '@workset/model';
import { createArrowRows } from '@workset/store';
import type { ArrowContainer, ArrowRows, RowField, RowType, RowValue } from '@workset/store';
import { jsonValue } from '../format/cell.ts';
import { attempt } from './guard.ts';
import { plain } from './values.ts';

/** Rows of one Arrow batch; BLOBs are page sets of 8 KiB, so a batch that has them stays as small as DuckDB made it. */
const BATCH_ROWS = 65_536;

const TYPES: Partial<Record<DuckDBTypeId, RowType>> = {
  [DuckDBTypeId.BOOLEAN]: 'bool',
  [DuckDBTypeId.TINYINT]: 'int8',
  [DuckDBTypeId.SMALLINT]: 'int16',
  [DuckDBTypeId.INTEGER]: 'int32',
  [DuckDBTypeId.BIGINT]: 'int64',
  [DuckDBTypeId.UTINYINT]: 'uint8',
  [DuckDBTypeId.USMALLINT]: 'uint16',
  [DuckDBTypeId.UINTEGER]: 'uint32',
  [DuckDBTypeId.UBIGINT]: 'uint64',
  // what a sum of BIGINT is, and what DuckDB itself makes of it in Arrow
  [DuckDBTypeId.HUGEINT]: { width: 38, scale: 0 },
  [DuckDBTypeId.FLOAT]: 'float32',
  [DuckDBTypeId.DOUBLE]: 'float64',
  [DuckDBTypeId.BLOB]: 'binary',
};

/** Lists and structs become JSON text; times, intervals, UUIDs and UHUGEINT their SQL text. */
export function arrowType(type: DuckDBType): RowType {
  if (type.typeId !== DuckDBTypeId.DECIMAL) return TYPES[type.typeId] ?? 'utf8';
  const { width, scale } = type as DuckDBDecimalType;
  return { width, scale };
}

/** Bytes of an Arrow IPC file or stream. Throws UsageError when a number has more digits than Arrow's decimals. */
export async function* arrowBytes(result: DuckDBResult, container: ArrowContainer): AsyncGenerator<Uint8Array> {
  const fields = result.deduplicatedColumnNames().map((name, i): RowField => ({ name, type: arrowType(result.columnType(i)) }));
  const writer = await createArrowRows(fields, container);
  const most = fields.some(({ type }) => type === 'binary') ? 1 : BATCH_ROWS;
  let waiting = fields.map((): RowValue[] => []);
  let rows = 0;
  for (;;) {
    const chunk = await attempt(() => result.fetchChunk());
    if (chunk === null || chunk.rowCount === 0) break;
    fields.forEach(({ type }, i) => {
      for (const value of chunk.getColumnValues(i)) waiting[i]!.push(arrowValue(value, type));
    });
    rows += chunk.rowCount;
    if (rows < most) continue;
    yield* batchBytes(writer, fields, rows, waiting);
    waiting = fields.map(() => []);
    rows = 0;
  }
  if (rows > 0) yield* batchBytes(writer, fields, rows, waiting);
  yield* writer.end();
}

function batchBytes(writer: ArrowRows, fields: readonly RowField[], rows: number, columns: readonly (readonly RowValue[])[]): Uint8Array[] {
  try {
    return writer.batch(rows, columns);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    const wide = fields.filter(({ type }) => typeof type === 'object').map(({ name }) => name);
    throw new UsageError(`${wide.join(', ')}: ${error.message}, the most that Arrow holds`, 'cast it in the query: ::DOUBLE or ::VARCHAR');
  }
}

function arrowValue(value: DuckDBValue, type: RowType): RowValue {
  if (value === null) return null;
  if (value instanceof DuckDBDecimalValue) return value.value;
  if (value instanceof DuckDBBlobValue) return value.bytes;
  if (type !== 'utf8') return value as number | bigint | boolean;
  if (typeof value === 'string') return value;
  const shown = plain(value);
  return typeof shown === 'object' ? JSON.stringify(jsonValue(shown)) : String(shown);
}
