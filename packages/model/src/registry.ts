/** Explicit lists of extensions: no side-effect registration, no folder scan; ids become a literal union. */
import { UsageError } from './errors.ts';

export interface Descriptor<Id extends string = string> {
  readonly id: Id;
  readonly title: string;
  /** Kernel document, mail or paper that defines it. */
  readonly source: string;
}

export interface Registry<Item extends { descriptor: Descriptor }> {
  readonly ids: readonly Item['descriptor']['id'][];
  readonly all: readonly Item[];
  has(id: string): boolean;
  /** The item called `id`; throws UsageError naming the nearest ids otherwise. */
  get(id: string): Item;
}

/** @param what noun for error messages, e.g. "tracking scheme" */
export function defineRegistry<const Item extends { descriptor: Descriptor }>(what: string, all: readonly Item[]): Registry<Item> {
  const byId = new Map(all.map((item) => [item.descriptor.id, item]));
  if (byId.size !== all.length) throw new Error(`duplicate ${what} id`);
  const ids = all.map((item) => item.descriptor.id);
  return {
    ids,
    all,
    has: (id) => byId.has(id),
    get(id) {
      const item = byId.get(id);
      if (item !== undefined) return item;
      const near = nearest(id, ids);
      throw new UsageError(
        `unknown ${what} ${JSON.stringify(id)}`,
        (near.length > 0 ? `did you mean ${near.join(' or ')}? ` : '') + `known: ${ids.join(', ')}`,
      );
    },
  };
}

/** The names within edit distance 3 (or sharing a prefix), closest first. */
export function nearest(name: string, names: readonly string[]): string[] {
  return names
    .map((candidate) => ({ candidate, distance: editDistance(name, candidate) }))
    .filter(({ candidate, distance }) => distance <= 3 || (name !== '' && candidate.startsWith(name)))
    .sort((a, b) => a.distance - b.distance)
    .slice(0, 3)
    .map(({ candidate }) => candidate);
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)));
    }
    row = next;
  }
  return row[b.length]!;
}
