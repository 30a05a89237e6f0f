/** Readers of small text outputs: whole lines as strings. */
import type { ByteSource, IngestBatch, IngestContext } from '@workset/model';
import { readLines } from './line-reader.ts';
import type { LineReader } from './line-reader.ts';

export interface StringLineReader {
  readonly out: IngestBatch[];
  line(text: string, line: number): void;
  /** Flushes; throws when nothing usable was seen. */
  finish(): void;
}

/** Lines in latin1, so that no byte is refused. */
export function readStringLines(source: ByteSource, ctx: IngestContext, reader: StringLineReader): AsyncGenerator<IngestBatch> {
  const adapter: LineReader = {
    out: reader.out,
    line: (bytes, from, to, line) => reader.line(bytes.toString('latin1', from, to), line),
    finish: () => reader.finish(),
  };
  return readLines(source, ctx, adapter);
}

/** The head as text, for sniffing. */
export function headText(head: Uint8Array): string {
  return Buffer.from(head.subarray(0, 16384))
    .toString('latin1')
    .replace(/^\xef\xbb\xbf/, '');
}
