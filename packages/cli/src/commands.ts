/** Every command: its name, one line, and where the rest of it is loaded from when it is called. */
import type { CommandSpec } from './command.ts';

export interface CommandEntry {
  readonly name: string;
  readonly usage: string;
  readonly summary: string;
  load(): Promise<CommandSpec>;
}

export const COMMANDS: readonly CommandEntry[] = [
  {
    name: 'info',
    usage: '<capture|trace|results>...',
    summary: 'what it is and what it can be used for',
    load: async () => (await import('./commands/info.ts')).info,
  },
  {
    name: 'ingest',
    usage: '<capture>... -o vm.trace',
    summary: 'normalise one capture set into a trace',
    load: async () => (await import('./commands/ingest.ts')).ingest,
  },
  {
    name: 'convert',
    usage: '<trace|capture> -o out.parquet',
    summary: 'for other programs: Parquet, Arrow, CSV, oracleGeneral, damo JSON; or a part',
    load: async () => (await import('./commands/convert.ts')).convert,
  },
  {
    name: 'synth',
    usage: '<pattern> -o t.trace',
    summary: 'make a trace whose truth is exact by construction',
    load: async () => (await import('./commands/synth.ts')).synth,
  },
  {
    name: 'list',
    usage: '[kind] [NAME]',
    summary: 'what there is, with parameters, defaults and blind spots',
    load: async () => (await import('./commands/list.ts')).list,
  },
  {
    name: 'replay',
    usage: '<trace> -o DIR',
    summary: 'run tracking schemes over a trace',
    load: async () => (await import('./commands/replay.ts')).replay,
  },
  {
    name: 'score',
    usage: 'DIR',
    summary: 'how well each scheme found the working set, and at what cost',
    load: async () => (await import('./commands/score.ts')).score,
  },
  {
    name: 'curve',
    usage: '<trace>',
    summary: 'miss ratio by memory size (LRU), working set by window length',
    load: async () => (await import('./commands/curve.ts')).curve,
  },
  {
    name: 'eviction-window',
    usage: '<trace>',
    summary: 'refaults of reads that uffd-wp does not see during an eviction',
    load: async () => (await import('./commands/eviction-window.ts')).evictionWindow,
  },
  {
    name: 'races',
    usage: '[PRIMITIVE]',
    summary: 'which eviction primitives lose writes: every interleaving with concurrent accesses',
    load: async () => (await import('./commands/races.ts')).races,
  },
  {
    name: 'compare',
    usage: 'A B',
    summary: 'difference between two results; exit 4 on a regression',
    load: async () => (await import('./commands/compare.ts')).compare,
  },
  {
    name: 'sql',
    usage: 'DIR [-c SQL | -f FILE | -]',
    summary: 'query results; a shell on a terminal',
    load: async () => (await import('./commands/sql.ts')).sql,
  },
  {
    name: 'chart',
    usage: 'DIR NAME -o x.svg',
    summary: 'draw one chart: svg, png, html or vl.json',
    load: async () => (await import('./commands/chart.ts')).chart,
  },
  {
    name: 'report',
    usage: 'DIR -o report.html',
    summary: 'everything in one offline HTML file',
    load: async () => (await import('./commands/report.ts')).report,
  },
  {
    name: 'export',
    usage: 'DIR -o results.duckdb',
    summary: 'one file that any DuckDB client opens',
    load: async () => (await import('./commands/export.ts')).exportResults,
  },
  {
    name: 'completion',
    usage: 'bash|zsh|fish',
    summary: 'shell completion script',
    load: async () => (await import('./commands/completion.ts')).completion,
  },
  {
    name: 'help',
    usage: '[command|topic]',
    summary: 'help on a command or a topic',
    load: async () => (await import('./commands/help.ts')).help,
  },
];

export const COMMAND_NAMES = COMMANDS.map(({ name }) => name);
