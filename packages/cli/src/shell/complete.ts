/** Tab completion: tables, columns, macros and the words of SQL. */
import type { Schema } from '../schema.ts';

const KEYWORDS =
  'SELECT FROM WHERE GROUP BY ORDER LIMIT HAVING WITH AS ON USING JOIN LEFT INNER CROSS UNION ALL DISTINCT AND OR NOT IN IS NULL LIKE ILIKE BETWEEN CASE WHEN THEN ELSE END CAST DESCRIBE SUMMARIZE SHOW EXPLAIN PIVOT count sum avg min max median quantile_cont round bit_count'.split(
    ' ',
  );

/** @returns the candidates and the text they replace, as node:readline wants them */
export function completer(schema: Schema): (line: string) => [string[], string] {
  const tables = schema.tables.map(({ name }) => name);
  const columns = schema.tables.flatMap((table) => table.columns.map(({ name }) => name));
  const words = [...new Set([...tables, ...columns, ...schema.macros.map(({ name }) => name), ...KEYWORDS])];
  const columnsOf = new Map(schema.tables.map((table) => [table.name, table.columns.map(({ name }) => name)]));
  return (line) => {
    if (/^\\d\s+\S*$/.test(line)) return matching(tables, line.replace(/^\\d\s+/, ''));
    const word = /[\w.\\]*$/.exec(line)?.[0] ?? '';
    if (word.startsWith('\\')) return matching(['\\d', '\\f', '\\q', '\\?'], word);
    const [table = '', column] = word.split('.', 2);
    if (column !== undefined)
      return matching(
        (columnsOf.get(table) ?? []).map((name) => `${table}.${name}`),
        word,
      );
    const afterFrom = /\b(?:from|join)\s+\w*$/i.test(line);
    return matching(afterFrom ? tables : words, word);
  };
}

function matching(words: readonly string[], start: string): [string[], string] {
  const lower = start.toLowerCase();
  return [words.filter((word) => word.toLowerCase().startsWith(lower)), start];
}
