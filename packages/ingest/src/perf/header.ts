/** The head of a perf.data file: magic, sections, attrs with their ids. Nothing is allocated from a size the file claims. */
import { TraceFormatError, UnreadableInputError } from '@workset/model';
import { u64 } from '../binary.ts';
import type { ByteReader } from '../binary.ts';
import { MIN_ATTR_BYTES, readAttr } from './attr.ts';
import type { PerfAttr } from './attr.ts';

const FILE_HEADER_BYTES = 104;
const PIPE_HEADER_BYTES = 16;
/** attrs and ids lie before the data in every file perf writes; more than this before the data is damage. */
const MAX_PRELUDE_BYTES = 64 << 20;
const MAX_ATTR_BYTES = 4096;
const SECTION_BYTES = 16;

export interface PerfHeader {
  readonly little: boolean;
  readonly mode: 'file' | 'pipe';
  readonly attrs: PerfAttr[];
  readonly dataOffset: number;
  /** 0 when the recorder was killed: data reaches to the end of the file. */
  readonly dataSize: number;
  readonly features: readonly number[];
  /** First bytes of the file, to recognise it when it is opened again. */
  readonly head: Uint8Array;
}

/** 'little', 'big', 'v1' or null, from the first 8 bytes. */
export function perfMagic(head: Uint8Array): 'little' | 'big' | 'v1' | null {
  if (head.length < 8) return null;
  const magic = String.fromCharCode(...head.subarray(0, 8));
  if (magic === 'PERFILE2') return 'little';
  if (magic === '2ELIFREP') return 'big';
  return magic === 'PERFFILE' || magic === 'ELIFFREP' ? 'v1' : null;
}

/** Reads up to the first record. Throws UnreadableInputError for what is not perf.data, TraceFormatError for damage. */
export async function readHeader(reader: ByteReader): Promise<PerfHeader> {
  const file = reader.path;
  await reader.need(PIPE_HEADER_BYTES);
  const magic = perfMagic(reader.bytes.subarray(reader.start, reader.end));
  if (magic === null) {
    throw new UnreadableInputError(
      'not a perf.data file: the magic PERFILE2 is missing',
      { file, byteOffset: 0 },
      'check that this is the output of perf record, not of perf script',
    );
  }
  if (magic === 'v1') {
    throw new UnreadableInputError(
      'perf.data version 1 (2009-2010) is not supported',
      { file, byteOffset: 0 },
      'read it with the perf of its time and give the text of perf script',
    );
  }
  const little = magic === 'little';
  const headerSize = reader.available >= PIPE_HEADER_BYTES ? u64(reader.view, reader.start + 8, little) : 0;
  if (headerSize === PIPE_HEADER_BYTES) {
    const head = await reader.take(PIPE_HEADER_BYTES, 'the pipe header');
    return { little, mode: 'pipe', attrs: [], dataOffset: PIPE_HEADER_BYTES, dataSize: 0, features: [], head };
  }
  if (!(await reader.need(FILE_HEADER_BYTES))) {
    throw new TraceFormatError(
      `the file ends inside its header (${reader.available} of ${FILE_HEADER_BYTES} bytes)`,
      { file, byteOffset: reader.available },
      'the copy is incomplete: copy the recording again',
    );
  }
  return readFileHeader(reader, little);
}

async function readFileHeader(reader: ByteReader, little: boolean): Promise<PerfHeader> {
  const file = reader.path;
  const { view } = reader;
  const attrSize = u64(view, 16, little);
  const attrsAt = u64(view, 24, little);
  const attrsBytes = u64(view, 32, little);
  const dataOffset = u64(view, 40, little);
  const dataSize = u64(view, 48, little);
  const features = featureBits(view, 72, little);
  if (attrSize < MIN_ATTR_BYTES + SECTION_BYTES || attrSize > MAX_ATTR_BYTES) {
    throw new TraceFormatError(
      `attr_size is ${attrSize}; event descriptions have ${MIN_ATTR_BYTES + SECTION_BYTES} bytes or more`,
      { file, byteOffset: 16 },
      attrSize === 0
        ? 'perf was killed before it wrote the header: the recording cannot be used'
        : 'the header is damaged: copy the recording again',
    );
  }
  const beforeData = (what: string, at: number, size: number, place: number): void => {
    if (at + size <= dataOffset) return;
    throw new TraceFormatError(
      `${what} lies at offset ${at} with ${size} bytes, outside the ${dataOffset} bytes before the data`,
      { file, byteOffset: place },
      'the header is damaged: copy the recording again',
    );
  };
  beforeData('the event section', attrsAt, attrsBytes, 24);
  if (dataOffset > MAX_PRELUDE_BYTES) {
    throw new TraceFormatError(
      `the data starts at offset ${dataOffset}, far beyond the event section`,
      { file, byteOffset: 40 },
      'the header is damaged: copy the recording again',
    );
  }
  const prelude = await reader.take(dataOffset, 'the part before the data');
  const preludeView = new DataView(prelude.buffer);
  const attrs: PerfAttr[] = [];
  for (let at = attrsAt; at + attrSize <= attrsAt + attrsBytes; at += attrSize) {
    const attr = readAttr(preludeView, at, attrSize - SECTION_BYTES, little);
    const idsAt = u64(preludeView, at + attrSize - SECTION_BYTES, little);
    const idsBytes = u64(preludeView, at + attrSize - SECTION_BYTES + 8, little);
    beforeData(`the id section of event ${attrs.length}`, idsAt, idsBytes, at + attrSize - SECTION_BYTES);
    for (let id = idsAt; id + 8 <= idsAt + idsBytes; id += 8) attr.ids.push(u64(preludeView, id, little));
    attrs.push(attr);
  }
  if (attrs.length === 0)
    throw new TraceFormatError('the file describes no event', { file, byteOffset: 24 }, 'the recording cannot be used');
  return { little, mode: 'file', attrs, dataOffset, dataSize, features, head: prelude.slice(0, FILE_HEADER_BYTES) };
}

/** Numbers of the set feature bits, ascending. Big-endian writers store 64-bit longs. */
function featureBits(view: DataView, at: number, little: boolean): number[] {
  const bits: number[] = [];
  for (let bit = 0; bit < 256; bit++) {
    const word = at + 8 * (bit >> 6);
    const byte = little ? word + ((bit & 63) >> 3) : word + 7 - ((bit & 63) >> 3);
    if (((view.getUint8(byte) >> (bit & 7)) & 1) === 1) bits.push(bit);
  }
  return bits;
}
