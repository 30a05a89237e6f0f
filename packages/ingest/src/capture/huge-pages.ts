/**
 * Which 2 MiB blocks were backed by one huge page. What says so, strongest first: KPF_THP of a kpageflags dump, a tracker that had
 * MADV_HUGEPAGE, and a pagemap dump alone, in which most blocks map 512 consecutive frames from an aligned one on.
 */
import { dirname } from 'node:path';
import { BLOCK_PAGES, type HugeBlocks, type SpaceId } from '@workset/model';
import type { InputLog } from './input-log.ts';
import type { CaptureInput } from './inputs.ts';

/** Frames kept to compare a later dump of the same arena with; 32 MiB. */
const KEPT_FRAMES_MAX = 2 ** 22;

/** The pagemap dumps of one arena in one segment of a capture. */
interface Arena {
  readonly segment: string;
  readonly log: InputLog;
  /** Blocks that lie wholly in the arena. */
  readonly whole: Set<number>;
  /** Virtual block → physical block, of those that map aligned runs of frames. */
  readonly runs: Map<number, number>;
  readonly frames: Map<number, Float64Array>;
}

interface Flagged {
  /** Segment with its directory. */
  readonly segment: string;
  readonly label: string;
  readonly space: SpaceId;
  readonly blocks: ReadonlySet<number>;
  readonly source: string;
}

/** A block whose mapping has been read up to `pages`. */
interface Run {
  block: number;
  pages: number;
  firstFrame: number;
}

export class HugePages {
  readonly #arenas = new Map<string, Arena>();
  readonly #flagged: Flagged[] = [];
  /** Segment (with its directory) → stream whose tracker had asked for huge pages. */
  readonly #asked = new Map<string, string>();
  #keptFrames = 0;

  /** Reader of one pagemap dump: takes its pieces in order, returns how many pages have another frame than in an earlier dump. */
  dump(log: InputLog): (vPage: number, n: number, frame: Float64Array) => number {
    const key = keyOf(log.input);
    const arena: Arena = this.#arenas.get(key) ?? { segment: log.input.segment, log, whole: new Set(), runs: new Map(), frames: new Map() };
    this.#arenas.set(key, arena);
    const run: Run = { block: -1, pages: 0, firstFrame: -1 };
    return (vPage, n, frame) => {
      findRuns(arena, run, vPage, n, frame);
      return this.#changed(arena, vPage, n, frame);
    };
  }

  flagged(input: CaptureInput, space: SpaceId, blocks: Float64Array, source: string): void {
    this.#flagged.push({ segment: keyOf(input), label: input.segment, space, blocks: new Set(blocks), source });
  }

  asked(input: CaptureInput, stream: string): void {
    this.#asked.set(keyOf(input), stream);
  }

  /** Everything that is known, and a note in the log of a segment whose arena was not huge where another's was. */
  finish(): HugeBlocks[] {
    const found: HugeBlocks[] = this.#flagged.map(({ label, space, blocks, source }) => ({
      space,
      blocks: ascending(blocks),
      segment: label,
      source,
    }));
    for (const [key, arena] of this.#arenas) found.push(...this.#ofArena(key, arena));
    const huge = new Set(found.filter(({ space }) => space === 'gva').flatMap(({ blocks }) => blocks));
    for (const { whole, runs, log } of this.#arenas.values()) {
      const small = [...whole].filter((block) => huge.has(block) && !runs.has(block)).length;
      if (small > 0)
        log.reasons.add(
          'huge-elsewhere',
          'blocks that are huge pages in another segment of the capture, but not in this one; the trace has them as huge',
          { count: small, severity: 'info' },
        );
    }
    return found;
  }

  #ofArena(key: string, { segment, whole, runs }: Arena): HugeBlocks[] {
    if (runs.size === 0) return [];
    const name = segment === '' ? 'pagemap' : `${segment}.pagemap`;
    const stream = this.#asked.get(key);
    if (stream !== undefined) return both(runs, segment, `${name}: aligned runs of 512 frames, MADV_HUGEPAGE says ${stream}`);
    const found: HugeBlocks[] = [];
    const ofFrames = this.#flagged.filter(({ space }) => space === 'gpa');
    const ofSegment = ofFrames.filter((flags) => flags.segment === key);
    const flags = ofSegment.length > 0 ? ofSegment : ofFrames;
    const sure = new Map([...runs].filter(([, frame]) => flags.some(({ blocks }) => blocks.has(frame))));
    if (sure.size > 0)
      found.push(...both(sure, segment, `${name}: aligned runs of 512 frames with ${flags.map(({ source }) => source).join(', ')}`));
    const rest = new Map([...runs].filter(([block]) => !sure.has(block)));
    // One run can be chance; a dump of an arena of small pages has none or few.
    if (rest.size > 0 && 2 * runs.size >= whole.size)
      found.push(...both(rest, segment, `inferred from ${name} alone: aligned runs of 512 frames in ${runs.size} of ${whole.size} blocks`));
    return found;
  }

  #changed({ frames }: Arena, vPage: number, n: number, frame: Float64Array): number {
    const before = frames.get(vPage);
    if (before === undefined) {
      if (this.#keptFrames + n > KEPT_FRAMES_MAX) return 0;
      this.#keptFrames += n;
      frames.set(vPage, frame.slice(0, n));
      return 0;
    }
    let changed = 0;
    for (let i = 0; i < Math.min(n, before.length); i++) if (before[i]! >= 0 && frame[i]! >= 0 && before[i] !== frame[i]) changed++;
    return changed;
  }
}

function findRuns({ whole, runs }: Arena, run: Run, vPage: number, n: number, frame: Float64Array): void {
  for (let i = 0; i < n; i++) {
    const page = vPage + i;
    const offset = page % BLOCK_PAGES;
    if (offset === 0) {
      run.block = page / BLOCK_PAGES;
      run.pages = 0;
      run.firstFrame = frame[i]! % BLOCK_PAGES === 0 ? frame[i]! : -1;
    }
    if (run.block < 0) continue;
    if (frame[i] !== run.firstFrame + offset) run.firstFrame = -1;
    if (++run.pages < BLOCK_PAGES) continue;
    whole.add(run.block);
    if (run.firstFrame >= 0) runs.set(run.block, run.firstFrame / BLOCK_PAGES);
  }
}

function both(runs: ReadonlyMap<number, number>, segment: string, source: string): HugeBlocks[] {
  return [
    { space: 'gva', blocks: ascending(runs.keys()), segment, source },
    { space: 'gpa', blocks: ascending(new Set(runs.values())), segment, source },
  ];
}

function ascending(blocks: Iterable<number>): number[] {
  return [...blocks].sort((a, b) => a - b);
}

function keyOf({ path, segment }: CaptureInput): string {
  return `${dirname(path)}\0${segment}`;
}
