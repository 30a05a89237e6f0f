/** Whose touches count for what, as masks over the classes of a trace's touches (kernel-semantics 1.2). */
import { actorClasses, type Actor } from '@workset/model';

/** Touches that matter in different ways: by those who walk the traced page tables (under KVM the secondary ones), by others, writes. */
export type ColumnName = 'cpu' | 'host' | 'gup' | 'gup-fast' | 'other' | 'written' | 'written entry' | 'cpu written' | 'cpu written entry';

const OTHER_ACTORS: readonly ColumnName[] = ['gup', 'gup-fast', 'other'];

export class TouchClasses {
  /** Those who walk the traced page tables, and all who can take their faults. */
  readonly cpu: number;
  readonly cpuWrites: number;
  readonly faulting: number;
  readonly faultingWrites: number;
  readonly others: number;
  /** Columns that can differ from nothing. */
  readonly columns: readonly ColumnName[];
  readonly #classBits: number;

  constructor(classBits: number, mmu: 'guest' | 'host') {
    // Under a guest's own tables only user mappings count; a host sees every guest access arrive at its frame.
    const cpu: readonly Actor[] = mmu === 'guest' ? ['user'] : ['user', 'kernel'];
    const faulting: readonly Actor[] = [...cpu, ...(mmu === 'host' ? (['host'] as const) : []), 'gup', 'gup-fast'];
    this.#classBits = classBits;
    this.cpu = actorClasses(classBits, cpu, 'touched');
    this.cpuWrites = actorClasses(classBits, cpu, 'written');
    this.faulting = actorClasses(classBits, faulting, 'touched');
    this.faultingWrites = actorClasses(classBits, faulting, 'written');
    this.others = actorClasses(classBits, ['other'], 'touched');
    this.columns = ['cpu', ...(classBits > 2 && mmu === 'host' ? (['host'] as const) : []), ...(classBits > 3 ? OTHER_ACTORS : [])];
  }

  of(name: ColumnName): number {
    if (name === 'cpu') return this.cpu;
    if (name === 'written' || name === 'written entry') return this.faultingWrites;
    if (name === 'cpu written' || name === 'cpu written entry') return this.cpuWrites;
    return name === 'other' ? this.others : actorClasses(this.#classBits, [name], 'touched');
  }
}
