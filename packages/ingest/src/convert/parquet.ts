/** Parquet by DuckDB, out of a temporary CSV beside the file, so that memory stays bounded. */
import { csvToParquet, type SqlColumns } from '@workset/store';
import { CsvWriter } from './csv.ts';
import type { AccessRows, ReportRow, RowWriter, SourceFacts } from './model.ts';

const REGIONS: SqlColumns = {
  stream: 'VARCHAR',
  cycle: 'BIGINT',
  start_ns: 'BIGINT',
  end_ns: 'BIGINT',
  complete: 'BOOLEAN',
  kind: 'VARCHAR',
  start_page: 'BIGINT',
  n_pages: 'BIGINT',
  nr_accesses: 'DOUBLE',
  age: 'DOUBLE',
};

export class ParquetWriter implements RowWriter {
  readonly #csv: CsvWriter;
  readonly #csvPath: string;
  readonly #path: string;

  constructor(path: string, facts: SourceFacts) {
    this.#path = path;
    this.#csvPath = `${path}.csv`;
    this.#csv = new CsvWriter(this.#csvPath, facts, { forPeople: false });
  }

  get rows(): number {
    return this.#csv.rows;
  }
  get lost(): readonly string[] {
    return this.#csv.lost;
  }
  accesses(rows: AccessRows): void {
    this.#csv.accesses(rows);
  }
  report(row: ReportRow): void {
    this.#csv.report(row);
  }

  async close(): Promise<void> {
    await this.#csv.close();
    const { columns } = this.#csv;
    const types: SqlColumns =
      columns === undefined
        ? REGIONS
        : {
            time_ns: 'BIGINT',
            ...(columns.isQuanta ? { end_ns: 'BIGINT' } : {}),
            page: 'BIGINT',
            write: 'BOOLEAN',
            kernel: 'BOOLEAN',
            ...(columns.hasPid ? { pid: 'INTEGER' } : {}),
            ...(columns.hasCpu ? { cpu: 'INTEGER' } : {}),
          };
    await csvToParquet(this.#csvPath, this.#path, types, this.#csv.metadata(columns === undefined ? 'regions' : 'accesses'));
    this.#csv.abort();
  }

  abort(): void {
    this.#csv.abort();
  }
}
