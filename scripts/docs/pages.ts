/** The generated pages under docs/ beside reference.md: what each registry holds, from the registries alone. */
import { LATE_MACROS, MACROS, METRICS, VIEWS } from '@workset/analyze';
import type { MacroSpec } from '@workset/analyze';
import { CHARTS } from '@workset/charts';
import { ingestors } from '@workset/ingest';
import { formatParam, TABLES } from '@workset/model';
import type { ColumnSpec, Param, ParamSpec, TableSpec } from '@workset/model';
import { BACKINGS, primitives, schemes } from '@workset/replay';

import { GENERATED, mdTable } from './table.ts';

/** File name under docs/ and its text. */
export function generatedPages(): Readonly<Record<string, string>> {
  return { 'sql.md': sqlPage(), 'schemes.md': schemesPage(), 'formats.md': formatsPage(), 'charts.md': chartsPage() };
}

function sqlPage(): string {
  const views = VIEWS.all.map(({ descriptor: { id, title, comment, columns, source } }) => {
    const rows = columns.map((column) => [`\`${column.name}\``, column.unit, column.comment]);
    return `### ${id}\n\n${title}: ${comment}. Source: ${source}.\n\n${mdTable(['column', 'unit', 'meaning'], rows)}\n`;
  });
  const metrics = METRICS.all.map(({ descriptor: { id, title, definition, columns, source }, params }) => {
    const rows = columns.map((column) => [`\`${column.name}\``, column.type, column.unit, nullable(column)]);
    return `### ${id}\n\n${title}: ${definition}. Source: ${source}.\n\n${paramTable(params)}${mdTable(['column', 'type', 'unit', 'meaning'], rows)}\n`;
  });
  return [
    `# Tables, views and macros\n\n${GENERATED}\n`,
    'What `workset sql DIR` offers. Times are ns on the trace clock, pages are page numbers (address >> 12). NULL means unknown, never 0.\n',
    '## Tables\n',
    ...Object.values(TABLES).map(tableSection),
    '## Views\n',
    ...views,
    '## Macros\n',
    mdTable(['macro', 'kind', 'meaning'], [...MACROS, ...LATE_MACROS].map(macroRow)),
    '\n## Metrics\n\n`measure(results, id, parameters)` of `@workset/analyze`; `workset score DIR --metric ID`.\n',
    ...metrics,
  ].join('\n');
}

function tableSection({ id, comment, columns, key }: TableSpec): string {
  const rows = columns.map((column) => [`\`${column.name}\``, column.type, column.unit, nullable(column)]);
  return `### ${id}\n\n${comment}. Key: ${key.map((name) => `\`${name}\``).join(', ')}.\n\n${mdTable(['column', 'type', 'unit', 'meaning'], rows)}\n`;
}

function nullable({ comment, nullable: may }: ColumnSpec): string {
  return may === true && !/NULL/.test(comment) ? `${comment} (may be NULL)` : comment;
}

function macroRow({ signature, comment, table }: MacroSpec): string[] {
  return [`\`${signature}\``, table === true ? 'table' : 'scalar', comment];
}

function schemesPage(): string {
  const overview = schemes.all.map(({ descriptor: d }) => [`[${d.id}](#${d.id})`, d.title, d.target, `${d.domain}, ${d.granularity}`]);
  const sections = schemes.all.map(({ descriptor: d, config }) =>
    [
      `### ${d.id}\n\n${d.title}. ${d.mechanism}. Source: ${d.source}.\n`,
      `Sees ${seen(d.sees)}; claims pages ${d.target}; ${d.domain} domain, granularity ${d.granularity}${d.mmu === 'host' ? "; watches a VMM's page tables" : ''}.\n`,
      paramTable(config),
      d.blindSpots.length === 0 ? '' : `Cannot see:\n\n${d.blindSpots.map((spot) => `- ${spot}`).join('\n')}\n`,
    ].join('\n'),
  );
  const eviction = primitives.all.map(({ descriptor: d }) => [
    `\`${d.id}\``,
    d.title,
    d.status,
    BACKINGS.map((backing) => (d.backing[backing] === true ? backing : `not ${backing}: ${d.backing[backing]}`)).join('; '),
    d.needsSecondMapping ? 'yes' : 'no',
    d.source,
  ]);
  return [
    `# Tracking schemes and eviction primitives\n\n${GENERATED}\n`,
    mdTable(['scheme', 'what', 'target', 'domain and granularity'], overview),
    '',
    ...sections,
    '## Eviction primitives\n',
    mdTable(['primitive', 'what', 'status', 'backing', 'second mapping', 'source'], eviction),
    '',
  ].join('\n');
}

function seen({ reads, writes }: { readonly reads: boolean; readonly writes: boolean }): string {
  return reads && writes ? 'reads and writes' : reads ? 'reads only' : writes ? 'writes only' : 'neither reads nor writes by itself';
}

function paramTable(params: ParamSpec): string {
  const rows = Object.entries(params).map(([name, param]) => [
    `\`${name}\``,
    formatParam(param, param.default) || '-',
    unitOf(param),
    helpOf(param),
    param.source,
  ]);
  return rows.length === 0 ? '' : `${mdTable(['parameter', 'default', 'unit', 'meaning', 'default from'], rows)}\n\n`;
}

function unitOf(param: Param): string {
  if (param.kind === 'duration') return 'time';
  if (param.kind === 'size') return 'size';
  return 'unit' in param ? param.unit : param.kind;
}

function helpOf(param: Param): string {
  return param.kind === 'choice' ? `${param.help} (${param.choices.join(', ')})` : param.help;
}

function formatsPage(): string {
  const rows = ingestors.all.map(({ descriptor: d }) => [
    `\`${d.id}\``,
    d.title,
    d.produces,
    d.space,
    d.clock,
    d.truth,
    d.usualNames.join(', '),
    d.source,
  ]);
  return [
    `# Capture formats\n\n${GENERATED}\n`,
    'Files are recognised by content; the usual names are for help only. The truth grade says what may be claimed of the accesses (docs/metrics.md).\n',
    mdTable(['format', 'what', 'produces', 'space', 'clock', 'truth', 'usual names', 'defined by'], rows),
    '',
  ].join('\n');
}

function chartsPage(): string {
  const rows = CHARTS.all.map(({ descriptor: d }) => [
    `\`${d.id}\``,
    d.title,
    d.reads.map((name) => `\`${name}\``).join(', '),
    d.acrossTraces === true ? 'all' : 'one',
    d.advice,
  ]);
  return [
    `# Charts\n\n${GENERATED}\n`,
    'Each chart answers the question in its title: `workset chart DIR NAME -o x.svg` (also .png, .html, .vl.json).\n',
    mdTable(['chart', 'question', 'reads', 'traces', 'when it has no data'], rows),
    '',
  ].join('\n');
}
