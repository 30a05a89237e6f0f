/** Counts what a tracker did, window by window; prices come from the run's cost profile. */
import type { CostOp, CostProfile } from '@workset/model';
import type { RunPart } from '@workset/store';

export class Ledger {
  readonly #profile: CostProfile;
  readonly #counts = new Map<CostOp, number>();

  constructor(profile: CostProfile) {
    this.#profile = profile;
  }

  charge(op: CostOp, count: number): void {
    if (count > 0) this.#counts.set(op, (this.#counts.get(op) ?? 0) + count);
  }

  /** Writes everything counted since the last call as the costs of window w. */
  flush(w: number, part: RunPart): void {
    const ops = [...this.#counts].sort(([a], [b]) => (a < b ? -1 : 1));
    for (const [op, count] of ops) {
      const price = this.#profile.prices[op];
      part.cost(w, op, count, count * price.vcpuNs, count * price.trackerNs);
    }
    this.#counts.clear();
  }
}
