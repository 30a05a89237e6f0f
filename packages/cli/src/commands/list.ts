/** `workset list [kind] [NAME]`: what there is, with parameters, defaults, units and blind spots. */
import { UsageError } from '@workset/model';

import type { CommandContext, CommandSpec } from '../command.ts';
import { findItem, isListKind, listItems, LIST_KINDS, paramRows } from '../listing.ts';
import type { ListItem, ListKind } from '../listing.ts';
import { sanitise } from '../sanitise.ts';

export const list: CommandSpec = {
  name: 'list',
  summary: 'what there is, with parameters, defaults and blind spots',
  about: [`kinds: ${LIST_KINDS.join(', ')}. With a NAME everything about that one is printed.`],
  positionals: { usage: '[kind] [NAME]', min: 0, max: 2 },
  options: [],
  examples: ['workset list', 'workset list schemes', 'workset list damon-paddr', 'workset list schemes --json'],
  async run(args, ctx) {
    const [first, second] = args.positionals;
    if (second !== undefined && !isListKind(first!)) {
      throw new UsageError(`${JSON.stringify(first)} is not a kind of thing to list`, `kinds: ${LIST_KINDS.join(', ')}`);
    }
    if (first === undefined) return printKinds(LIST_KINDS, ctx);
    if (!isListKind(first)) return printItem((await findItem(first)).item, ctx);
    if (second !== undefined) return printItem((await findItem(second, [first])).item, ctx);
    return printKinds([first], ctx);
  },
};

async function printKinds(kinds: readonly ListKind[], ctx: CommandContext): Promise<void> {
  const found = await Promise.all(kinds.map(async (kind) => [kind, await listItems(kind)] as const));
  if (ctx.json) return ctx.out.json(kinds.length === 1 ? found[0]![1] : Object.fromEntries(found));
  for (const [kind, items] of found) {
    if (kinds.length > 1) ctx.out.line(ctx.out.paint('bold', kind));
    const indent = kinds.length > 1 ? '  ' : '';
    ctx.out.table(
      ['', ''],
      items.map(({ id, title }) => [indent + id, title]),
    );
    if (kinds.length > 1) ctx.out.line();
  }
  ctx.out.note('everything about one: workset list NAME');
}

function printItem(item: ListItem, ctx: CommandContext): void {
  const { out } = ctx;
  if (ctx.json) return out.json(item);
  out.line(`${out.paint('bold', item.id)}: ${sanitise(item.title)}`);
  const facts = Object.entries(item.facts).filter(([, value]) => value !== undefined && value !== '');
  out.fields([...facts.map(([name, value]) => [name, factText(value)] as const), ['source', item.source]]);
  if (Object.keys(item.params).length > 0) {
    out.line('\nparameters (--scheme NAME:key=value):'.replace('--scheme NAME', `${item.id}`));
    out.table(
      ['  name', 'default', 'unit', 'meaning', 'default from'],
      paramRows(item.params).map(([name, ...rest]) => [`  ${name}`, ...rest]),
    );
  }
  if (item.blindSpots.length > 0) {
    out.line('\nblind spots:');
    for (const text of item.blindSpots) out.line(`  - ${sanitise(text)}`);
  }
}

function factText(value: unknown): string {
  if (Array.isArray(value)) return value.map(entryText).join(value.some((each) => typeof each === 'object') ? '\n' : ', ');
  if (typeof value !== 'object' || value === null) return String(value);
  return Object.entries(value)
    .map(
      ([name, each]) =>
        `${name} ${typeof each === 'object' ? priceText(each as Record<string, unknown>) : each === true ? 'yes' : each === false ? 'no' : String(each)}`,
    )
    .join(Object.values(value).some((each) => typeof each === 'object') ? '\n' : ', ');
}

/** A column of a metric or view as `name [unit]: comment`; anything else as it is. */
function entryText(value: unknown): string {
  if (typeof value !== 'object' || value === null) return String(value);
  const { name, unit, comment } = value as Readonly<Record<string, unknown>>;
  return typeof name === 'string' ? `${name}${unit ? ` [${String(unit)}]` : ''}: ${String(comment)}` : JSON.stringify(value);
}

function priceText(value: Readonly<Record<string, unknown>>): string {
  return Object.entries(value)
    .map(([name, each]) => (name === 'source' ? `(${String(each)})` : `${name} ${String(each)}`))
    .join(' ');
}
