/** What a file name says about a capture: the name of its stream and the segment it belongs to. */
import { basename } from 'node:path';

/** `dir/A.rwp.bin.gz` → `A.rwp`: the file name without what says how it is stored. */
export function streamName(path: string): string {
  return bareName(path).replace(/\.(bin|txt|data|log|dat|json|csv)$/, '') || 'stdin';
}

/** `dir/A.rwp.bin.gz` → `A`; '' for names of fewer than three parts (`gt.vmgt.gz`, `rwp.bin`), which belong to no segment. */
export function segmentOf(path: string): string {
  const parts = bareName(path).split('.');
  return parts.length >= 3 ? parts[0]! : '';
}

function bareName(path: string): string {
  return path === '-'
    ? ''
    : basename(path)
        .replace(/\.(gz|zst)$/, '')
        .replace(/\.end$/, '');
}
