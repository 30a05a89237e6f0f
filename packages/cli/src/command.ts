/** The shape of a command: a table that gives parsing, help and completion, and a function that does the work. */
import type { Output } from './output.ts';
import type { ProgressLine } from './progress.ts';

export interface OptionSpec {
  /** Long name without dashes. */
  readonly name: string;
  /** One letter. */
  readonly alias?: string;
  /** Placeholder of the value in help; a switch when absent. */
  readonly value?: string;
  /** May be given more than once. */
  readonly many?: boolean;
  readonly help: string;
  /** Refused when not one of these. */
  readonly choices?: readonly string[];
  /** Kind of registry whose ids complete the value (see listing.ts). */
  readonly completes?: string;
}

export interface Positionals {
  readonly usage: string;
  readonly min: number;
  readonly max: number;
}

export interface CommandSpec {
  readonly name: string;
  readonly summary: string;
  /** Paragraphs shown by `workset help NAME`. */
  readonly about?: readonly string[];
  readonly positionals: Positionals;
  readonly options: readonly OptionSpec[];
  readonly examples: readonly string[];
  run(args: Args, ctx: CommandContext): Promise<void>;
}

/** Values of one command line, already checked against the command's tables. */
export interface Args {
  readonly positionals: readonly string[];
  text(name: string): string | undefined;
  list(name: string): readonly string[];
  flag(name: string): boolean;
  /** True for `--no-NAME`. */
  off(name: string): boolean;
}

export interface CommandContext {
  readonly out: Output;
  /** `--json`: results as JSON on stdout. */
  readonly json: boolean;
  /** `--memory-limit`, bytes. */
  readonly memoryLimitBytes: number | undefined;
  /** Fires on SIGINT, SIGTERM and when stdout is closed by its reader. */
  readonly signal: AbortSignal;
  /** The words after `workset`, as given. */
  readonly argv: readonly string[];
  progress(label: string): ProgressLine;
}

/** Understood by every command. */
export const GLOBAL_OPTIONS: readonly OptionSpec[] = [
  { name: 'json', help: 'results as JSON on stdout, an error as one JSON object on stderr' },
  { name: 'quiet', alias: 'q', help: 'no notes and no progress on stderr' },
  { name: 'no-progress', help: 'no progress line' },
  {
    name: 'memory-limit',
    value: 'SIZE',
    help: 'stay within so much memory, e.g. 2G or 50%: replay makes more passes, SQL uses the disk, results stay the same; default 80 % of what is free',
  },
  { name: 'color', help: 'colours even when stdout is not a terminal (--no-color or NO_COLOR: never)' },
  { name: 'help', alias: 'h', help: 'this help' },
];
