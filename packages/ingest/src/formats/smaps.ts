/** /proc/PID/smaps and smaps_rollup: sizes per mapping, no pages. */
import type { IngestBatch, IngestContext, Ingestor } from '@workset/model';
import { sizeRow } from '../dump.ts';
import { requireSome } from '../text/line-reader.ts';
import { headText, readStringLines } from '../text/string-lines.ts';
import type { StringLineReader } from '../text/string-lines.ts';

/** 7a0000000000-7a0000040000 rw-p 00000000 00:00 0   [heap] */
const MAPPING = /^([0-9a-f]+-[0-9a-f]+) [rwxsp-]{4} [0-9a-f]+ [0-9a-f]+:[0-9a-f]+ \d+\s*(.*)$/;
/** Referenced:   40 kB */
const FIELD = /^([A-Z]\w*):\s+(\d+) kB$/;
/** THPeligible, VmFlags, ProtectionKey carry no size */
const OTHER = /^[A-Z]\w*:/;

export const smapsIngestor: Ingestor<'smaps'> = {
  descriptor: {
    id: 'smaps',
    title: 'smaps sizes (Rss, Referenced, … per mapping)',
    source: 'Documentation/filesystems/proc.rst',
    produces: 'reports',
    space: 'gva',
    clock: 'none',
    truth: 'observed',
    usualNames: ['smaps', 'smaps_rollup'],
  },
  sniff(head) {
    const text = headText(head);
    return MAPPING.test(text.split(/\r?\n/, 1)[0]!) && /^(Rss|Size):\s+\d+ kB/m.test(text) ? 1 : 0;
  },
  ingest: (source, ctx) => readStringLines(source, ctx, new SmapsReader(ctx, source.path)),
};

class SmapsReader implements StringLineReader {
  readonly out: IngestBatch[] = [];
  readonly #ctx: IngestContext;
  readonly #path: string;
  #subject = '';
  #values: Record<string, number> = {};
  #mappings = 0;

  constructor(ctx: IngestContext, path: string) {
    this.#ctx = ctx;
    this.#path = path;
  }

  line(text: string, line: number): void {
    const mapping = MAPPING.exec(text);
    if (mapping !== null) {
      this.#give();
      this.#subject = mapping[2] === '' ? mapping[1]! : `${mapping[1]} ${mapping[2]}`;
      return;
    }
    const field = FIELD.exec(text);
    if (field !== null && this.#subject !== '') this.#values[field[1]!] = Number(field[2]) * 1024;
    else if (text !== '' && !OTHER.test(text))
      this.#ctx.reject('damaged-line', 'a line that is neither a mapping nor a size', { line, severity: 'warning' });
  }

  finish(): void {
    this.#give();
    requireSome(this.#mappings, 'mapping with sizes', this.#path);
  }

  #give(): void {
    if (this.#subject === '') return;
    this.#mappings++;
    this.#ctx.accept(1);
    this.out.push(sizeRow(this.#subject, this.#values));
    this.#values = {};
  }
}
