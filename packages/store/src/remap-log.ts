/**
 * Pages whose contents moved to another frame, of one space (optional table `remaps.<space>.arrow`): t_ns, page, kind. Trackers that mark
 * frames lose what they marked; those that mark addresses do not (kernel-semantics 2.1, 6).
 */
import assert from 'node:assert/strict';
import { REMAP_KINDS, type RemapKind } from '@workset/model';
import type { NumberColumns } from './columns.ts';
import type { RemapColumns } from './types.ts';

export const REMAP_TYPES = { t_ns: 'int64', page: 'int64', kind: 'int32' } as const;

export function remapFileName(space: string): string {
  return `remaps.${space}.arrow`;
}

/** The remaps of one space while they are written. */
export class RemapLog {
  readonly #rows: { readonly tNs: number; readonly page: number; readonly kind: number }[] = [];

  get n(): number {
    return this.#rows.length;
  }
  /** Times on the source clock, in any order. */
  push(tNs: number, page: number, kind: RemapKind): void {
    assert(Number.isSafeInteger(page) && page >= 0, `remap of page ${page}`);
    this.#rows.push({ tNs, page, kind: REMAP_KINDS.indexOf(kind) });
  }
  /** Columns in time order, times mapped and rounded to whole ns. */
  finish(mapTime: (ns: number) => number): RemapColumns {
    const rows = this.#rows.map((row) => ({ ...row, tNs: Math.round(mapTime(row.tNs)) })).sort((a, b) => a.tNs - b.tNs);
    return {
      n: rows.length,
      tNs: Float64Array.from(rows, ({ tNs }) => tNs),
      page: Float64Array.from(rows, ({ page }) => page),
      kind: Int32Array.from(rows, ({ kind }) => kind),
    };
  }
}

export const NO_REMAPS: RemapColumns = { n: 0, tNs: new Float64Array(0), page: new Float64Array(0), kind: new Int32Array(0) };

/** @throws whatever `damaged` makes, when a kind is unknown or times go back */
export function readRemaps(columns: NumberColumns, damaged: (what: string) => Error): RemapColumns {
  const remaps = { n: columns.rows, tNs: columns.numbers('t_ns'), page: columns.numbers('page'), kind: columns.int32('kind') };
  for (let i = 0; i < remaps.n; i++) {
    if (REMAP_KINDS[remaps.kind[i]!] === undefined) throw damaged(`row ${i} is of kind ${remaps.kind[i]}`);
    if (i > 0 && remaps.tNs[i]! < remaps.tNs[i - 1]!) throw damaged(`row ${i} goes back in time`);
  }
  return remaps;
}
