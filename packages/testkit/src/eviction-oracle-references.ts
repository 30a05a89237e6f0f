/** Replacement as the textbooks draw it: an array of frames, a search for the victim on every fault. */

export type Replacement = 'fifo' | 'lru' | 'opt';

/** Faults of one policy with `frames` page frames on a reference string. */
export function textbookMisses(string: readonly number[], frames: number, policy: Replacement): number {
  const resident: number[] = [];
  let misses = 0;
  string.forEach((page, now) => {
    if (resident.includes(page)) {
      // The array is ordered from the next victim to the last.
      if (policy === 'lru') resident.push(...resident.splice(resident.indexOf(page), 1));
      return;
    }
    misses++;
    if (resident.length === frames) resident.splice(policy === 'opt' ? farthest(resident, string, now) : 0, 1);
    resident.push(page);
  });
  return misses;
}

function farthest(resident: readonly number[], string: readonly number[], now: number): number {
  const nextUse = resident.map((page) => {
    const next = string.indexOf(page, now + 1);
    return next < 0 ? Infinity : next;
  });
  return nextUse.indexOf(Math.max(...nextUse));
}
