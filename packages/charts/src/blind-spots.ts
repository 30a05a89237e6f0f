/** What the trackers drawn cannot see, for the caption: a low figure may be a limit of the method, not a fault. */
import type { ChartContext } from './chart.ts';

/** By scheme id, each in a few words. */
export type BlindSpots = Readonly<Record<string, readonly string[]>>;

/** So many schemes have all of theirs named, so many the first; beyond that the reader is sent to the list. */
const IN_FULL = 2;
const IN_SHORT = 6;

export function blindSpotNote({ blindSpots, runs }: Pick<ChartContext, 'blindSpots' | 'runs'>): string {
  const known = [...new Set(runs.map((run) => run.family))].filter((family) => (blindSpots[family] ?? []).length > 0);
  if (known.length === 0) return '';
  if (known.length > IN_SHORT)
    return `Every scheme has blind spots: workset list schemes NAME tells those of ${known.slice(0, 3).join(', ')} …`;
  const spots = known.map((family) => {
    const all = blindSpots[family]!;
    const shown = known.length <= IN_FULL ? all : all.slice(0, 1);
    return `${family}: ${shown.join('; ')}${shown.length < all.length ? ' …' : ''}`;
  });
  return `Cannot see: ${spots.join('. ')}.`;
}
