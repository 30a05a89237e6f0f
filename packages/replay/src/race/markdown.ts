/** The race table as Markdown: one row per primitive, parameters and backing, all starting states and handlers together. */
import type { Path, RaceRow } from './table.ts';

const HEAD = ['primitive', 'backing', 'through the mapping', 'existing write pin', 'second mapping', 'reads wait', 'writes wait', 'states'];

export function raceMarkdown(rows: readonly RaceRow[]): string {
  const groups = new Map<string, RaceRow[]>();
  for (const row of rows) {
    const key = JSON.stringify([nameOf(row.primitive, row.params), row.backing]);
    groups.set(key, [...(groups.get(key) ?? []), row]);
  }
  const lines = [...groups.values()].map((group) => {
    const { primitive, params, backing } = group[0]!;
    const verdict = (path: Path): string => (path === 'second' && backing === 'anon' ? '-' : lossOf(group, path));
    const waits = (key: 'blocksReads' | 'blocksWrites'): string => (group.some((row) => row[key]) ? 'yes' : 'no');
    const states = group.reduce((sum, row) => sum + row.states, 0);
    return [
      nameOf(primitive, params),
      backing,
      verdict('mapping'),
      verdict('pin'),
      verdict('second'),
      waits('blocksReads'),
      waits('blocksWrites'),
      String(states),
    ];
  });
  return [HEAD, HEAD.map(() => '---'), ...lines].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

function nameOf(primitive: string, params: RaceRow['params']): string {
  return [`\`${primitive}\``, ...Object.entries(params).map(([name, value]) => `${name}=${String(value)}`)].join(' ');
}

function lossOf(group: readonly RaceRow[], path: Path): string {
  const losing = [...new Set(group.filter(({ losses }) => losses[path] !== undefined).map(({ entry }) => entry))];
  const all = new Set(group.map(({ entry }) => entry)).size;
  if (losing.length === 0) return 'safe';
  return losing.length === all ? '**loses writes**' : `**loses writes** (${losing.join(', ')})`;
}
