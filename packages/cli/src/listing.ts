/** Everything that can be listed, in one shape: `workset list`, completion and suggestions read it. */
import { formatParam, nearest, UsageError } from '@workset/model';
import type { Descriptor, ParamSpec } from '@workset/model';

export interface ListItem {
  readonly id: string;
  readonly title: string;
  readonly source: string;
  /** Further facts, in print order. */
  readonly facts: Readonly<Record<string, unknown>>;
  readonly params: ParamSpec;
  readonly blindSpots: readonly string[];
}

export const LIST_KINDS = ['ingestors', 'schemes', 'primitives', 'metrics', 'views', 'charts', 'profiles', 'patterns'] as const;
export type ListKind = (typeof LIST_KINDS)[number];

export function isListKind(text: string): text is ListKind {
  return (LIST_KINDS as readonly string[]).includes(text);
}

export async function listItems(kind: ListKind): Promise<readonly ListItem[]> {
  switch (kind) {
    case 'ingestors':
      return (await import('@workset/ingest')).ingestors.all.map((item) => itemOf(item.descriptor));
    case 'patterns':
      return (await import('@workset/ingest')).patterns.all.map((item) => itemOf(item.descriptor));
    case 'schemes':
      return (await import('@workset/replay')).schemes.all.map((item) => itemOf(item.descriptor, item.config));
    case 'primitives': {
      const { EVICT_CONFIG, primitives } = await import('@workset/replay');
      return primitives.all.map((item) => itemOf(item.descriptor, { ...item.config, ...EVICT_CONFIG }));
    }
    case 'profiles':
      return (await import('@workset/replay')).costProfiles.all.map((item) => itemOf(item.descriptor, {}, { prices: item.prices }));
    case 'metrics':
      return (await import('@workset/analyze')).METRICS.all.map((item) => itemOf(item.descriptor, item.params));
    case 'views':
      return (await import('@workset/analyze')).VIEWS.all.map(({ descriptor: { sql: _sql, ...rest } }) => itemOf(rest));
    case 'charts':
      return (await import('@workset/charts')).CHARTS.all.map((item) => itemOf(item.descriptor));
  }
}

/** The item called `id`, of one kind or of any. Throws UsageError naming the nearest. */
export async function findItem(id: string, kinds: readonly ListKind[] = LIST_KINDS): Promise<{ kind: ListKind; item: ListItem }> {
  const known: string[] = [];
  for (const kind of kinds) {
    for (const item of await listItems(kind)) {
      if (item.id === id) return { kind, item };
      known.push(item.id);
    }
  }
  const near = nearest(id, [...known, ...LIST_KINDS]);
  throw new UsageError(
    `nothing called ${JSON.stringify(id)} in ${kinds.join(', ')}`,
    (near.length > 0 ? `did you mean ${near.join(' or ')}? ` : '') + `see: workset list${kinds.length === 1 ? ` ${kinds[0]}` : ''}`,
  );
}

function itemOf(descriptor: Descriptor, params: ParamSpec = {}, more: Readonly<Record<string, unknown>> = {}): ListItem {
  const { id, title, source, ...rest } = descriptor;
  const { blindSpots = [], ...facts } = rest as { blindSpots?: readonly string[] };
  return { id, title, source, facts: { ...facts, ...more }, params, blindSpots };
}

/** Rows name, default, unit, meaning, source of a parameter table. */
export function paramRows(params: ParamSpec): string[][] {
  return Object.entries(params).map(([name, param]) => {
    const unit = 'unit' in param ? (param.kind === 'duration' ? 'time' : param.kind === 'size' ? 'size' : param.unit) : param.kind;
    const help = param.kind === 'choice' ? `${param.help} (${param.choices.join(', ')})` : param.help;
    return [name, formatParam(param, param.default) || '-', unit, help, param.source];
  });
}
