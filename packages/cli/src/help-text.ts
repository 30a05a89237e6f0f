/** Help, generated from the command tables: no parser is loaded to print it. */
import { COMMANDS } from './commands.ts';
import { GLOBAL_OPTIONS } from './command.ts';
import type { CommandSpec, OptionSpec } from './command.ts';
import { wrap } from './output.ts';
import { TOPICS } from './topics.ts';
import { version } from './version.ts';

export function mainHelp(): string {
  const width = Math.max(...COMMANDS.map(({ name, usage }) => name.length + usage.length)) + 1;
  const commands = COMMANDS.map(({ name, usage, summary }) => hang(`  ${`${name} ${usage}`.padEnd(width)}  `, summary));
  return lines(
    `workset ${version()}: replays captured VM memory traces under every Linux access-tracking scheme and scores them in SQL`,
    '',
    'usage: workset <command> …      workset FILE = workset info FILE',
    '',
    ...commands,
    '',
    'on every command:',
    ...optionLines(GLOBAL_OPTIONS),
    '',
    `topics (workset help TOPIC): ${TOPICS.map(({ id }) => id).join(', ')}`,
    'first steps: workset synth zipf -o t.trace && workset replay t.trace -o results && workset score results',
  );
}

export function commandHelp(command: CommandSpec): string {
  const entry = COMMANDS.find(({ name }) => name === command.name);
  return lines(
    `workset ${command.name}: ${command.summary}`,
    '',
    `usage: workset ${command.name} ${entry?.usage ?? command.positionals.usage}`,
    ...(command.about === undefined ? [] : ['', ...paragraph(command.about)]),
    ...(command.options.length === 0 ? [] : ['', 'options:', ...optionLines(command.options)]),
    '',
    'on every command:',
    ...optionLines(GLOBAL_OPTIONS),
    ...(command.examples.length === 0 ? [] : ['', 'examples:', ...command.examples.map((example) => `  ${example}`)]),
  );
}

function optionLines(options: readonly OptionSpec[]): string[] {
  const heads = options.map(
    ({ name, alias, value }) => `${alias === undefined ? '    ' : `-${alias}, `}--${name}${value === undefined ? '' : ` ${value}`}`,
  );
  const width = Math.max(...heads.map((head) => head.length));
  return options.map((option, i) => {
    const choices = option.choices === undefined ? '' : ` (${option.choices.join(', ')})`;
    const many = option.many === true ? ' (may be repeated)' : '';
    return hang(`  ${heads[i]!.padEnd(width)}  `, `${option.help}${choices}${many}`);
  });
}

/** Text beside its head; on a terminal it continues below itself. */
function hang(head: string, text: string): string {
  const columns = terminalColumns();
  return head + wrap(text, Math.max(24, columns - head.length)).join(`\n${' '.repeat(head.length)}`);
}

/** As written on a pipe; refilled on a terminal that is narrower. */
function paragraph(about: readonly string[]): readonly string[] {
  const columns = terminalColumns();
  return about.every((line) => line.length <= columns) ? about : wrap(about.join(' '), columns);
}

function terminalColumns(): number {
  return process.stdout.isTTY === true ? process.stdout.columns || 80 : Infinity;
}

function lines(...parts: readonly string[]): string {
  return `${parts.join('\n')}\n`;
}
