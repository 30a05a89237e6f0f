/** A piecewise linear map between two clocks through points where both were read. */

/** Times of both clocks at one instant, ns. */
interface SyncPoint {
  readonly from: number;
  readonly to: number;
}

export class ClockMap {
  readonly #points: SyncPoint[] = [];

  get n(): number {
    return this.#points.length;
  }

  /** Adds a point behind the others. One that does not go forward on both clocks is refused: false. */
  add(from: number, to: number): boolean {
    const last = this.#points.at(-1);
    if (!Number.isFinite(from) || !Number.isFinite(to)) return false;
    if (last !== undefined && (from <= last.from || to <= last.to)) return from === last.from && to === last.to;
    this.#points.push({ from, to });
    return true;
  }

  /** From the first clock to the second; before the first and after the last point by the slope of the nearest segment, with one point by its offset. */
  forward(ns: number): number {
    return this.#through(ns, 'from', 'to');
  }

  /** From the second clock to the first. */
  back(ns: number): number {
    return this.#through(ns, 'to', 'from');
  }

  #through(ns: number, x: 'from' | 'to', y: 'from' | 'to'): number {
    const points = this.#points;
    if (points.length === 0) return ns;
    if (points.length === 1) return ns - points[0]![x] + points[0]![y];
    let low = 1;
    let high = points.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (points[middle]![x] < ns) low = middle + 1;
      else high = middle;
    }
    const p = points[low - 1]!;
    const q = points[low]!;
    // Integer ns: sub-nanosecond differences of a slope are not information.
    return Math.round(p[y] + ((ns - p[x]) * (q[y] - p[y])) / (q[x] - p[x]));
  }
}
