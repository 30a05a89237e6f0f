/** From ranges of page numbers to dense ids. */
import { BLOCK_PAGES, type PageBitmap } from '@workset/model';
import type { SpaceReader } from '@workset/store';
import type { PageRange } from '../scheme.ts';

/** Adds the ids inside `range` of the page numbers [startPage, startPage + nPages) to `set`; pages the space does not hold are left out. */
export function addPageRange(set: PageBitmap, space: SpaceReader, range: PageRange, startPage: number, nPages: number): void {
  const end = startPage + nPages;
  for (let page = startPage; page < end;) {
    const stop = Math.min(end, (Math.floor(page / BLOCK_PAGES) + 1) * BLOCK_PAGES);
    const id = space.idOf(page);
    if (id >= 0) set.addRange(Math.max(range.from, id), Math.min(range.to, id + stop - page));
    page = stop;
  }
}

/** The dense ids of the page numbers [startPage, startPage + nPages), when the space holds them all in one run; undefined otherwise. */
export function idsOf(space: SpaceReader, startPage: number, nPages: number): PageRange | undefined {
  const from = space.idOf(startPage);
  const last = space.idOf(startPage + nPages - 1);
  return from >= 0 && last === from + nPages - 1 ? { from, to: from + nPages } : undefined;
}
