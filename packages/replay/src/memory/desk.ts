/** What system calls and page-table operations share: the world they change, and how they charge for it. */
import type { CostOp, PageBitmap } from '@workset/model';
import type { PageRange } from '../scheme.ts';
import { addNewer } from './bit-loops.ts';
import { blockOf } from './folios.ts';
import { countInRange, holdsAny } from './page-sets.ts';
import type { World } from './world.ts';

export class Desk {
  readonly world: World;
  readonly charge: (op: CostOp, count: number) => void;
  readonly #spare: PageBitmap[] = [];

  constructor(world: World, charge: (op: CostOp, count: number) => void) {
    this.world = world;
    this.charge = charge;
  }

  get huge(): boolean {
    return this.world.config.hugeBlocks !== undefined;
  }
  emptySet(): PageBitmap {
    return this.world.emptySet();
  }
  /** An empty set to be given back: new ones of a million pages cost 128 KiB of fresh memory each. */
  take(): PageBitmap {
    const set = this.#spare.pop();
    set?.clear();
    return set ?? this.world.keptSet();
  }
  takeCopy(of: PageBitmap): PageBitmap {
    return (this.#spare.pop() ?? this.world.keptSet()).copy(of);
  }
  give(...sets: readonly PageBitmap[]): void {
    this.#spare.push(...sets);
  }

  /** Page-table entries in a range: one per PMD-mapped block, one per page elsewhere. */
  entries(range: PageRange): number {
    const { from, to } = range;
    if (!this.huge) return to - from;
    const folded = this.world
      .hugeBlocksIn(range)
      .reduce((sum, first) => sum + Math.min(to, blockOf(first).to) - Math.max(from, first) - 1, 0);
    return to - from - folded;
  }
  /** Page-table entries that map the pages of a set. */
  entriesOf(set: PageBitmap): number {
    const pages = set.count();
    if (!this.huge) return pages;
    const all = { from: 0, to: set.nPages };
    const folded = this.world.hugeBlocksIn(all).reduce((sum, first) => sum + Math.max(0, countInRange(set, blockOf(first)) - 1), 0);
    return pages - folded;
  }

  chargeViolations(built: PageBitmap | undefined): void {
    if (built !== undefined) this.charge('ept-violation', this.entriesOf(built));
  }
  /** A protection change of the range drops its SPTEs; until its walk is over KVM builds none there, and vCPUs in need of one spin (1.5). */
  chargeZap(range: PageRange): void {
    if (this.world.config.mmu === 'guest') return;
    if (this.#inUse(range)) this.charge('arm-stall', this.entries(range));
    this.chargeViolations(this.world.zap(range));
  }
  /** A page of the range was touched in the last quantum: taken as a sign that a vCPU will want it during the walk. */
  #inUse(range: PageRange): boolean {
    if (this.world.now === 0) return false;
    const recent = this.emptySet();
    this.world.memory.assertTells(this.world.now - 1);
    addNewer(this.world.touchedByCpu(), range, this.world.now - 1, recent);
    return holdsAny(recent, range);
  }
  /** The flush of a call that changed `changed` entries. */
  chargeFlush(changed: number): void {
    if (changed === 0) return;
    this.world.flushTlb();
    this.charge('tlb-flush', 1);
  }

  /** Entries armed for RWP, or unmapped by the arm, and not touched since. */
  addRwWatched(range: PageRange, out: PageBitmap): void {
    this.world.marks('rwp').addStillMarked(this.world.touched(), range, out);
  }
  /** PROT_NONE entries, made so by NUMA balancing, whose folio was not touched since. */
  pendingHints(range: PageRange): PageBitmap {
    const { world } = this;
    const pending = this.emptySet();
    world.marks('numa').addStillMarked(world.touched(), range, pending);
    if (!world.folios.areSmall) pending.andNot(this.restoredHints(range));
    return pending.and(world.flag('numa-armed'));
  }
  /** Entries that were, until an access to their folio restored them (9). */
  restoredHints(range: PageRange): PageBitmap {
    const armed = this.world.flag('numa-armed');
    const touched = this.emptySet();
    this.world.marks('numa').addNewer(this.world.touched(), this.world.folios.around(range), touched);
    return this.world.folios.addWhole(touched.and(armed)).and(armed);
  }

  /** Ends the PMD mapping of the range's blocks that hold a page of `where` (all when undefined). */
  splitBlocks(range: PageRange, where?: PageBitmap): void {
    for (const first of this.world.hugeBlocksIn(range))
      if (first >= range.from && (where === undefined || holdsAny(where, blockOf(first)))) this.world.splitBlock(first);
  }
}
