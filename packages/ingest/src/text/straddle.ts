/** Accesses by address and size: one touch per page they reach. */
import type { IngestContext } from '@workset/model';
import type { AccessBatches } from './access-batches.ts';

/** Pages of a 64-bit address space. */
const ALL_PAGES = 2 ** 52;
/** No instruction reaches further (AMX tiles: 1 KiB; `rep` strings are logged piecewise). */
const MAX_SIZE = 65536;

/**
 * Adds the pages [page, page + (low + size - 1) / 4096].
 * @param low offset in the first page
 * @returns how many touches; 0 when refused and counted
 */
export function addSized(
  batches: AccessBatches,
  ctx: IngestContext,
  timeNs: number,
  page: number,
  low: number,
  size: number,
  cls: number,
  pid: number,
  cpu: number,
  line: number,
): number {
  if (size < 1 || size > MAX_SIZE) {
    ctx.reject('bad-size', `an access of 0 or more than ${MAX_SIZE} bytes`, { line, severity: 'warning' });
    return 0;
  }
  batches.add(timeNs, page, cls, pid, cpu, line);
  const more = (low + size - 1) >>> 12;
  for (let i = 1; i <= more; i++) {
    if (page + i >= ALL_PAGES) {
      ctx.reject('address-wrap', 'an access runs over the end of the address space: its first pages are kept', {
        line,
        severity: 'warning',
      });
      return i;
    }
    batches.add(timeNs, page + i, cls, pid, cpu, line);
  }
  return more + 1;
}
