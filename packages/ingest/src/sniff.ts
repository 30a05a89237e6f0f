/** Recognises a capture by its first bytes, never by its name. */
import { basename } from 'node:path';
import { UnreadableInputError, type Ingestor } from '@workset/model';
import { startsWith } from './byte-source.ts';
import { foreignOf } from './foreign.ts';
import { ingestors } from './registry.ts';

/** Sniffs below this are guesses that are only listed. */
const SURE = 0.5;
/** Share of printable bytes above which an unknown file is called text. */
const TEXT_SHARE = 0.95;

/** Formats without anything to know them by: they are read only when they are named. */
const HEADERLESS = [
  'page-idle-raw',
  'pagemap',
  'kpageflags',
  'pagemap-scan',
  'kvm-dirty',
  'damo-record',
  'uffd-log',
  'champsim',
  'oracle-general',
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
  const foreign = foreignOf(head, path);
  if (foreign !== undefined) return new UnreadableInputError(`this is ${foreign.what}`, place, foreign.hint);
  if (startsWith(head, [0xff, 0xfe]) || startsWith(head, [0xfe, 0xff])) {
    return new UnreadableInputError('this is UTF-16 text', place, `iconv -f utf-16 -t utf-8 ${path} | workset ingest - -o out.trace`);
  }
  const kind = isText(head) ? 'text' : 'binary data';
  const start = kind === 'text' ? `, starting ${JSON.stringify(textOf(head.subarray(0, 60)).split(/\r?\n/, 1)[0])}` : '';
  const near = found.slice(0, 3).map(({ ingestor }) => ingestor.descriptor.id);
  const closest = near.length > 0 ? `closest: ${near.join(', ')}; ` : '';
  const named =
    kind === 'text'
      ? `one of ${ingestors.ids.join(', ')}`
      : `dumps without a header have to be named: ${HEADERLESS.join(', ')}; all: workset list ingestors`;
  const called = HEADERLESS.find((id) => isCalled(path, [id, ...ingestors.get(id).descriptor.usualNames]));
  if (called !== undefined)
    return new UnreadableInputError(`this is ${kind} without a header`, place, `by its name it may be ${called}: --format ${called}`);
  return new UnreadableInputError(
    `this is ${kind} of a kind that is not recognised${start}`,
    place,
    `${closest}name the format with --format ID (${named})`,
  );
}

/** Whether a file has one of the names that a format usually has, packed or not. */
function isCalled(path: string, usualNames: readonly string[]): boolean {
  const name = basename(path)
    .toLowerCase()
    .replace(/\.(?:gz|zst|xz|lz4|bz2)$/, '');
  return usualNames.some((usual) => (usual.startsWith('*') ? name.endsWith(usual.slice(1).toLowerCase()) : name === usual.toLowerCase()));
}

function isText(head: Uint8Array): boolean {
  const high = isUtf8(head) ? 255 : 126;
  let printable = 0;
  for (const byte of head) if (byte >= 32 ? byte !== 127 && byte <= high : byte === 9 || byte === 10 || byte === 13) printable++;
  return printable >= TEXT_SHARE * head.length;
}

/** The last character may be cut. */
function isUtf8(head: Uint8Array): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(head, { stream: true });
    return true;
  } catch {
    return false;
  }
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
}
