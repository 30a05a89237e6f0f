/**
 * Whose accesses pass by the swapper's page tables: a device's, through a long-term pin, and another process's, through its own mapping
 * (kernel-semantics 1.2). The pin is taken with the device's first touch, by GUP; from then on it holds that page frame, whatever the
 * page tables say. The other mapping lasts until the page is dropped.
 */
import { OTHER, PageBitmap, PINNED, WRITE } from '@workset/model';

export const isDevice = (cls: number): boolean => (cls & ~WRITE) === PINNED;
const isOther = (cls: number): boolean => (cls & ~WRITE) === OTHER;
export const isAside = (cls: number): boolean => isDevice(cls) || isOther(cls);

export class Pins {
  /** Pages whose frame a device holds, and those whose former frame it holds: what it writes there is lost. */
  readonly #pinned: PageBitmap;
  readonly #orphaned: PageBitmap;
  /** Pages that another process maps. */
  readonly #mapped: PageBitmap;
  readonly #isFile: boolean;

  /** @param isFile false = private memory, which nobody else can map: such accesses are taken for the kernel's */
  constructor(nPages: number, isFile: boolean) {
    this.#pinned = new PageBitmap(nPages);
    this.#orphaned = new PageBitmap(nPages);
    this.#mapped = new PageBitmap(nPages);
    this.#isFile = isFile;
  }

  isPinned(id: number): boolean {
    return this.#pinned.has(id);
  }
  isOrphaned(id: number): boolean {
    return this.#orphaned.has(id);
  }
  isMapped(id: number): boolean {
    return this.#mapped.has(id);
  }
  /** True for an access through another process's mapping. */
  isElsewhere(cls: number): boolean {
    return this.#isFile && isOther(cls);
  }

  /** An access has got to the page. */
  reached(id: number, cls: number): void {
    if (isDevice(cls)) {
      if (!this.#orphaned.has(id)) this.#pinned.add(id);
    } else if (this.isElsewhere(cls)) this.#mapped.add(id);
  }
  /** The page has been dropped. A pin keeps its frame, which is nobody's any more. */
  dropped(id: number): void {
    if (this.#pinned.has(id)) this.#orphaned.add(id);
    this.#pinned.delete(id);
    this.#mapped.delete(id);
  }
}
