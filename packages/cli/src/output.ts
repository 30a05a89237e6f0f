/** Where a command writes: results to stdout, everything else to stderr, nothing unsafe to either. */
import { safeJson, sanitise, sanitiseCell } from './sanitise.ts';

export interface Streams {
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
}

export interface OutputOptions {
  readonly quiet: boolean;
  /** true and false override NO_COLOR and the terminal test. */
  readonly color: boolean | undefined;
}

const STYLES = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, cyan: 36 } as const;
export type Style = keyof typeof STYLES;
export type Align = 'left' | 'right';

export class Output {
  readonly streams: Streams;
  readonly quiet: boolean;
  readonly #color: boolean;

  constructor(streams: Streams, options: OutputOptions) {
    this.streams = streams;
    this.quiet = options.quiet;
    const { NO_COLOR, TERM } = process.env;
    this.#color = options.color ?? (streams.stdout.isTTY === true && (NO_COLOR ?? '') === '' && TERM !== 'dumb');
  }

  get width(): number {
    return this.streams.stdout.columns || 120;
  }

  paint(style: Style, text: string): string {
    return this.#color ? `\u001b[${STYLES[style]}m${text}\u001b[0m` : text;
  }

  /** One line (or several) of result text; styles must be applied by `paint` after the text was sanitised. */
  line(text = ''): void {
    this.streams.stdout.write(`${text}\n`);
  }

  /** Bytes of a result exactly as they are, when stdout is a file or a pipe; made harmless on a terminal. */
  raw(text: string): void {
    this.streams.stdout.write(this.streams.stdout.isTTY === true ? sanitise(text) : text);
  }

  json(value: unknown): void {
    this.streams.stdout.write(`${safeJson(value, 2)}\n`);
  }

  /** A remark on stderr; dropped with --quiet. */
  note(text: string): void {
    if (!this.quiet) this.streams.stderr.write(`${sanitise(text)}\n`);
  }

  /**
   * Aligned columns under bold headers; the cells are sanitised here. A row of one cell is a heading across all columns. On a terminal
   * that is too narrow a last column of text continues below itself.
   */
  table(headers: readonly string[], rows: readonly (readonly string[])[], align: readonly Align[] = []): void {
    const cells = rows.map((row) => row.map(sanitiseCell));
    const widths = columnWidths(headers, cells);
    const start = widths.slice(0, -1).reduce((sum, width) => sum + width + GAP.length, 0);
    const room = this.streams.stdout.isTTY === true && align[headers.length - 1] !== 'right' ? Math.max(24, this.width - start) : Infinity;
    const render = (row: readonly string[]): string => {
      const aligned = row.map((cell, i) => pad(cell, widths[i] ?? 0, align[i] ?? 'left', i === row.length - 1));
      const last = wrap(aligned.at(-1) ?? '', room).join(`\n${' '.repeat(start)}`);
      return [...aligned.slice(0, -1), last].join(GAP).trimEnd();
    };
    if (headers.some((header) => header !== '')) this.line(this.paint('bold', render(headers)));
    for (const row of cells) this.line(row.length === 1 && headers.length > 1 ? this.paint('cyan', row[0]!) : render(row));
  }

  /** True when such a table does not fit the terminal; never on a pipe or file. */
  narrowerThan(headers: readonly string[], rows: readonly (readonly string[])[]): boolean {
    if (this.streams.stdout.isTTY !== true) return false;
    const widths = columnWidths(headers, rows);
    return widths.reduce((sum, width) => sum + width, GAP.length * (widths.length - 1)) > this.width;
  }

  /** `name  value` lines, names dimmed. */
  fields(pairs: readonly (readonly [string, string])[]): void {
    const width = Math.max(0, ...pairs.map(([name]) => name.length));
    const indent = `\n${' '.repeat(width + 4)}`;
    for (const [name, value] of pairs) {
      this.line(`  ${this.paint('dim', name.padEnd(width))}  ${sanitise(value).replaceAll('\n', indent)}`);
    }
  }
}

const GAP = '  ';

function columnWidths(headers: readonly string[], rows: readonly (readonly string[])[]): number[] {
  return headers.map((header, i) =>
    Math.max(displayWidth(header), ...rows.filter((row) => row.length > 1).map((row) => displayWidth(row[i] ?? ''))),
  );
}

/** Breaks at spaces into lines of at most `width` columns; a longer word stays whole. */
export function wrap(text: string, width: number): string[] {
  if (displayWidth(text) <= width) return [text];
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && displayWidth(line) + 1 + displayWidth(word) > width) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line];
}

function pad(cell: string, width: number, align: Align, last: boolean): string {
  const gap = ' '.repeat(Math.max(0, width - displayWidth(cell)));
  if (align === 'right') return gap + cell;
  return last ? cell : cell + gap;
}

/** Columns a text takes on a terminal; wide East Asian characters count double. */
function displayWidth(text: string): number {
  let width = 0;
  for (const char of text)
    width += /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]/.test(char) ? 2 : 1;
  return width;
}
