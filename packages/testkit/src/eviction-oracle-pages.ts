/** The pages of the eviction oracle: who is in memory, who was seen last, who holds on to them. */
import type { Actor } from '@workset/model';
import type { OracleFlight, OraclePrimitive } from './eviction-oracle-flight.ts';
import type { OracleStep } from './eviction-oracle-plan.ts';

/** What is known of a page. */
export interface OraclePage {
  readonly page: number;
  where: 'never' | 'here' | 'out' | 'filling';
  flight?: OracleFlight | undefined;
  isArmed: boolean;
  /** The swapper knows that it is not armed. */
  isKnown: boolean;
  /** Number of the event that showed the page last; pages of one report share one. */
  seen: number;
  faultIn: number;
  /** Reports counted as in "seen for the last time by the n-th". */
  report: number;
  droppedNs: number;
  isStale: boolean;
  /** Where the frame is that a device has pinned. */
  pin: 'none' | 'here' | 'elsewhere';
  /** Another process maps it. */
  isMappedElsewhere: boolean;
  wasRead: boolean;
}

/** A round of evictions under way. */
export interface OracleEpisode {
  phase: 'open' | 'batch' | 'close';
  steps: readonly OracleStep[];
  done: number;
  dueNs: number;
  startNs: number;
  unarmed: number;
  scanIsKnown: boolean;
  queue: { readonly page: OraclePage; readonly seen: number }[];
  batch: OraclePage[];
  /** Of the batch. */
  givenBack: number;
}

export class OraclePages {
  readonly #pages = new Map<number, OraclePage>();
  readonly #byFaultIn: boolean;
  readonly #isFile: boolean;
  /** So many sightings so far, and reports. */
  events = 0;
  reports = 0;

  constructor({ byFaultIn, isFile }: { readonly byFaultIn: boolean; readonly isFile: boolean }) {
    this.#byFaultIn = byFaultIn;
    this.#isFile = isFile;
  }

  of(page: number): OraclePage {
    const known = this.#pages.get(page);
    if (known !== undefined) return known;
    const fresh: OraclePage = {
      page,
      where: 'never',
      isArmed: false,
      isKnown: false,
      seen: 0,
      faultIn: 0,
      report: 0,
      droppedNs: 0,
      isStale: false,
      pin: 'none',
      isMappedElsewhere: false,
      wasRead: false,
    };
    this.#pages.set(page, fresh);
    return fresh;
  }
  all(): OraclePage[] {
    return [...this.#pages.values()];
  }
  free(): OraclePage[] {
    return this.all().filter(isFree);
  }
  flying(): OraclePage[] {
    return this.all().filter(({ flight, where }) => flight !== undefined && where === 'here');
  }
  /** Page frames in use. */
  get used(): number {
    return this.all().filter(({ where }) => where === 'here' || where === 'filling').length;
  }
  /** First to go first. */
  inOrder(pages: OraclePage[]): OraclePage[] {
    return this.#byFaultIn
      ? pages.sort((a, b) => a.faultIn - b.faultIn)
      : pages.sort((a, b) => (a.seen === b.seen ? a.page - b.page : a.seen - b.seen));
  }

  report(numbers: readonly number[]): void {
    this.reports++;
    this.events++;
    for (const page of numbers.map((number) => this.of(number))) {
      page.seen = this.events;
      page.report = this.reports;
      page.isKnown = true;
    }
  }
  see(page: OraclePage): void {
    page.seen = ++this.events;
    page.report = this.reports + 1;
    page.isKnown = true;
  }
  faultedIn(page: OraclePage): void {
    this.see(page);
    page.faultIn = this.events;
  }

  /** True for an access through another process's mapping; private memory has none. */
  isElsewhere({ actor }: { readonly actor: Actor }): boolean {
    return this.#isFile && actor === 'other';
  }
  /** An access has got to the page: a device has pinned it first, another process has mapped it. */
  reached(page: OraclePage, access: { readonly actor: Actor }): void {
    if (access.actor === 'device' && page.pin === 'none') page.pin = 'here';
    if (this.isElsewhere(access)) page.isMappedElsewhere = true;
  }
  /** The page's entry is gone, and all others that the kernel can find; a pin holds what it held. */
  dropped(page: OraclePage): void {
    page.isArmed = page.isMappedElsewhere = false;
    if (page.pin === 'here') page.pin = 'elsewhere';
  }
}

export function isFree({ where, flight }: OraclePage): boolean {
  return where === 'here' && flight === undefined;
}

/** Why the kernel does not give the page away, as the first step of a batch finds; undefined when it does. */
export function refusalOf({ pin, isMappedElsewhere }: OraclePage, { refuses }: OraclePrimitive): 'pinned' | 'shared' | undefined {
  if (refuses !== undefined && pin === 'here') return 'pinned';
  return refuses === 'pinned and shared' && isMappedElsewhere ? 'shared' : undefined;
}
