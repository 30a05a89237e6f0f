/** /sys/kernel/debug/lru_gen: pages by generation of the multi-gen LRU. */
import type { IngestBatch, IngestContext, Ingestor } from '@workset/model';
import { PAGE_BYTES } from '@workset/model';
import { sizeRow } from '../dump.ts';
import { requireSome } from '../text/line-reader.ts';
import { headText, readStringLines } from '../text/string-lines.ts';
import type { StringLineReader } from '../text/string-lines.ts';

/** memcg     1 /system.slice */
const MEMCG = /^memcg\s+(\d+)\s+(\S.*)$/;
const NODE = /^\s+node\s+(\d+)\s*$/;
/** gen age_ms nr_anon nr_file; the counts may carry a marker letter per type in lru_gen_full */
const GENERATION = /^\s+(\d+)\s+(\d+)\s+(\d+)[a-z]?\s+(\d+)[a-z]?\s*$/;
/** lru_gen_full adds a line of statistics per tier */
const TIER = /^\s+\d+(?:\s+-?\d+[a-z]?)+\s*$/;

export const lruGenIngestor: Ingestor<'lru-gen'> = {
  descriptor: {
    id: 'lru-gen',
    title: 'multi-gen LRU generations',
    source: 'Documentation/admin-guide/mm/multigen_lru.rst',
    produces: 'reports',
    space: 'gpa',
    clock: 'none',
    truth: 'observed',
    usualNames: ['lru_gen'],
  },
  sniff(head) {
    const lines = headText(head).split(/\r?\n/);
    return MEMCG.test(lines[0]!) && lines.some((line) => NODE.test(line)) ? 1 : 0;
  },
  ingest: (source, ctx) => readStringLines(source, ctx, new LruGenReader(ctx, source.path)),
};

class LruGenReader implements StringLineReader {
  readonly out: IngestBatch[] = [];
  readonly #ctx: IngestContext;
  readonly #path: string;
  #memcg = '';
  #node = '';
  #rows = 0;

  constructor(ctx: IngestContext, path: string) {
    this.#ctx = ctx;
    this.#path = path;
  }

  line(text: string, line: number): void {
    const memcg = MEMCG.exec(text);
    const node = NODE.exec(text);
    const generation = GENERATION.exec(text);
    if (memcg !== null) {
      this.#memcg = memcg[2]!;
      this.#node = '';
    } else if (node !== null) {
      this.#node = node[1]!;
    } else if (generation !== null && this.#node !== '') {
      const [, gen, ageMs, anon, file] = generation;
      this.#rows++;
      this.#ctx.accept(1);
      this.out.push(
        sizeRow(`${this.#memcg} node ${this.#node} gen ${gen}`, {
          ageNs: Number(ageMs) * 1e6,
          anon: Number(anon) * PAGE_BYTES,
          file: Number(file) * PAGE_BYTES,
        }),
      );
    } else if (text.trim() !== '' && !TIER.test(text)) {
      this.#ctx.reject('damaged-line', 'a line that is no memcg, node or generation', { line, severity: 'warning' });
    }
  }

  finish(): void {
    requireSome(this.#rows, 'generation', this.#path);
  }
}
