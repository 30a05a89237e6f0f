/** The common loop of line formats: a reader sees one line at a time and pushes batches. */
import { UnreadableInputError } from '@workset/model';
import type { ByteSource, IngestBatch, IngestContext } from '@workset/model';
import { lineBlocks } from '../lines.ts';

export interface LineReader {
  readonly out: IngestBatch[];
  line(bytes: Buffer, from: number, to: number, line: number): void;
  /** Flushes; throws when nothing usable was seen. */
  finish(): void;
}

export async function* readLines(source: ByteSource, ctx: IngestContext, reader: LineReader): AsyncGenerator<IngestBatch> {
  for await (const lines of lineBlocks(source, ctx)) {
    while (lines.next()) reader.line(lines.bytes, lines.from, lines.to, lines.line);
    yield* take(reader.out);
  }
  reader.finish();
  yield* take(reader.out);
}

export function* take(out: IngestBatch[]): Generator<IngestBatch> {
  yield* out;
  out.length = 0;
}

/** Throws unless something was read. */
export function requireSome(n: number, what: string, path: string, hint?: string): void {
  if (n === 0) throw new UnreadableInputError(`no ${what} in this file`, { file: path }, hint);
}

/** Share of the head's first lines (blank ones apart) that match, 0 for an empty head. For sniffing only. */
export function shareOfLines(head: Uint8Array, pattern: RegExp, max = 200): number {
  const text = Buffer.from(head.buffer, head.byteOffset, Math.min(head.length, 65536))
    .toString('latin1')
    .replace(/^\u00ef\u00bb\u00bf/, '');
  const all = text.split(/\r?\n/);
  const lines = (head.length >= 65536 || all.length > 1 ? all.slice(0, -1) : all).slice(0, max).filter((line) => line !== '');
  return lines.length === 0 ? 0 : lines.filter((line) => pattern.test(line)).length / lines.length;
}
