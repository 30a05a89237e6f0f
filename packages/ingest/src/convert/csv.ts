/** CSV that workset's own reader takes back: `#` comments, a header line, one access or region per line. */
import { FileSink } from './sink.ts';
import { accessColumns, cell, describe, OPS, REGION_NAMES, regionsOf, type AccessColumns } from './table.ts';
import type { AccessRows, ReportRow, RowWriter, SourceFacts } from './model.ts';

export interface CsvStyle {
  /** With `#` lines about the source; and addresses in hex under the name of their space instead of page numbers. */
  readonly forPeople: boolean;
}

export class CsvWriter implements RowWriter {
  rows = 0;
  columns: AccessColumns | undefined;
  readonly lost: string[] = [];
  readonly #sink: FileSink;
  readonly #facts: SourceFacts;
  readonly #style: CsvStyle;
  #said: Record<string, string> | undefined;

  constructor(path: string, facts: SourceFacts, style: CsvStyle) {
    this.#sink = new FileSink(path);
    this.#facts = facts;
    this.#style = style;
  }

  accesses(rows: AccessRows): void {
    const columns = this.columns ?? this.#begin(rows);
    const { n, page, cls, pid, cpu, timeNs } = rows;
    const tails = this.#tails(columns);
    const { isHex, lead } = this.#pageStyle(columns);
    const fixed = `${rows.t0Ns},${rows.t1Ns},${lead}`;
    let text = '';
    for (let i = 0; i < n; i++) {
      text += (timeNs === null ? fixed : `${Math.round(timeNs[i]!)},${lead}`) + page[i]!.toString(isHex ? 16 : 10) + tails[cls[i]! & 3]!;
      if (pid !== null) text += `,${pid[i]!}`;
      if (cpu !== null) text += `,${cpu[i]!}`;
      text += '\n';
    }
    this.#sink.text(text);
    this.rows += n;
  }

  report(row: ReportRow): void {
    if (this.#said === undefined) this.#head('regions', REGION_NAMES);
    const { report, stream } = row;
    const lead = `${cell(stream.stream)},${report.cycle},${time(report.setBeginNs)},${time(report.readEndNs)},${report.complete},`;
    let text = '';
    for (const region of regionsOf(row)) {
      text += `${lead}${region.kind},${region.startPage},${region.nPages},${region.nrAccesses},${region.age}\n`;
      this.rows++;
    }
    this.#sink.text(text);
  }

  /** The facts as they are known now. */
  metadata(content: 'accesses' | 'regions'): Record<string, string> {
    return describe(this.#facts, content, this.columns);
  }

  async close(): Promise<void> {
    if (this.#said !== undefined && this.#style.forPeople) this.#afterthought(this.#said);
    this.#sink.close();
  }

  abort(): void {
    this.#sink.remove();
  }

  #begin(rows: AccessRows): AccessColumns {
    const columns = accessColumns(rows);
    this.columns = columns;
    const ops = this.#style.forPeople ? ['op'] : ['write', 'kernel'];
    const page = this.#style.forPeople ? columns.space : 'page';
    this.#head('accesses', [
      'time_ns',
      ...(columns.isQuanta ? ['end_ns'] : []),
      page,
      ...ops,
      ...(columns.hasPid ? ['pid'] : []),
      ...(columns.hasCpu ? ['cpu'] : []),
    ]);
    return columns;
  }

  #head(content: 'accesses' | 'regions', names: readonly string[]): void {
    this.#said = this.metadata(content);
    if (this.#style.forPeople) this.#sink.text(comments(this.#said));
    this.#sink.text(`${names.join(',')}\n`);
  }

  /** Of a capture, some facts are known only at its end. */
  #afterthought(said: Record<string, string>): void {
    const now = this.metadata(said['workset.content'] as 'accesses' | 'regions');
    this.#sink.text(comments(Object.fromEntries(Object.entries(now).filter(([key, value]) => said[key] !== value))));
  }

  #tails({ space }: AccessColumns): readonly string[] {
    if (!this.#style.forPeople) return ['false,false', 'true,false', 'false,true', 'true,true'].map((flags) => `,${flags}`);
    return OPS.map((op) => `${isAddress(space) ? '000' : ''},${op}`);
  }

  #pageStyle({ space }: AccessColumns): { isHex: boolean; lead: string } {
    const isHex = this.#style.forPeople && isAddress(space);
    return { isHex, lead: isHex ? '0x' : '' };
  }
}

/** Spaces whose pages people write as byte addresses; the others are numbers of frames and objects. */
function isAddress(space: string): boolean {
  return space === 'gpa' || space === 'gva' || space === 'hva';
}

function time(ns: number): string {
  return Number.isFinite(ns) ? String(Math.round(ns)) : '';
}

function comments(pairs: Readonly<Record<string, string>>): string {
  return Object.entries(pairs)
    .map(([key, value]) => `# ${key}: ${value.replaceAll(/[\r\n]/g, ' ')}\n`)
    .join('');
}
