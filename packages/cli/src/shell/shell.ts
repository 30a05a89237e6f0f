/** The interactive SQL shell: statements end with `;`, commands start with `\`. */
import { createInterface } from 'node:readline';
import type { Interface } from 'node:readline';

import type { Results } from '@workset/analyze';
import { WorksetError } from '@workset/model';

import type { Output } from '../output.ts';
import { errorText, reportOf } from '../report-error.ts';
import { printTable, readSchema } from '../schema.ts';
import type { Schema } from '../schema.ts';
import { completer } from './complete.ts';
import { readHistory, writeHistory } from './history.ts';
import { splitStatements } from './statement.ts';

export interface ShellOptions {
  readonly results: Results;
  readonly out: Output;
  readonly input: NodeJS.ReadStream;
  readonly historyFile: string;
  /** Runs one statement and prints its rows in the named format. */
  readonly execute: (sql: string, format: string) => Promise<void>;
  readonly formats: readonly string[];
}

const HELP = `  SELECT … ;       any question in SQL; it may span lines and ends with ;
  \\d               tables and views        \\d NAME   columns with units
  \\f FORMAT        output format           \\q        quit (or Ctrl-D)
  Ctrl-C           stops a running query, or clears what was typed`;

/** Resolves when the user leaves. */
export async function runShell(options: ShellOptions): Promise<void> {
  const schema = await readSchema(options.results);
  const shell = new Shell(options, schema);
  await shell.run();
}

class Shell {
  readonly #options: ShellOptions;
  readonly #schema: Schema;
  readonly #lines: Interface;
  #typed = '';
  #busy = false;
  #closed = false;
  #format = 'table';

  constructor(options: ShellOptions, schema: Schema) {
    this.#options = options;
    this.#schema = schema;
    this.#lines = createInterface({
      input: options.input,
      output: options.out.streams.stdout,
      terminal: options.out.streams.stdout.isTTY === true,
      completer: completer(schema),
      history: readHistory(options.historyFile),
      historySize: 1000,
      removeHistoryDuplicates: true,
    });
  }

  async run(): Promise<void> {
    const { out, results, historyFile } = this.#options;
    let history: readonly string[] = [];
    this.#lines.on('history', (lines: readonly string[]) => (history = lines));
    this.#lines.on('SIGINT', () => this.#interrupt());
    this.#lines.on('close', () => (this.#closed = true));
    out.line(`${results.dir}: ${this.#schema.tables.length} tables and views.  \\? for help, \\q to leave`);
    this.#prompt();
    for await (const line of this.#lines) {
      if (line.trim() === '\\q') break;
      this.#busy = true;
      await this.#line(line);
      this.#busy = false;
      this.#prompt();
    }
    this.#lines.close();
    if (history.length > 0) writeHistory(historyFile, history);
    out.line();
  }

  async #line(line: string): Promise<void> {
    if (this.#typed === '' && line.trim().startsWith('\\')) return this.#command(line.trim());
    const { complete, rest } = splitStatements(`${this.#typed}${this.#typed === '' ? '' : '\n'}${line}`);
    this.#typed = rest;
    for (const statement of complete) await this.#guard(() => this.#options.execute(statement, this.#format));
  }

  async #command(text: string): Promise<void> {
    const { out, formats } = this.#options;
    const [name, value] = text.split(/\s+/, 2);
    if (name === '\\?') out.line(HELP);
    else if (name === '\\d' && value === undefined)
      out.table(
        ['', ''],
        this.#schema.tables.map((table) => [`  ${table.name}`, table.comment]),
      );
    else if (name === '\\d') this.#describe(value!);
    else if (name === '\\f' && value !== undefined && formats.includes(value)) this.#format = value;
    else if (name === '\\f') out.line(`formats: ${formats.join(', ')}; now: ${this.#format}`);
    else out.line(`unknown command ${name}\n${HELP}`);
  }

  #describe(name: string): void {
    const table = this.#schema.tables.find((each) => each.name === name.replace(/;$/, ''));
    if (table === undefined) this.#options.out.line(`no table or view ${name}; \\d lists them`);
    else printTable(table, this.#options.out);
  }

  async #guard(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (!(error instanceof WorksetError)) throw error;
      this.#options.out.streams.stderr.write(errorText(reportOf(error).report, false));
    }
  }

  #interrupt(): void {
    if (this.#busy) return this.#options.results.interrupt();
    this.#typed = '';
    this.#options.out.line('^C');
    this.#lines.write(null, { ctrl: true, name: 'u' });
    this.#prompt();
  }

  /** Input may have ended while its last lines still wait. */
  #prompt(): void {
    if (this.#closed) return;
    this.#lines.setPrompt(this.#typed === '' ? 'workset> ' : '    ...> ');
    this.#lines.prompt();
  }
}
