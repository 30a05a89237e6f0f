/** Recognises a capture by its first bytes, never by its name. */
import { UnreadableInputError, type Ingestor } from '@workset/model';
import { startsWith } from './byte-source.ts';
import { ingestors } from './registry.ts';

/** Sniffs below this are guesses that are only listed. */
const SURE = 0.5;
/** Share of printable bytes above which an unknown file is called text. */
const TEXT_SHARE = 0.95;

/** Files people have by mistake, or that have a known way round. */
const FOREIGN: readonly { readonly magic: string | readonly number[]; readonly at?: number; readonly what: string; readonly hint: string }[] = [
  { magic: 'PAR1', what: 'a Parquet file, perhaps a table of workset results', hint: 'for results: workset info DIR, workset sql DIR' },
  { magic: 'DUCK', at: 8, what: 'a DuckDB database, perhaps exported results', hint: 'open it with duckdb, or ask the results directory: workset sql DIR' },
  { magic: 'ARROW1', what: 'an Arrow file, perhaps a column of a workset trace', hint: 'a trace is a directory and needs no ingest: workset info DIR' },
  { magic: [0x7f, 0x45, 0x4c, 0x46], what: 'an ELF program or core dump', hint: 'give the capture that was recorded from it' },
  { magic: [0x89, 0x50, 0x4e, 0x47], what: 'a PNG picture', hint: 'give the capture it was drawn from' },
  { magic: [0x50, 0x4b, 0x03, 0x04], what: 'a zip archive', hint: 'unpack it and give the files in it' },
  { magic: 'ustar', at: 257, what: 'a tar archive', hint: 'unpack it and give the directory' },
  { magic: [0x1f, 0x8b], what: 'gzip inside another compression', hint: 'decompress it once by hand' },
  { magic: [0x28, 0xb5, 0x2f, 0xfd], what: 'zstd inside another compression', hint: 'decompress it once by hand' },
  { magic: '%PDF', what: 'a PDF document', hint: 'give the capture itself' },
];

export interface Guess {
  readonly ingestor: Ingestor;
  readonly confidence: number;
}

/** All formats the head may be of, most likely first. Later registry entries win no ties. */
export function guesses(head: Uint8Array): Guess[] {
  return ingestors.all
    .map((ingestor) => ({ ingestor, confidence: ingestor.sniff(head) }))
    .filter(({ confidence }) => confidence > 0)
    .sort((a, b) => b.confidence - a.confidence);
}

/**
 * The format of a file.
 * @param head its first bytes after decompression
 * @param forced a format id that skips the recognition
 * @throws UnreadableInputError that says what the file seems to be and what to do; UsageError for an unknown `forced`
 */
export function recognise(head: Uint8Array, path: string, forced?: string): Ingestor {
  if (forced !== undefined) return ingestors.get(forced);
  const found = guesses(head);
  const best = found[0];
  if (best !== undefined && best.confidence >= SURE) return best.ingestor;
  throw unknown(head, path, found);
}

function unknown(head: Uint8Array, path: string, found: readonly Guess[]): UnreadableInputError {
  const place = { file: path };
  const foreign = FOREIGN.find(({ magic, at }) => startsWith(head.subarray(at ?? 0), magic));
  if (foreign !== undefined) return new UnreadableInputError(`this is ${foreign.what}`, place, foreign.hint);
  if (startsWith(head, [0xff, 0xfe]) || startsWith(head, [0xfe, 0xff])) {
    return new UnreadableInputError('this is UTF-16 text', place, `iconv -f utf-16 -t utf-8 ${path} | workset ingest - -o out.trace`);
  }
  const kind = isText(head) ? 'text' : 'binary data';
  const start = kind === 'text' ? `, starting ${JSON.stringify(textOf(head.subarray(0, 60)).split(/\r?\n/, 1)[0])}` : '';
  const near = found.slice(0, 3).map(({ ingestor }) => ingestor.descriptor.id);
  return new UnreadableInputError(
    `this is ${kind} of a kind that is not recognised${start}`,
    place,
    `${near.length > 0 ? `closest: ${near.join(', ')}; ` : ''}name the format with --format ID (one of ${ingestors.ids.join(', ')})`,
  );
}

function isText(head: Uint8Array): boolean {
  let printable = 0;
  for (const byte of head) if (byte >= 32 ? byte !== 127 : byte === 9 || byte === 10 || byte === 13) printable++;
  return printable >= TEXT_SHARE * head.length;
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
}
