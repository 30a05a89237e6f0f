/** A translation cache as lists: sets of at most `ways` translations, most recently used first. */

export interface OracleTlbConfig {
  readonly entries: number;
  readonly hugeEntries: number;
  readonly ways: number;
  /** Frames between flushes by context switches; 0 = never. */
  readonly flushFrames: number;
}

interface Translation {
  readonly key: string;
  isDirty: boolean;
}

export class OracleTlb {
  readonly #config: OracleTlbConfig;
  readonly #sets = new Map<string, Translation[]>();
  #flushedAtFrame = 0;

  constructor(config: OracleTlbConfig) {
    this.#config = config;
  }

  /** Context switches of frame `frame`, before its touches. */
  startFrame(frame: number): void {
    const { flushFrames } = this.#config;
    if (flushFrames === 0 || frame - this.#flushedAtFrame < flushFrames) return;
    this.flush();
    this.#flushedAtFrame = frame;
  }

  flush(): void {
    this.#sets.clear();
  }

  /**
   * True when the access needs no page walk. `number` is the index of the 4 KiB page, or of the 2 MiB block; the kernel reaches the
   * same memory by a translation of its own.
   */
  access(number: number, size: 'small' | 'huge', by: 'user' | 'kernel', isWrite: boolean): boolean {
    const nSets =
      2 ** Math.floor(Math.log2(Math.max(1, (size === 'small' ? this.#config.entries : this.#config.hugeEntries) / this.#config.ways)));
    const name = `${size} ${number % nSets}`;
    const set = this.#sets.get(name) ?? [];
    const key = `${by} ${number}`;
    const known = set.find((translation) => translation.key === key);
    const needsWalk = known === undefined || (isWrite && !known.isDirty);
    const rest = set.filter((translation) => translation !== known);
    this.#sets.set(name, [{ key, isDirty: isWrite || (known?.isDirty ?? false) }, ...rest].slice(0, this.#config.ways));
    return !needsWalk;
  }

  /** Drops one page's translations (an unmapping). */
  forget(number: number): void {
    for (const [name, set] of this.#sets)
      this.#sets.set(
        name,
        set.filter(({ key }) => key !== `user ${number}` && key !== `kernel ${number}`),
      );
  }
}
