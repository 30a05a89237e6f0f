/**
 * One page under eviction, explicit to the bit: entry, TLB, page cache, pin, the swapper's copy. Contents are counts of writes, so a
 * write is lost when the frame it is in goes away and no copy holds it. Rules: kernel-semantics 1.2, 2.1, 2.4, 3, 11.
 */
import type { Backing, KernelOp } from '../primitive.ts';

export const ACCESSES = ['read', 'write', 'gup-read', 'gup-write', 'pinned-write', 'second-write'] as const;
/** gup = kernel access through the mapping (KVM, vhost, O_DIRECT); pinned = through a write pin taken before; second = another mapping of the file. */
export type Access = (typeof ACCESSES)[number];
/** Reads that lose nothing and so are not explored. */
export type QuietRead = 'pinned-read' | 'second-read';

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

interface Bits {
  sync: boolean;
  /** Frame numbers, NONE = not there. */
  pte: number;
  cache: number;
  tlb: number;
  staging: number;
  detached: number;
  swapCache: number;
  pin: number;
  tlbWritable: boolean;
  wp: boolean;
  armed: boolean;
  locked: boolean;
  /** Writes held by each frame, by the kernel's swap slot, the swapper's buffer and its store. */
  frames: number[];
  swapSlot: number;
  copied: number;
  stored: number;
}

export class PageModel {
  readonly backing: Backing;
  readonly minor: boolean;
  sharedMapping: boolean;
  phase: Phase = 'ready';
  reason: AbortReason | undefined;
  /** Writes lost so far, and reads that returned less than what had been acknowledged. */
  lostWrites = 0;
  staleReads = 0;
  #state: Bits;

  constructor(start: PageStart) {
    this.backing = start.backing;
    this.minor = start.minor;
    this.sharedMapping = start.sharedMapping;
    this.#state = {
      sync: false,
      pte: start.entry === 'unmapped' ? NONE : 0,
      cache: start.backing === 'anon' ? NONE : 0,
      tlb: NONE,
      staging: NONE,
      detached: NONE,
      swapCache: NONE,
      pin: start.pinned ? 0 : NONE,
      tlbWritable: false,
      wp: false,
      armed: start.entry === 'armed',
      locked: false,
      frames: [0],
      swapSlot: NONE,
      copied: NONE,
      stored: NONE,
    };
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
    copy.#state = { ...this.#state, frames: [...this.#state.frames] };
    return copy;
  }
  /** Equal keys behave equally from here on. */
  key(): string {
    return JSON.stringify([this.phase, this.lostWrites, this.staleReads, Object.values(this.#state)]);
  }

  access(kind: Access | QuietRead): AccessResult {
    if (kind === 'pinned-write') return this.#writeTo(this.#state.pin);
    if (kind === 'pinned-read') return 'done';
    if (kind === 'second-write' || kind === 'second-read') {
      const { cache } = this.#state;
      if (cache !== NONE) return this.#use(cache, kind === 'second-write');
      // Neither does reclaim know the page any more nor has it been reclaimed: it is found where reclaim has put it.
      if (this.#state.swapCache !== NONE) return this.access(kind === 'second-write' ? 'gup-write' : 'gup-read');
      return 'missing';
    }
    const writes = kind === 'write' || kind === 'gup-write';
    const cached = kind === 'read' || kind === 'write' ? this.#state.tlb : NONE;
    if (cached !== NONE && (!writes || this.#state.tlbWritable)) return this.#use(cached, writes);
    const fault = this.#walk(writes);
    if (fault !== undefined) return fault;
    if (kind === 'read' || kind === 'write') {
      this.#state.tlb = this.#state.pte;
      this.#state.tlbWritable = !this.#state.wp;
    }
    return this.#use(this.#state.pte, writes);
  }

  /** A device takes a long-term pin on the page as it is mapped now. */
  pin(): void {
    this.#state.pin = this.#state.pte;
  }

  /** One kernel step of the swapper. Page steps do nothing once the page is out of the eviction. */
  step(op: KernelOp): StepResult {
    if (this.phase === 'ready' && op !== 'flush') this.phase = 'evicting';
    if (op === 'set-sync' || op === 'set-async') this.#state.sync = op === 'set-sync';
    if (op === 'flush') this.#state.tlb = NONE;
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
    if (this.phase !== 'evicting' || this.#state.detached !== NONE || this.#state.locked) return false;
    if (this.#state.staging !== NONE) this.#state.pte = this.#state.staging;
    this.#state.staging = NONE;
    if (this.#state.pte === NONE && this.#state.cache !== NONE) this.#state.pte = this.#state.cache;
    this.unprotect();
    this.#abort('cancelled');
    return true;
  }

  /** Protection removed; the eviction goes on (a handler not serialised with the swapper). */
  unprotect(): void {
    this.#state.wp = this.#state.armed = false;
  }

  /** UFFDIO_COPY from the store, UFFDIO_CONTINUE, or nothing to do. */
  refill(): void {
    if (this.#state.pte !== NONE) return;
    if (this.#state.cache === NONE) {
      this.#state.frames.push(this.#state.stored);
      if (this.backing !== 'anon') this.#state.cache = this.#state.frames.length - 1;
    }
    this.#state.pte = this.backing === 'anon' ? this.#state.frames.length - 1 : this.#state.cache;
    this.unprotect();
  }
  /** True when refill has the page's contents at hand. */
  get canRefill(): boolean {
    return this.#state.pte !== NONE || this.#state.cache !== NONE || this.#state.stored !== NONE;
  }

  #walk(writes: boolean): Wait | undefined {
    if (this.#state.locked) return 'lock';
    if (this.#state.pte === NONE) {
      const fault = this.#populate();
      if (fault !== undefined) return fault;
    }
    if (this.#state.armed) {
      if (this.#state.sync) return 'rwp';
      this.#state.armed = false;
    }
    return writes && this.#state.wp ? 'wp' : undefined;
  }

  /** A fault on an entry that maps nothing. */
  #populate(): Wait | undefined {
    if (this.#state.swapCache !== NONE || this.#state.swapSlot !== NONE) {
      // A swap entry keeps its RW mark, and mapping the page again needs the RWP fault first (2.1).
      if (this.#state.armed && this.#state.sync) return 'rwp';
      if (this.#state.swapCache === NONE) this.#state.frames.push(this.#state.swapSlot);
      this.#state.pte = this.#state.swapCache === NONE ? this.#state.frames.length - 1 : this.#state.swapCache;
      if (this.backing !== 'anon') this.#state.cache = this.#state.pte;
      this.#state.swapCache = this.#state.swapSlot = NONE;
      return undefined;
    }
    if (this.#state.cache === NONE) return 'missing';
    if (this.minor) return 'minor';
    this.#state.pte = this.#state.cache;
    this.#state.armed = false;
    return undefined;
  }

  #apply(op: KernelOp): StepResult {
    switch (op) {
      case 'write-protect':
        // File memory gets a marker where no entry is; an empty anonymous entry has nothing to evict.
        this.#state.wp = this.#state.pte !== NONE || this.backing !== 'anon';
        return 'ok';
      case 'rwp-arm':
        this.#state.armed = this.#state.pte !== NONE;
        return 'ok';
      case 'scan':
        return this.#state.pte !== NONE && !this.#state.armed ? 'hot' : 'ok';
      case 'copy-mapping':
        return this.#copyThroughMapping();
      case 'copy-second':
        return this.#copy(this.#state.cache);
      case 'copy-remote':
        return this.#copy(this.#state.pte);
      case 'copy-staging':
        return this.#copy(this.#state.staging);
      case 'copy-detached':
        return this.#copy(this.#state.detached);
      case 'copy-swap':
        if (this.#state.swapSlot === NONE) return 'swapped-in';
        this.#state.copied = this.#state.swapSlot;
        return 'ok';
      case 'store':
        return this.#store();
      case 'dontneed':
        return this.#dontneed();
      case 'punch-hole':
        return this.#drop(this.#state.cache);
      case 'drop-staging':
        return this.#drop(this.#state.staging);
      case 'move':
      case 'detach':
        return this.#takeAway(op);
      case 'unmap':
        return this.#unmap();
      case 'writeback':
        this.#state.swapSlot = this.#state.frames[this.#state.swapCache]!;
        this.#state.locked = false;
        return 'ok';
      case 'reclaim':
        return this.#reclaim();
      default:
        throw new Error(`not a page step: ${op}`);
    }
  }

  #copyThroughMapping(): StepResult {
    if (this.#state.armed && this.#state.sync) return 'self-blocked';
    if (this.#state.pte === NONE && this.#state.cache !== NONE) this.#state.pte = this.#state.cache;
    return this.#copy(this.#state.pte);
  }

  #copy(frame: number): StepResult {
    if (frame === NONE) return 'gone';
    this.#state.copied = this.#state.frames[frame]!;
    return 'ok';
  }

  #store(): StepResult {
    this.#state.stored = this.#state.copied;
    if (this.#state.detached !== NONE) this.#drop(this.#state.detached);
    return 'ok';
  }

  /** The page leaves every mapping, and no later access can reach its frame but through a pin or a stale translation. */
  #takeAway(op: 'move' | 'detach'): StepResult {
    if (this.#state.pin !== NONE) return 'pinned';
    if (this.#state.pte === NONE && this.#state.cache === NONE) return 'gone';
    const frame = this.#state.pte === NONE ? this.#state.cache : this.#state.pte;
    if (op === 'move') this.#state.staging = frame;
    else this.#state.detached = frame;
    this.#state.pte = this.#state.cache = NONE;
    this.unprotect();
    return 'ok';
  }

  #unmap(): StepResult {
    if (this.#state.pin !== NONE) return 'pinned';
    if (this.sharedMapping) return 'shared';
    this.#state.swapCache = this.#state.pte === NONE ? this.#state.cache : this.#state.pte;
    if (this.#state.swapCache === NONE) return 'gone';
    this.#state.pte = this.#state.cache = NONE;
    this.#state.locked = true;
    return 'ok';
  }

  #reclaim(): StepResult {
    if (this.#state.pte !== NONE) return 'swapped-in';
    this.lostWrites += this.#state.frames[this.#state.swapCache]! - this.#state.swapSlot;
    this.#state.swapCache = NONE;
    return 'ok';
  }

  #dontneed(): StepResult {
    // An anonymous entry, or its swap slot, is all that holds the page.
    if (this.#state.pte === NONE) {
      if (this.#state.swapSlot !== NONE) this.lostWrites += this.#state.swapSlot - this.#state.stored;
      this.#state.swapSlot = NONE;
      return this.#gone();
    }
    return this.#drop(this.#state.pte);
  }

  #drop(frame: number): StepResult {
    if (frame === NONE) return 'gone';
    this.lostWrites += Math.max(0, this.#state.frames[frame]! - this.#state.stored);
    return this.#gone();
  }
  #gone(): StepResult {
    this.#state.pte = this.#state.cache = this.#state.staging = this.#state.detached = NONE;
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
    this.#state.frames[frame]!++;
    // A frame that belongs to nobody any more: the write goes nowhere.
    const owners = [this.#state.pte, this.#state.cache, this.#state.staging, this.#state.detached, this.#state.swapCache];
    if (!owners.includes(frame)) this.lostWrites++;
    return 'done';
  }
}
