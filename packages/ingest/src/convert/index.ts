/** Traces and captures in the forms that other programs read. */
import { rmSync } from 'node:fs';
import { TraceFormatError, UsageError } from '@workset/model';
import { isTrace } from '@workset/store';
import { RowFilter } from './filter.ts';
import { CONVERT_FORMATS, type ConvertFormat, type ConvertOptions, type ConvertResult, type RowWriter, type SourceFacts } from './model.ts';
import { publish, refuseDirectory } from './sink.ts';
import { openCaptureRows, openTraceRows, type Wanted } from './source.ts';
import { subsetTrace } from './trace-subset.ts';

export { CONVERT_FORMATS, type ConvertFormat, type ConvertOptions, type ConvertResult } from './model.ts';

const ENDINGS: Readonly<Record<string, ConvertFormat>> = {
  '.parquet': 'parquet',
  '.arrow': 'arrow',
  '.feather': 'arrow',
  '.csv': 'csv',
  '.oracleGeneral': 'oracleGeneral',
  '.oracleGeneral.bin': 'oracleGeneral',
  '.json': 'damo.json',
  '.trace': 'trace',
};
const WANTED: Readonly<Record<Exclude<ConvertFormat, 'trace'>, Wanted>> = {
  parquet: 'any',
  arrow: 'any',
  csv: 'any',
  oracleGeneral: 'accesses',
  'damo.json': 'reports',
};
const DRAIN_ROWS = 1 << 18;

/** The format that the ending of a file name stands for. Throws UsageError when there is none. */
export function convertFormatOf(out: string): ConvertFormat {
  const ending = Object.keys(ENDINGS)
    .sort((a, b) => b.length - a.length)
    .find((each) => out.endsWith(each));
  if (ending === undefined) throw new UsageError(`the ending of ${out} tells no format`, `choose one of ${CONVERT_FORMATS.join(', ')}`);
  return ENDINGS[ending]!;
}

/**
 * Writes what a trace directory or a capture file holds as `options.format`. CSV, Arrow and Parquet get the accesses, or the regions
 * of the reports when there are no accesses; times are whole ns on the input's clock.
 * On any failure nothing remains.
 * @throws UsageError when the target cannot hold what is asked for; else as ingest does
 */
export async function convertTrace(path: string, options: ConvertOptions): Promise<ConvertResult> {
  const format = options.format ?? convertFormatOf(options.out);
  if (!CONVERT_FORMATS.includes(format)) throw new UsageError(`unknown format ${String(format)}`, `one of ${CONVERT_FORMATS.join(', ')}`);
  const fromTrace = isTrace(path);
  if (format === 'trace') {
    if (!fromTrace) throw new UsageError(`${path} is a capture, not a trace`, `workset ingest ${path} -o ${options.out}`);
    return subsetTrace(path, options);
  }
  refuseDirectory(options.out);
  const source = fromTrace ? await openTraceRows(path, options, WANTED[format]) : await openCaptureRows(path, options);
  const part = `${options.out}.part`;
  let writer: RowWriter | undefined;
  try {
    writer = await writerOf(format, part, source.facts);
    const counted = await fill(writer, source.rows(), options, WANTED[format]);
    if (writer.rows === 0) throw nothing(path, format, counted, source.facts);
    await writer.close();
    publish(part, options.out);
    const { lost, rows } = writer;
    const unit = format === 'oracleGeneral' ? 1e9 : counted.isQuanta ? (source.facts.quantumNs ?? counted.quantumNs) : 1;
    return {
      out: options.out,
      format,
      content: counted.content ?? 'accesses',
      rows,
      outside: counted.outside,
      space: counted.space,
      clock: source.facts.clock,
      timeUnitNs: unit,
      lost: [...lost, ...counted.lost],
      diagnostics: source.facts.diagnostics(),
    };
  } catch (error) {
    writer?.abort();
    rmSync(part, { force: true });
    throw error;
  } finally {
    source.close();
  }
}

async function writerOf(format: Exclude<ConvertFormat, 'trace'>, part: string, facts: SourceFacts): Promise<RowWriter> {
  switch (format) {
    case 'csv':
      return new (await import('./csv.ts')).CsvWriter(part, facts, { forPeople: true });
    case 'parquet':
      return new (await import('./parquet.ts')).ParquetWriter(part, facts);
    case 'arrow':
      return new (await import('./arrow.ts')).ArrowWriter(part, facts);
    case 'oracleGeneral':
      return new (await import('./oracle-general.ts')).OracleGeneralWriter(part);
    case 'damo.json':
      return new (await import('./damo-json.ts')).DamoJsonWriter(part, facts);
  }
}

interface Counted {
  content: ConvertResult['content'] | undefined;
  space: ConvertResult['space'];
  isQuanta: boolean;
  quantumNs: number;
  outside: number;
  /** Accesses and reports that the table has no place for. */
  accesses: number;
  reports: number;
  lost: string[];
}

async function fill(
  writer: RowWriter,
  rows: ReturnType<Awaited<ReturnType<typeof openTraceRows>>['rows']>,
  options: ConvertOptions,
  wanted: Wanted,
): Promise<Counted> {
  const filter = new RowFilter(options);
  const counted: Counted = {
    content: undefined,
    space: null,
    isQuanta: false,
    quantumNs: 1,
    outside: 0,
    accesses: 0,
    reports: 0,
    lost: [],
  };
  let undrained = 0;
  for await (const row of rows) {
    if (row.kind === 'accesses') {
      if (wanted === 'reports' || counted.content === 'regions') {
        counted.accesses += row.n;
        continue;
      }
      const kept = filter.accesses(row);
      counted.content = 'accesses';
      if (kept === undefined) continue;
      if (counted.space === null)
        [counted.space, counted.isQuanta, counted.quantumNs] = [row.space, row.timeNs === null, row.t1Ns - row.t0Ns];
      writer.accesses(kept);
    } else {
      if (wanted === 'accesses' || counted.content === 'accesses') {
        counted.reports++;
        continue;
      }
      const kept = filter.report(row);
      counted.content = 'regions';
      if (kept === undefined) continue;
      counted.space ??= row.stream.space;
      writer.report(kept);
    }
    if (writer.rows - undrained < DRAIN_ROWS) continue;
    undrained = writer.rows;
    await writer.drain?.();
    options.onProgress?.(writer.rows);
  }
  counted.outside = filter.outside;
  if (counted.accesses > 0) counted.lost.push(`${counted.accesses} accesses are left out: the file holds reports of trackers`);
  if (counted.reports > 0)
    counted.lost.push(
      `${counted.reports} reports of trackers are left out: the file holds accesses (the format damo.json takes region reports)`,
    );
  return counted;
}

function nothing(path: string, format: ConvertFormat, { outside, accesses, reports }: Counted, facts: SourceFacts): Error {
  if (outside > 0)
    return new UsageError(`${path}: nothing lies in what was asked for (${outside} rows lie outside)`, 'widen time, addr or pid');
  if (accesses > 0)
    return new UsageError(
      `${path} holds accesses but no reports of regions, which ${format} is made of`,
      'choose csv, arrow, parquet or oracleGeneral',
    );
  if (reports > 0)
    return new UsageError(
      `${path} holds reports of trackers but no accesses, which ${format} is made of`,
      'choose csv, arrow, parquet or damo.json',
    );
  const why = facts
    .diagnostics()
    .slice(0, 4)
    .map(({ code, count, message }) => `${message} (${code}, ${count})`);
  return new TraceFormatError(
    `nothing to convert in ${path}${why.length > 0 ? `: ${why.join('; ')}` : ''}`,
    { file: path },
    'workset info says what it holds',
  );
}
