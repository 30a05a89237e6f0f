/** libCacheSim oracleGeneral: written forwards without the next accesses, which a second pass from the end fills in. */
import { PAGE_BYTES, UsageError } from '@workset/model';
import { FileSink } from './sink.ts';
import type { AccessRows, RowWriter } from './model.ts';

const RECORD = 24;
const BLOCK_RECORDS = 1 << 15;
const U32_MAX = 2 ** 32 - 1;

export class OracleGeneralWriter implements RowWriter {
  rows = 0;
  readonly lost: string[] = [
    'times are whole seconds from the first access',
    'reads and writes are not told apart',
    'request numbers of next accesses count from 0',
  ];
  readonly #sink: FileSink;
  #firstNs: number | undefined;
  readonly #block = Buffer.alloc(BLOCK_RECORDS * RECORD);
  #n = 0;

  constructor(path: string) {
    this.#sink = new FileSink(path);
  }

  accesses({ n, timeNs, t0Ns, page }: AccessRows): void {
    for (let i = 0; i < n; i++) {
      const ns = timeNs === null ? t0Ns : timeNs[i]!;
      this.#firstNs ??= ns;
      const seconds = Math.max(0, Math.floor((ns - this.#firstNs) / 1e9));
      if (seconds > U32_MAX)
        throw new UsageError('the times span more than oracleGeneral can hold (136 years)', 'choose csv, arrow or parquet');
      const at = this.#n * RECORD;
      this.#block.writeUInt32LE(seconds, at);
      this.#block.writeUInt32LE(page[i]! % 2 ** 32, at + 4);
      this.#block.writeUInt32LE(Math.floor(page[i]! / 2 ** 32), at + 8);
      this.#block.writeUInt32LE(PAGE_BYTES, at + 12);
      if (++this.#n === BLOCK_RECORDS) this.#flush();
    }
    this.rows += n;
  }

  report(): void {}

  async close(): Promise<void> {
    this.#flush();
    this.#linkBackwards();
    this.#sink.close();
  }

  abort(): void {
    this.#sink.remove();
  }

  #flush(): void {
    if (this.#n > 0) this.#sink.write(this.#block.subarray(0, this.#n * RECORD));
    this.#n = 0;
  }

  /** next_access_vtime = number of the next request for the same page, -1 = never. */
  #linkBackwards(): void {
    const next = new Map<number, number>();
    const block = this.#block;
    for (let end = this.rows; end > 0;) {
      const from = Math.max(0, end - BLOCK_RECORDS);
      const bytes = (end - from) * RECORD;
      this.#sink.read(block, bytes, from * RECORD);
      for (let i = end - 1; i >= from; i--) {
        const at = (i - from) * RECORD;
        const page = block.readUInt32LE(at + 8) * 2 ** 32 + block.readUInt32LE(at + 4);
        const follower = next.get(page);
        block.writeInt32LE(follower === undefined ? -1 : Math.floor(follower / 2 ** 32), at + 20);
        block.writeUInt32LE(follower === undefined ? U32_MAX : follower % 2 ** 32, at + 16);
        next.set(page, i);
      }
      this.#sink.write(block.subarray(0, bytes), from * RECORD);
      end = from;
    }
  }
}
