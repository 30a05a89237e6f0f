/**
 * One page under eviction, explicit to the bit: entry, TLB, page cache, pin, the swapper's copy. Contents are counts of writes, so a
 * write is lost when the frame it is in goes away and no copy holds it. Rules: kernel-semantics 1.2, 2.1, 2.4, 3, 11.
 */
import type { Backing, KernelOp } from '../primitive.ts';

export const ACCESSES = ['read', 'write', 'gup-read', 'gup-write', 'pinned-write', 'second-write'] as const;
/** gup = kernel access through the mapping (KVM, vhost, O_DIRECT); pinned = through a write pin taken before; second = another mapping of the file. */
export type Access = (typeof ACCESSES)[number];

/** What an access waits for: a message of that kind answered, or reclaim's page lock. */
export type Wait = 'wp' | 'rwp' | 'missing' | 'minor' | 'lock';
export type AccessResult = 'done' | Wait;
export type Phase = 'ready' | 'evicting' | 'evicted' | 'aborted';
export type AbortReason = 'cancelled' | 'hot' | 'pinned' | 'shared' | 'gone' | 'swapped-in' | 'self-blocked';
export type StepResult = 'ok' | AbortReason;

export interface PageStart {
  readonly backing: Backing;
  /** unmapped = in the page cache (or swapped by the kernel, for anon), no entry. */
  readonly entry: 'present' | 'armed' | 'unmapped';
  readonly minor: boolean;
  readonly pinned: boolean;
  /** Another process maps the file page too. */
  readonly sharedMapping: boolean;
}

const NONE = -1;

export class PageModel {
  readonly backing: Backing;
  readonly minor: boolean;
  readonly sharedMapping: boolean;
  phase: Phase = 'ready';
  reason: AbortReason | undefined;
  /** Writes lost so far, and reads that returned less than what had been acknowledged. */
  lostWrites = 0;
  staleReads = 0;
  #sync = false;
  /** Frame numbers, NONE = not there. */
  #pte = 0;
  #cache = NONE;
  #tlb = NONE;
  #staging = NONE;
  #detached = NONE;
  #swapCache = NONE;
  #pin = NONE;
  #tlbWritable = false;
  #wp = false;
  #armed = false;
  #locked = false;
  /** Writes held by each frame, by the kernel's swap slot, the swapper's buffer and its store. */
  #frames: number[] = [0];
  #swapSlot = NONE;
  #copied = NONE;
  #stored = NONE;

  constructor(start: PageStart) {
    this.backing = start.backing;
    this.minor = start.minor;
    this.sharedMapping = start.sharedMapping;
    if (start.backing !== 'anon') this.#cache = 0;
    if (start.entry === 'unmapped') this.#pte = NONE;
    this.#armed = start.entry === 'armed';
    if (start.pinned) this.#pin = 0;
  }

  clone(): PageModel {
    const copy = new PageModel({
      backing: this.backing,
      entry: 'present',
      minor: this.minor,
      pinned: false,
      sharedMapping: this.sharedMapping,
    });
    copy.phase = this.phase;
    copy.reason = this.reason;
    copy.lostWrites = this.lostWrites;
    copy.staleReads = this.staleReads;
    copy.#restore(this.#save());
    return copy;
  }
  /** Equal keys behave equally from here on. */
  key(): string {
    return JSON.stringify([this.phase, this.lostWrites, this.staleReads, this.#save()]);
  }

  access(kind: Access): AccessResult {
    if (kind === 'pinned-write') return this.#writeTo(this.#pin);
    if (kind === 'second-write') return this.#cache === NONE ? 'missing' : this.#writeTo(this.#cache);
    const writes = kind === 'write' || kind === 'gup-write';
    const cached = kind === 'read' || kind === 'write' ? this.#tlb : NONE;
    if (cached !== NONE && (!writes || this.#tlbWritable)) return this.#use(cached, writes);
    const fault = this.#walk(writes);
    if (fault !== undefined) return fault;
    if (kind === 'read' || kind === 'write') {
      this.#tlb = this.#pte;
      this.#tlbWritable = !this.#wp;
    }
    return this.#use(this.#pte, writes);
  }

  /** One kernel step of the swapper. Page steps do nothing once the page is out of the eviction. */
  step(op: KernelOp): StepResult {
    if (this.phase === 'ready' && op !== 'flush') this.phase = 'evicting';
    if (op === 'set-sync' || op === 'set-async') this.#sync = op === 'set-sync';
    if (op === 'flush') this.#tlb = NONE;
    if (op === 'set-sync' || op === 'set-async' || op === 'flush' || op === 'wake') return 'ok';
    if (this.phase !== 'evicting') return this.reason ?? 'ok';
    const result = this.#apply(op);
    if (result !== 'ok') this.#abort(result);
    return result;
  }

  /** All steps are done; what reclaim took to kernel swap counts as evicted. */
  finish(): void {
    if (this.phase === 'evicting') this.phase = 'evicted';
  }

  /** The handler gives the page back to the workload and takes it out of the eviction; false when it is too late. */
  rescue(): boolean {
    if (this.phase !== 'evicting' || this.#detached !== NONE || this.#locked) return false;
    if (this.#staging !== NONE) this.#pte = this.#staging;
    this.#staging = NONE;
    if (this.#pte === NONE && this.#cache !== NONE) this.#pte = this.#cache;
    this.unprotect();
    this.#abort('cancelled');
    return true;
  }

  /** Protection removed; the eviction goes on (a handler not serialised with the swapper). */
  unprotect(): void {
    this.#wp = this.#armed = false;
  }

  /** UFFDIO_COPY from the store, UFFDIO_CONTINUE, or nothing to do. */
  refill(): void {
    if (this.#pte !== NONE) return;
    if (this.#cache === NONE) {
      this.#frames.push(this.#stored);
      if (this.backing !== 'anon') this.#cache = this.#frames.length - 1;
    }
    this.#pte = this.backing === 'anon' ? this.#frames.length - 1 : this.#cache;
    this.unprotect();
  }
  /** True when refill has the page's contents at hand. */
  get canRefill(): boolean {
    return this.#pte !== NONE || this.#cache !== NONE || this.#stored !== NONE;
  }

  #walk(writes: boolean): Wait | undefined {
    if (this.#locked) return 'lock';
    if (this.#pte === NONE) {
      const fault = this.#populate();
      if (fault !== undefined) return fault;
    }
    if (this.#armed) {
      if (this.#sync) return 'rwp';
      this.#armed = false;
    }
    return writes && this.#wp ? 'wp' : undefined;
  }

  /** A fault on an entry that maps nothing. */
  #populate(): Wait | undefined {
    if (this.#swapCache !== NONE || this.#swapSlot !== NONE) {
      // A swap entry keeps its RW mark, and mapping the page again needs the RWP fault first (2.1).
      if (this.#armed && this.#sync) return 'rwp';
      if (this.#swapCache === NONE) this.#frames.push(this.#swapSlot);
      this.#pte = this.#swapCache === NONE ? this.#frames.length - 1 : this.#swapCache;
      if (this.backing !== 'anon') this.#cache = this.#pte;
      this.#swapCache = this.#swapSlot = NONE;
      return undefined;
    }
    if (this.#cache === NONE) return 'missing';
    if (this.minor) return 'minor';
    this.#pte = this.#cache;
    this.#armed = false;
    return undefined;
  }

  #apply(op: KernelOp): StepResult {
    switch (op) {
      case 'write-protect':
        // File memory gets a marker where no entry is; an empty anonymous entry has nothing to evict.
        this.#wp = this.#pte !== NONE || this.backing !== 'anon';
        return 'ok';
      case 'rwp-arm':
        this.#armed = this.#pte !== NONE;
        return 'ok';
      case 'scan':
        return this.#pte !== NONE && !this.#armed ? 'hot' : 'ok';
      case 'copy-mapping':
        return this.#copyThroughMapping();
      case 'copy-second':
        return this.#copy(this.#cache);
      case 'copy-remote':
        return this.#copy(this.#pte);
      case 'copy-staging':
        return this.#copy(this.#staging);
      case 'copy-detached':
        return this.#copy(this.#detached);
      case 'copy-swap':
        if (this.#swapSlot === NONE) return 'swapped-in';
        this.#copied = this.#swapSlot;
        return 'ok';
      case 'store':
        return this.#store();
      case 'dontneed':
        return this.#dontneed();
      case 'punch-hole':
        return this.#drop(this.#cache);
      case 'drop-staging':
        return this.#drop(this.#staging);
      case 'move':
      case 'detach':
        return this.#takeAway(op);
      case 'unmap':
        return this.#unmap();
      case 'writeback':
        this.#swapSlot = this.#frames[this.#swapCache]!;
        this.#locked = false;
        return 'ok';
      case 'reclaim':
        return this.#reclaim();
      default:
        throw new Error(`not a page step: ${op}`);
    }
  }

  #copyThroughMapping(): StepResult {
    if (this.#armed && this.#sync) return 'self-blocked';
    if (this.#pte === NONE && this.#cache !== NONE) this.#pte = this.#cache;
    return this.#copy(this.#pte);
  }

  #copy(frame: number): StepResult {
    if (frame === NONE) return 'gone';
    this.#copied = this.#frames[frame]!;
    return 'ok';
  }

  #store(): StepResult {
    this.#stored = this.#copied;
    if (this.#detached !== NONE) this.#drop(this.#detached);
    return 'ok';
  }

  /** The page leaves every mapping, and no later access can reach its frame but through a pin or a stale translation. */
  #takeAway(op: 'move' | 'detach'): StepResult {
    if (this.#pin !== NONE) return 'pinned';
    if (this.#pte === NONE && this.#cache === NONE) return 'gone';
    const frame = this.#pte === NONE ? this.#cache : this.#pte;
    if (op === 'move') this.#staging = frame;
    else this.#detached = frame;
    this.#pte = this.#cache = NONE;
    this.unprotect();
    return 'ok';
  }

  #unmap(): StepResult {
    if (this.#pin !== NONE) return 'pinned';
    if (this.sharedMapping) return 'shared';
    this.#swapCache = this.#pte === NONE ? this.#cache : this.#pte;
    if (this.#swapCache === NONE) return 'gone';
    this.#pte = this.#cache = NONE;
    this.#locked = true;
    return 'ok';
  }

  #reclaim(): StepResult {
    if (this.#pte !== NONE) return 'swapped-in';
    this.lostWrites += this.#frames[this.#swapCache]! - this.#swapSlot;
    this.#swapCache = NONE;
    return 'ok';
  }

  #dontneed(): StepResult {
    // An anonymous entry, or its swap slot, is all that holds the page.
    if (this.#pte === NONE) {
      if (this.#swapSlot !== NONE) this.lostWrites += this.#swapSlot - this.#stored;
      this.#swapSlot = NONE;
      return this.#gone();
    }
    return this.#drop(this.#pte);
  }

  #drop(frame: number): StepResult {
    if (frame === NONE) return 'gone';
    this.lostWrites += Math.max(0, this.#frames[frame]! - this.#stored);
    return this.#gone();
  }
  #gone(): StepResult {
    this.#pte = this.#cache = this.#staging = this.#detached = NONE;
    this.unprotect();
    this.phase = 'evicted';
    return 'ok';
  }

  #abort(reason: AbortReason): void {
    this.phase = 'aborted';
    this.reason = reason;
  }

  #use(frame: number, writes: boolean): 'done' {
    if (writes) return this.#writeTo(frame);
    if (this.lostWrites > 0) this.staleReads++;
    return 'done';
  }
  #writeTo(frame: number): 'done' {
    this.#frames[frame]!++;
    // A frame that belongs to nobody any more: the write goes nowhere.
    const owners = [this.#pte, this.#cache, this.#staging, this.#detached, this.#swapCache];
    if (!owners.includes(frame)) this.lostWrites++;
    return 'done';
  }

  #save(): readonly unknown[] {
    return [
      [
        this.#pte,
        this.#cache,
        this.#tlb,
        this.#staging,
        this.#detached,
        this.#swapCache,
        this.#pin,
        this.#swapSlot,
        this.#copied,
        this.#stored,
      ],
      [this.#sync, this.#tlbWritable, this.#wp, this.#armed, this.#locked],
      [...this.#frames],
    ];
  }
  #restore(saved: readonly unknown[]): void {
    const [places, flags, frames] = saved as [number[], boolean[], number[]];
    [
      this.#pte,
      this.#cache,
      this.#tlb,
      this.#staging,
      this.#detached,
      this.#swapCache,
      this.#pin,
      this.#swapSlot,
      this.#copied,
      this.#stored,
    ] = places as [number, number, number, number, number, number, number, number, number, number];
    [this.#sync, this.#tlbWritable, this.#wp, this.#armed, this.#locked] = flags as [boolean, boolean, boolean, boolean, boolean];
    this.#frames = frames;
  }
}
