/**
 * Writes docs/reference.md and docs/workset.1 from the command tables, docs/{sql,schemes,formats,charts}.md from the registries.
 * usage: node scripts/run.mjs scripts/docs.ts [--check]     --check: exit code 1 when one is out of date
 */
import { readFileSync, writeFileSync } from 'node:fs';

import { COMMANDS } from '../packages/cli/src/commands.ts';
import type { CommandSpec, OptionSpec } from '../packages/cli/src/command.ts';
import { GLOBAL_OPTIONS } from '../packages/cli/src/command.ts';
import { LIST_KINDS, listItems, paramRows } from '../packages/cli/src/listing.ts';
import type { ListItem, ListKind } from '../packages/cli/src/listing.ts';
import { TOPICS } from '../packages/cli/src/topics.ts';
import { generatedPages } from './docs/pages.ts';
import { manPage } from './man.ts';

const DOCS = new URL('../docs/', import.meta.url);
const TITLES: Readonly<Record<ListKind, string>> = {
  ingestors: 'Capture formats',
  patterns: 'Synthetic patterns',
  schemes: 'Tracking schemes',
  primitives: 'Eviction primitives',
  metrics: 'Metrics',
  views: 'SQL views',
  charts: 'Charts',
  profiles: 'Cost profiles',
};

const check = process.argv.includes('--check');
const pages = { 'reference.md': await reference(), 'workset.1': await manPage(), ...generatedPages() };
for (const [name, text] of Object.entries(pages)) {
  const file = new URL(name, DOCS);
  if (!check) writeFileSync(file, text);
  else if (current(file) !== text) {
    console.error(`docs/${name} is out of date; write it again: npm run docs`);
    process.exitCode = 1;
  }
}

function current(file: URL): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

async function reference(): Promise<string> {
  const commands = await Promise.all(COMMANDS.map(async (entry) => commandSection(await entry.load(), entry.usage)));
  const kinds = await Promise.all(LIST_KINDS.map(async (kind) => kindSection(kind, await listItems(kind))));
  const topics = TOPICS.map(({ title, text: body }) => `### ${title}\n\n\`\`\`\n${body}\n\`\`\`\n`);
  return [
    '# Reference\n\nGenerated from the command tables and registries by `node scripts/run.mjs scripts/docs.ts`; do not edit.\n',
    `## Commands\n\nOn every command: ${GLOBAL_OPTIONS.map(({ name, help }) => `\`--${name}\` (${help})`).join(', ')}.\n`,
    ...commands,
    '## Topics\n',
    ...topics,
    ...kinds,
  ].join('\n');
}

function commandSection(command: CommandSpec, usage: string): string {
  const parts = [`### workset ${command.name}\n`, `\`workset ${command.name} ${usage}\`: ${command.summary}.\n`];
  if (command.about !== undefined) parts.push(`${command.about.join(' ')}\n`);
  if (command.options.length > 0) parts.push(`${table(['option', 'meaning'], command.options.map(optionRow))}\n`);
  if (command.examples.length > 0) parts.push(`\`\`\`\n${command.examples.join('\n')}\n\`\`\`\n`);
  return parts.join('\n');
}

function optionRow({ name, alias, value, help, choices, many }: OptionSpec): string[] {
  const head = `\`${alias === undefined ? '' : `-${alias}, `}--${name}${value === undefined ? '' : ` ${value}`}\``;
  return [head, `${help}${choices === undefined ? '' : ` (${choices.join(', ')})`}${many === true ? '; may be repeated' : ''}`];
}

function kindSection(kind: ListKind, items: readonly ListItem[]): string {
  const detailed = items.some(({ params, blindSpots }) => Object.keys(params).length > 0 || blindSpots.length > 0);
  const overview = table(
    ['id', 'what', 'source'],
    items.map(({ id, title, source }) => [`\`${id}\``, title, source]),
  );
  return [`## ${TITLES[kind]}\n\n${overview}\n`, ...(detailed ? items.map(itemSection) : [])].join('\n');
}

function itemSection({ id, title, params, blindSpots, facts }: ListItem): string {
  const mechanism = facts['mechanism'];
  const parts = [`### ${id}\n\n${title}.${typeof mechanism === 'string' ? ` ${mechanism}.` : ''}\n`];
  if (Object.keys(params).length > 0)
    parts.push(`${table(['parameter', 'default', 'unit', 'meaning', 'default from'], paramRows(params))}\n`);
  if (blindSpots.length > 0) parts.push(`Blind spots:\n\n${blindSpots.map((spot) => `- ${spot}`).join('\n')}\n`);
  return parts.join('\n');
}

function table(headers: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|').replaceAll('\n', ' ')).join(' | ')} |`;
  return [line(headers), `|${headers.map(() => '---').join('|')}|`, ...rows.map(line)].join('\n');
}
