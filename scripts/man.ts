/** The man page, from the same tables as help and completion. */
import type { CommandSpec, OptionSpec } from '../packages/cli/src/command.ts';
import { GLOBAL_OPTIONS } from '../packages/cli/src/command.ts';
import { COMMANDS } from '../packages/cli/src/commands.ts';
import { TOPICS } from '../packages/cli/src/topics.ts';
import { version } from '../packages/cli/src/version.ts';

/** workset.1 in man(7) macros. */
export async function manPage(): Promise<string> {
  const commands = await Promise.all(COMMANDS.map(async ({ usage, load }) => commandPart(await load(), usage)));
  return [
    '.\\" Generated from the command tables by scripts/docs.ts; do not edit.',
    `.TH WORKSET 1 "" "workset ${version()}" "User Commands"`,
    '.SH NAME',
    escape('workset - replay captured VM memory traces under every Linux access-tracking scheme and score them in SQL'),
    '.SH SYNOPSIS',
    '.B workset',
    '.I command',
    escape('[options] …'),
    '.br',
    '.B workset',
    '.I file',
    '.SH COMMANDS',
    ...commands,
    '.SH OPTIONS OF EVERY COMMAND',
    ...GLOBAL_OPTIONS.map(optionPart),
    ...TOPICS.flatMap(({ title, text }) => [`.SH ${escape(title.toUpperCase())}`, '.nf', escape(text), '.fi']),
    '.SH ENVIRONMENT',
    '.TP',
    '.B NO_COLOR',
    'no colours, unless \\-\\-color is given',
    '',
  ].join('\n');
}

function commandPart({ name, summary, about = [], options, examples }: CommandSpec, usage: string): string {
  const parts = [`.SS workset ${escape(`${name} ${usage}`)}`, escape(`${summary[0]!.toUpperCase()}${summary.slice(1)}.`)];
  if (about.length > 0) parts.push('.PP', escape(about.join(' ')));
  parts.push(...options.map(optionPart));
  if (examples.length > 0) parts.push('.PP', 'Examples:', '.RS', '.nf', escape(examples.join('\n')), '.fi', '.RE');
  return parts.join('\n');
}

function optionPart({ name, alias, value, help, choices, many }: OptionSpec): string {
  const flags = [...(alias === undefined ? [] : [`-${alias}`]), `--${name}`].map((flag) => `\\fB${escape(flag)}\\fR`).join(', ');
  const text = `${help}${choices === undefined ? '' : ` (${choices.join(', ')})`}${many === true ? '; may be repeated' : ''}`;
  return `.TP\n${flags}${value === undefined ? '' : ` \\fI${escape(value)}\\fR`}\n${escape(text)}`;
}

/** Backslashes and hyphens as troff wants them; no line may begin with a control character. */
function escape(text: string): string {
  return text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .split('\n')
    .map((line) => (/^[.']/.test(line) ? `\\&${line}` : line))
    .join('\n');
}
