/** Words → checked values, by yargs; everything unknown, missing or doubled is a UsageError naming the nearest known thing. */
import { UsageError, nearest } from '@workset/model';

import { GLOBAL_OPTIONS } from './command.ts';
import type { Args, CommandSpec, OptionSpec } from './command.ts';

export async function parseArgs(command: CommandSpec, words: readonly string[]): Promise<Args> {
  const { default: yargs } = await import('yargs');
  const options = [...command.options, ...GLOBAL_OPTIONS];
  const parsed = yargs(words)
    .help(false)
    .version(false)
    .exitProcess(false)
    .parserConfiguration({
      'parse-numbers': false,
      'parse-positional-numbers': false,
      'dot-notation': false,
      'camel-case-expansion': false,
      'strip-aliased': true,
      'populate--': true,
      'greedy-arrays': false,
    })
    .options(Object.fromEntries(options.map((option) => [plainName(option), yargsOption(option)])))
    .fail((message, error) => {
      throw new UsageError(friendly(message ?? error?.message ?? 'bad command line'), helpHint(command));
    })
    .parse();
  const { _, $0: _program, '--': rest = [], ...values } = parsed;
  checkUnknown(command, options, words, Object.keys(values));
  const positionals = [..._, ...rest].map(String);
  checkPositionals(command, positionals);
  for (const option of options) checkValue(command, option, values[plainName(option)]);
  return {
    positionals,
    text: (name) => values[name] as string | undefined,
    list: (name) => (values[name] as string[] | undefined) ?? [],
    flag: (name) => values[name] === true,
    off: (name) => values[name] === false,
  };
}

/** `--no-progress` is declared to yargs as `progress`, which it knows to negate. */
function plainName(option: OptionSpec): string {
  return option.name.replace(/^no-/, '');
}

function yargsOption(option: OptionSpec): { type: 'string' | 'boolean'; alias?: string; array?: boolean; requiresArg?: boolean } {
  return {
    type: option.value === undefined ? 'boolean' : 'string',
    ...(option.alias === undefined ? {} : { alias: option.alias }),
    ...(option.many === true ? { array: true } : {}),
    ...(option.value === undefined ? {} : { requiresArg: true }),
  };
}

function checkUnknown(command: CommandSpec, options: readonly OptionSpec[], words: readonly string[], given: readonly string[]): void {
  const known = new Set(options.map(plainName));
  const name = given.find((key) => !known.has(key));
  if (name === undefined) return;
  const word = words.find((each) => each === `--${name}` || each.startsWith(`--${name}=`) || each === `--no-${name}`);
  const near = nearest(
    name,
    options.map((option) => option.name),
  );
  const suggestion = near.length > 0 ? `did you mean --${near.join(' or --')}? ` : '';
  const shown = word?.replace(/=.*/s, '') ?? (name.length === 1 ? `-${name}` : `--${name}`);
  throw new UsageError(`${command.name} has no option ${shown}`, suggestion + helpHint(command));
}

function checkPositionals(command: CommandSpec, given: readonly string[]): void {
  const { min, max, usage } = command.positionals;
  if (given.length < min) throw new UsageError(`${command.name} needs ${usage}`, helpHint(command));
  if (given.length > max) {
    throw new UsageError(
      `${command.name} takes ${max === 0 ? 'no arguments' : usage}, so ${JSON.stringify(given[max])} is too many`,
      helpHint(command),
    );
  }
}

function checkValue(command: CommandSpec, option: OptionSpec, value: unknown): void {
  if (value === undefined || option.value === undefined) {
    if (Array.isArray(value)) throw new UsageError(`--${option.name} is given twice`, helpHint(command));
    return;
  }
  const values = Array.isArray(value) ? (value as string[]) : [value as string];
  if (values.length > 1 && option.many !== true) throw new UsageError(`--${option.name} is given twice`, helpHint(command));
  for (const each of values) {
    if (each === '') throw new UsageError(`--${option.name} needs a value: ${option.value}`, helpHint(command));
    if (option.choices !== undefined && !option.choices.includes(each)) {
      const near = nearest(each, option.choices);
      throw new UsageError(
        `--${option.name} ${JSON.stringify(each)} is not known`,
        (near.length > 0 ? `did you mean ${near.join(' or ')}? ` : '') + `known: ${option.choices.join(', ')}`,
      );
    }
  }
}

/** yargs says "Not enough arguments following: out". */
function friendly(message: string): string {
  const match = /Not enough arguments following: (.+)/.exec(message);
  return match === null ? message : `${match[1]!.length === 1 ? '-' : '--'}${match[1]} needs a value`;
}

function helpHint(command: CommandSpec): string {
  return `see: workset help ${command.name}`;
}
