/**
 * Bits of page-table entries and folios, kept up to date whenever somebody looks: between two looks nobody but the workload has changed
 * them, so what it did follows from which actors touched a page since (kernel-semantics 1.2), not from the order in which they did.
 *
 * Used under KVM, where a touch through an SPTE leaves the host's entry alone; where 2 MiB mappings split and hand their bits down; and
 * for actors that set no A bit.
 */
import { BLOCK_PAGES, type PageBitmap } from '@workset/model';
import type { PageRange } from '../scheme.ts';
import type { AccessBits, WhichBits } from './access-bits.ts';
import { addInRange, holdsAny, removeRange, rangeSet } from './page-sets.ts';
import { PageTimes } from './page-times.ts';
import type { ColumnName } from './touch-classes.ts';
import type { World } from './world.ts';

/** Sets of pages touched since they were settled, one per question. */
type News = Record<ColumnName | 'walks', PageBitmap>;

const COLUMNS: readonly ColumnName[] = [
  'cpu',
  'host',
  'gup',
  'gup-fast',
  'other',
  'written',
  'written entry',
  'cpu written',
  'cpu written entry',
];

export class SettledBits implements AccessBits {
  readonly #world: World;
  readonly #settled: PageTimes;
  readonly #isHost: boolean;
  /** What a touch can do here; writes count once something is guarded against them. */
  readonly #columns: ColumnName[];
  readonly #news: News;
  /** Mapped by an entry. */
  readonly #mapped: PageBitmap;
  readonly #primary: PageBitmap;
  readonly #others: PageBitmap;
  readonly #spte: PageBitmap;
  readonly #secondary: PageBitmap;
  /** Entries whose next access, next write (of the page, of the entry) faults. */
  #guarded: PageBitmap;
  #writeGuarded: PageBitmap;
  #cleanGuarded: PageBitmap;
  /** PROT_NONE entries of memory with large folios. */
  #hinted: PageBitmap | undefined;
  readonly #none: PageBitmap;
  /** Entries that no TLB held when they were settled. */
  readonly #uncached: PageBitmap;
  #hasUnmapped = false;
  #fresh = { from: 0, to: 0, at: -1 };

  constructor(world: World) {
    this.#world = world;
    this.#settled = new PageTimes(world);
    this.#isHost = world.config.mmu === 'host';
    this.#columns = world.columns;
    // Sets that nothing is ever added to are one set.
    this.#none = world.keptSet();
    const none = this.#none;
    const news = (name: ColumnName | 'walks', isUsed: boolean): [string, PageBitmap] => [name, isUsed ? world.keptSet() : none];
    this.#news = Object.fromEntries([
      ...COLUMNS.map((name) => news(name, this.#columns.includes(name))),
      news('walks', world.hasTlb),
    ]) as News;
    [this.#mapped, this.#primary] = [world.keptSet(), world.keptSet()];
    this.#others = this.#columns.includes('other') ? world.keptSet() : none;
    [this.#spte, this.#secondary] = this.#isHost ? [world.keptSet(), world.keptSet()] : [none, none];
    this.#uncached = world.hasTlb ? world.keptSet() : none;
    [this.#guarded, this.#writeGuarded, this.#cleanGuarded] = [none, none, none];
    // What was there before anybody looked: mapped, used, and no folio flag set.
    this.settle({ from: 0, to: world.nPages });
    world.flag('referenced').clear();
  }

  addYoung(range: PageRange, out: PageBitmap, { primary, secondary, others }: WhichBits): void {
    this.settle(range);
    if (primary) addInRange(out, this.#primary, range);
    if (secondary) addInRange(out, this.#secondary, range);
    if (others) addInRange(out, this.#others, range);
  }

  clearYoung(range: PageRange, { primary, secondary, others }: WhichBits): void {
    this.settle(range);
    if (primary) removeRange(this.#primary, range);
    if (secondary) removeRange(this.#secondary, range);
    if (others) removeRange(this.#others, range);
  }

  clearYoungSet(set: PageBitmap, { primary, secondary, others }: WhichBits): void {
    this.settle({ from: 0, to: set.nPages });
    if (primary) this.#primary.andNot(set);
    if (secondary) this.#secondary.andNot(set);
    if (others) this.#others.andNot(set);
  }

  youngOf(id: number, { primary, secondary, others }: WhichBits): boolean {
    this.#settleEntry(id);
    return (primary && this.#primary.has(id)) || (secondary && this.#secondary.has(id)) || (others && this.#others.has(id));
  }

  /** Any A bit of the range. */
  youngIn(range: PageRange, { primary, secondary, others }: WhichBits): boolean {
    this.settle(range);
    return (
      (primary && holdsAny(this.#primary, range)) ||
      (secondary && holdsAny(this.#secondary, range)) ||
      (others && holdsAny(this.#others, range))
    );
  }

  makeOldOf(id: number, which: WhichBits): boolean {
    const wasYoung = this.youngOf(id, which);
    const entry = this.#world.entryOf(id);
    if (which.primary) removeRange(this.#primary, entry);
    if (which.secondary) removeRange(this.#secondary, entry);
    if (which.others) removeRange(this.#others, entry);
    return wasYoung;
  }

  areYoung(ids: Int32Array, n: number, which: WhichBits, out: Int32Array): void {
    for (let i = 0; i < n; i++) out[i] = Number(ids[i]! >= 0 && this.youngOf(ids[i]!, which));
  }

  makeOldAll(ids: Int32Array, n: number, which: WhichBits, wasYoung: Int32Array): void {
    for (let i = 0; i < n; i++) wasYoung[i] = Number(ids[i]! >= 0 && this.makeOldOf(ids[i]!, which));
  }

  unmap(range: PageRange, keepsA: boolean): void {
    this.settle(range);
    this.#dropSptes(range);
    if (this.#world.hasTlb) this.#uncached.addRange(range.from, range.to);
    this.#hasUnmapped = true;
    if (keepsA) return;
    for (const set of [this.#primary, this.#others, this.#mapped]) removeRange(set, range);
    if (this.#hinted !== undefined) removeRange(this.#hinted, range);
  }

  /** Entries that left the page table while their pages stayed in the cache: the next touch maps them again. */
  unmapSet(set: PageBitmap): void {
    this.settle({ from: 0, to: set.nPages });
    this.#mapped.andNot(set);
    this.#primary.andNot(set);
    this.#hinted?.andNot(set);
  }

  /** The next access to these entries faults, and so sets A whoever makes it. */
  guard(set: PageBitmap): void {
    this.settle({ from: 0, to: set.nPages });
    this.#guarded = this.#own(this.#guarded).or(set);
    this.#hinted?.andNot(set);
  }
  /** The next access to a folio with such entries faults, restores all of them and sets their A bits. */
  guardHints(set: PageBitmap): void {
    this.settle({ from: 0, to: set.nPages });
    this.#hinted = (this.#hinted ?? this.#world.keptSet()).or(set);
  }
  /** The next write to these pages (uffd-wp), or to these entries (soft-dirty), faults. */
  guardWrites(range: PageRange, by: 'page' | 'entry'): void {
    this.settle(range);
    const names: readonly ColumnName[] = by === 'page' ? ['written', 'cpu written'] : ['written entry', 'cpu written entry'];
    const columns = this.#isHost ? names : names.slice(0, 1);
    for (const name of columns) {
      if (this.#columns.includes(name)) continue;
      this.#columns.push(name);
      this.#news[name] = this.#world.keptSet();
    }
    if (by === 'page') this.#writeGuarded = this.#own(this.#writeGuarded);
    else this.#cleanGuarded = this.#own(this.#cleanGuarded);
    (by === 'page' ? this.#writeGuarded : this.#cleanGuarded).addRange(range.from, range.to);
  }
  /** A set that may be added to. */
  #own(set: PageBitmap): PageBitmap {
    return set === this.#none ? this.#world.keptSet() : set;
  }

  /** Drops the SPTEs of a range; those it had count as violations when they are built again. */
  zap(range: PageRange): void {
    this.settle(range);
    addInRange(this.#world.flag('zapped'), this.#spte, range);
    this.#dropSptes(range);
  }
  /** Takes the entries of the range that were zapped and have been built again. */
  takeViolations(range: PageRange): PageBitmap {
    this.settle(range);
    const zapped = this.#world.flag('zapped');
    const built = rangeSet(this.#world.nPages, range).and(zapped).and(this.#spte);
    zapped.andNot(built);
    return built;
  }

  #dropSptes(range: PageRange): void {
    if (this.#world.config.zapKeepsYoung) addInRange(this.#primary, this.#secondary, range);
    removeRange(this.#secondary, range);
    removeRange(this.#spte, range);
  }

  /** Brings the bits of a range up to date. */
  settle(wanted: PageRange): void {
    const world = this.#world;
    const range = this.#hinted === undefined ? wanted : world.folios.around(wanted);
    const { from, to } = range;
    if (from >= to || this.#isFresh(range)) return;
    if (this.#columns.includes('written')) this.#noticeSplits(range);
    const [first, last] = [from >>> 5, (to - 1) >>> 5];
    for (const name of this.#columns) {
      this.#news[name].words.fill(0, first, last + 1);
      const stamps = to - from > BLOCK_PAGES ? world.stampsOf(name) : world.stampsIn(name, range);
      this.#settled.addNewer(stamps, range, this.#news[name]);
    }
    if (world.hasTlb) {
      this.#news.walks.words.fill(0, first, last + 1);
      this.#settled.addNewer(world.walked(), range, this.#news.walks);
      this.#addFlushedWalks(range);
    }
    this.#settleWords(first, last);
    this.#settled.setRange(range, world.now);
    this.#fresh = { from, to, at: world.now };
  }

  /** The range was settled last, and no frame has passed since. */
  #isFresh({ from, to }: PageRange): boolean {
    return this.#fresh.at === this.#world.now && from >= this.#fresh.from && to <= this.#fresh.to;
  }

  /** The same for one entry, without a look at all the others. */
  #settleEntry(id: number): void {
    const world = this.#world;
    if (this.#settled.of(id) === world.now) return;
    const entry = world.entryOf(id);
    if (entry.to - entry.from > 1 || world.hasTlb || this.#hinted !== undefined || this.#columns.includes('written'))
      return this.settle(entry);
    const word = id >>> 5;
    const bit = 1 << (id & 31);
    for (const name of this.#columns) this.#news[name].words[word] = world.lastOf(name, id) > this.#settled.of(id) ? bit : 0;
    this.#settleWords(word, word);
    this.#settled.column[id] = world.now;
  }

  /**
   * The first write to a page protected by uffd-wp splits its PMD. Whether the PMD was used before that is known from the last touches
   * alone: those older than the oldest last write came before the split, and set the bit that all 512 entries inherit.
   */
  #noticeSplits(range: PageRange): void {
    const world = this.#world;
    for (const from of world.hugeBlocksIn(range)) {
      const written = world.stampsOf('written').values();
      let firstWrite = Infinity;
      for (let p = from; p < from + BLOCK_PAGES; p++)
        if (this.#writeGuarded.has(p) && written[p]! > this.#settled.of(p)) firstWrite = Math.min(firstWrite, written[p]!);
      if (firstWrite === Infinity) continue;
      const used = this.#usedBefore(from, firstWrite);
      world.endPmd(from, firstWrite);
      if (used) this.#inherit({ from, to: from + BLOCK_PAGES });
    }
  }
  #usedBefore(from: number, firstWrite: number): boolean {
    for (let p = from; p < from + BLOCK_PAGES; p++) {
      const touched = this.#world.touchedSmallOf(p);
      if (touched > this.#settled.of(p) && touched < firstWrite) return true;
    }
    return false;
  }
  /** What a use of the PMD left behind. */
  #inherit(range: PageRange): void {
    const isHost = this.#isHost;
    (isHost ? this.#secondary : this.#primary).addRange(range.from, range.to);
    if (isHost) this.#spte.addRange(range.from, range.to);
    this.#mapped.addRange(range.from, range.to);
  }

  /** A flush, or an unmapping, makes the next touch walk whatever the TLB held. */
  #addFlushedWalks(range: PageRange): void {
    const world = this.#world;
    if (!world.hasFlushed && !this.#hasUnmapped) return;
    const { cpu, walks } = this.#news;
    const touched = world.touchedByCpu();
    const flushed = world.lastFlush;
    for (let p = range.from; p < range.to; p++) {
      if (cpu.has(p) && !walks.has(p) && (this.#uncached.has(p) || touched[p]! > world.firstFlushFrom(this.#settled.of(p)))) walks.add(p);
      if (touched[p]! <= flushed) this.#uncached.add(p);
      else if (cpu.has(p)) this.#uncached.delete(p);
    }
  }

  /** Entries restored by a fault on their folio: young now, touched or not. */
  #restoreHints(first: number, last: number): PageBitmap {
    const hinted = this.#hinted;
    if (hinted === undefined) return this.#none;
    const { cpu, host, gup, 'gup-fast': fast } = this.#news;
    const restored = this.#world.emptySet();
    for (let i = first; i <= last; i++)
      restored.words[i] = (cpu.words[i]! | host.words[i]! | gup.words[i]! | fast.words[i]!) & hinted.words[i]!;
    this.#world.folios.addWhole(restored).and(hinted);
    hinted.andNot(restored);
    this.#primary.or(restored);
    return restored;
  }

  #settleWords(first: number, last: number): void {
    if (this.#isPlain) this.#settlePlainWords(first, last);
    else this.#settleAnyWords(first, last);
  }

  /** Only SPTEs and the host's own touches: nothing is guarded, no other actor's touches are told apart, and there is no TLB. */
  get #isPlain(): boolean {
    const { gup, 'gup-fast': fast, other } = this.#news;
    const rare = [gup, fast, other, this.#guarded, this.#writeGuarded, this.#cleanGuarded];
    return this.#isHost && !this.#world.hasTlb && this.#hinted === undefined && rare.every((set) => set === this.#none);
  }

  /** What #settleAnyWords comes to then, in a third of the time. */
  #settlePlainWords(first: number, last: number): void {
    const world = this.#world;
    const [cpus, hosts] = [this.#news.cpu.words, this.#news.host.words];
    const [mapped, primary, spte, secondary] = [this.#mapped.words, this.#primary.words, this.#spte.words, this.#secondary.words];
    for (let i = first | 0; i <= last; i = (i + 1) | 0) {
      const cpu = cpus[i]!;
      const host = hosts[i]!;
      const any = cpu | host;
      if (any === 0) continue;
      const installed = cpu & ~spte[i]!;
      spte[i]! |= cpu;
      secondary[i]! |= cpu;
      primary[i]! |= host | (any & ~mapped[i]!);
      mapped[i]! |= any;
      if (installed !== 0) world.markAccessed(i, installed, 0);
    }
  }

  #settleAnyWords(first: number, last: number): void {
    const world = this.#world;
    const { words: restored } = this.#restoreHints(first, last);
    const isHost = this.#isHost;
    const news = this.#news;
    const [cpus, hosts, gups, fasts, others] = [news.cpu.words, news.host.words, news.gup.words, news['gup-fast'].words, news.other.words];
    const walked = world.hasTlb ? news.walks.words : cpus;
    const [written, writtenEntry] = [news.written.words, news['written entry'].words];
    const [mapped, primary, spte, secondary] = [this.#mapped.words, this.#primary.words, this.#spte.words, this.#secondary.words];
    const [guarded, writeGuarded, cleanGuarded] = [this.#guarded.words, this.#writeGuarded.words, this.#cleanGuarded.words];
    for (let i = first; i <= last; i = (i + 1) | 0) {
      const cpu = cpus[i]!;
      const host = hosts[i]!;
      const gup = gups[i]!;
      const fast = fasts[i]!;
      const any = cpu | host | gup | fast;
      this.#others.words[i]! |= others[i]!;
      if (any === 0) continue;
      const writeFault = (writeGuarded[i]! & written[i]!) | (cleanGuarded[i]! & writtenEntry[i]!);
      const fault = (any & (guarded[i]! | restored[i]! | ~mapped[i]!)) | writeFault;
      // KVM marks a page accessed whenever it installs an SPTE: a missing one, or a writable one for one that was not.
      const installed = isHost ? (cpu & ~spte[i]!) | this.#upgraded(i) : 0;
      if (isHost) {
        spte[i]! |= cpu;
        secondary[i]! |= walked[i]! | installed;
      }
      primary[i]! |= (isHost ? host : walked[i]!) | fault;
      mapped[i]! |= any;
      guarded[i]! &= ~any;
      writeGuarded[i]! &= ~written[i]!;
      cleanGuarded[i]! &= ~writtenEntry[i]!;
      if ((installed | gup | fast) !== 0) world.markAccessed(i, installed | gup | (fast & fault), fast);
    }
  }

  /** SPTEs without W that a vCPU has written through. */
  #upgraded(i: number): number {
    const { words: page } = this.#news['cpu written'];
    const { words: entry } = this.#news['cpu written entry'];
    return (this.#writeGuarded.words[i]! & page[i]!) | (this.#cleanGuarded.words[i]! & entry[i]!);
  }
}
