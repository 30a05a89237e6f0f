/** Which vector loops can be shared out: pages are independent of one another in all of them. */
import type { VectorLoops } from '../memory/arena.ts';

interface SharedLoop {
  readonly name: keyof VectorLoops;
  /** By how many bytes each argument moves for every 32 pages; 0 = it is the same for all. */
  readonly strides: readonly number[];
  /** Which argument is the number of 32 pages. */
  readonly words: number;
}

const COLUMN = 128;
const PAIRS = 256;
const BYTE_PAIRS = 64;
const BITS = 4;

export const SHARED_LOOPS: readonly SharedLoop[] = [
  { name: 'newer', strides: [COLUMN, 0, 0, BITS], words: 2 },
  { name: 'newerThanMarks', strides: [COLUMN, COLUMN, 0, BITS], words: 2 },
  { name: 'stillMarked', strides: [COLUMN, COLUMN, 0, BITS], words: 2 },
  { name: 'takeNewer', strides: [COLUMN, COLUMN, 0, BITS, 0], words: 2 },
  { name: 'markNewer', strides: [COLUMN, COLUMN, 0, 0], words: 2 },
  { name: 'touchedAndWritten', strides: [PAIRS, 0, 0, BITS, BITS], words: 2 },
  { name: 'recentTouchedAndWritten', strides: [BYTE_PAIRS, 0, 0, BITS, BITS], words: 2 },
  { name: 'lastOfPairs', strides: [PAIRS, COLUMN, 0], words: 2 },
  { name: 'readsOfPairs', strides: [PAIRS, COLUMN, 0], words: 2 },
  { name: 'writesOfPairs', strides: [PAIRS, COLUMN, 0], words: 2 },
  { name: 'setMarks', strides: [COLUMN, BITS, 0, 0], words: 2 },
  { name: 'fill', strides: [COLUMN, 0, 0], words: 1 },
  // Its words are of 32 slots.
  { name: 'settle', strides: [32, COLUMN, 0, 0], words: 2 },
];
