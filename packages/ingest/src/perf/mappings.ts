/** MMAP and MMAP2 records: which memory a process had, touched or not. */
import { UsageError } from '@workset/model';
import type { IngestContext } from '@workset/model';
import { cString, pageAt } from '../binary.ts';
import type { ByteWindow } from '../binary.ts';
import { RECORD } from './records.ts';

export type MapsWanted = 'none' | 'anon' | 'all';

/** Option maps: none (default), anon, all. Throws UsageError. */
export function mapsWanted(options: IngestContext['options']): MapsWanted {
  const { maps } = options;
  if (maps === undefined || maps === 'none') return 'none';
  if (maps === 'anon' || maps === 'all') return maps;
  throw new UsageError(`maps is ${JSON.stringify(maps)}`, 'one of none, anon, all');
}

/** Record offsets of pid, addr, len; the name stands behind the mapping's file ids in MMAP2. */
const PID_AT = 8;
const ADDR_AT = 16;
const LEN_AT = 24;
const NAME_AT = 40;
const NAME_AT_MMAP2 = 72;

/** The mapped pages of one record, null when it is not wanted. */
export function mappedRange(
  win: ByteWindow,
  at: number,
  size: number,
  type: number,
  little: boolean,
  wanted: MapsWanted,
  pidFilter: number,
): { startPage: number; nPages: number } | null {
  const nameAt = type === RECORD.mmap2 ? NAME_AT_MMAP2 : NAME_AT;
  if (wanted === 'none' || size < nameAt) return null;
  const pid = win.view.getInt32(at + PID_AT, little);
  // pid -1 is the kernel itself
  if (pid < 0 || (pidFilter >= 0 && pid !== pidFilter)) return null;
  if (wanted === 'anon' && !isAnonymous(cString(win.bytes, at + nameAt, at + size))) return null;
  const startPage = pageAt(win.view, at + ADDR_AT, little);
  const nPages = pageAt(win.view, at + LEN_AT, little);
  return nPages > 0 ? { startPage, nPages } : null;
}

function isAnonymous(name: string): boolean {
  return name === '' || name.startsWith('//anon') || name === '[heap]' || name.startsWith('[stack');
}
