/** Runs a reader; what it says about missing options names the file. */
import { UsageError, type ByteSource, type CodedQuanta, type IngestBatch, type IngestContext, type Ingestor } from '@workset/model';
import { eachQuantum } from './coded-touches.ts';

/** Touches as pages and classes only. */
export type PlainBatch = Exclude<IngestBatch, CodedQuanta>;

/** @throws as the reader does; the message of a UsageError begins with the path */
export async function* readBatches(ingestor: Ingestor, source: ByteSource, context: IngestContext): AsyncGenerator<IngestBatch> {
  try {
    yield* ingestor.ingest(source, context);
  } catch (error) {
    if (!(error instanceof UsageError) || error.message.startsWith(source.path)) throw error;
    throw new UsageError(`${source.path}: ${error.message}`, error.hint === undefined ? undefined : asSetOption(error.hint));
  }
}

/** The same, with one batch per quantum. */
export async function* readPlainBatches(ingestor: Ingestor, source: ByteSource, context: IngestContext): AsyncGenerator<PlainBatch> {
  for await (const batch of readBatches(ingestor, source, context)) {
    if (batch.kind === 'quanta') yield* eachQuantum(batch);
    else yield batch;
  }
}

/** `give the rate: accesses-per-second=1e9` → `give the rate: --set accesses-per-second=1e9` */
function asSetOption(hint: string): string {
  // Not within the quotes of a value that has keys of its own.
  return hint.replace(/"[^"]*"|(^|[\s(:])([a-z]+(?:-[a-z]+)*=)/g, (text, before: string | undefined, key: string | undefined) =>
    key === undefined ? text : `${before}--set ${key}`,
  );
}
