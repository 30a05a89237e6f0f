/** Runs a reader; what it says about missing options names the file. */
import { UsageError, type ByteSource, type IngestBatch, type IngestContext, type Ingestor } from '@workset/model';

/** @throws as the reader does; the message of a UsageError begins with the path */
export async function* readBatches(ingestor: Ingestor, source: ByteSource, context: IngestContext): AsyncGenerator<IngestBatch> {
  try {
    yield* ingestor.ingest(source, context);
  } catch (error) {
    if (!(error instanceof UsageError) || error.message.startsWith(source.path)) throw error;
    throw new UsageError(`${source.path}: ${error.message}`, error.hint === undefined ? undefined : asSetOption(error.hint));
  }
}

/** `give the rate: accesses-per-second=1e9` → `give the rate: --set accesses-per-second=1e9` */
function asSetOption(hint: string): string {
  return hint.replace(/(^|[\s(:])([a-z]+(?:-[a-z]+)*=)/g, '$1--set $2');
}
