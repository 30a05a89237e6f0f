/**
 * The slow oracle of the eviction replay: every page an object, victims found by sorting all of them, writes kept as a list, and for
 * each primitive the interval in which it lets accesses in, written down from kernel-semantics 11, not from its steps.
 */
import { flightOf, ORACLE_PRIMITIVES, type OracleAccess, type OracleFlight, type OraclePrimitive } from './eviction-oracle-flight.ts';
import type { OracleEvictions, OracleSightings, OracleStep, OracleSwapper } from './eviction-oracle-plan.ts';
import { isFree, OraclePages, refusalOf, type OracleEpisode as Episode, type OraclePage as Page } from './eviction-oracle-pages.ts';
import { meaningOf, type PlainTouch, type PlainTrace } from './trace.ts';

export function oracleEvictions(trace: PlainTrace, swapper: OracleSwapper, reports: readonly OracleSightings[]): OracleEvictions {
  return new Oracle(trace, swapper).run(reports);
}

class Oracle {
  readonly #trace: PlainTrace;
  readonly #s: OracleSwapper;
  readonly #window: OraclePrimitive;
  readonly #usesSync: boolean;
  readonly #pages: OraclePages;
  readonly #out: OracleEvictions = { evictions: [], refaults: [], blocked: { user: 0, kernel: 0, reads: 0, writes: 0 }, lost: 0, peak: 0 };
  #episode: Episode | undefined;
  #isSync = false;
  #rearm = false;
  #mayKick = true;
  /** A report came in a sync phase: what it calls cold goes next. */
  #again = false;
  #stalledAt: number | undefined;
  /** Pages refused while one fault looks for a frame. */
  #refused = 0;

  constructor(trace: PlainTrace, swapper: OracleSwapper) {
    this.#trace = trace;
    this.#s = swapper;
    this.#pages = new OraclePages(swapper);
    this.#window = ORACLE_PRIMITIVES[swapper.primitive]!;
    this.#usesSync = swapper.open.some(({ name }) => name === 'set-sync');
  }

  run(reports: readonly OracleSightings[]): OracleEvictions {
    const { frames } = this.#trace;
    let readyNs = frames[0]?.t0Ns ?? 0;
    frames.forEach(({ t0Ns, t1Ns, touches }, f) => {
      const startNs = Math.max(t0Ns, readyNs);
      readyNs = Math.max(startNs, t1Ns);
      this.#completeBefore(startNs);
      touches.forEach((touch, i) => {
        const ns = startNs + Math.floor(((readyNs - startNs) * (i + 1)) / touches.length);
        this.#completeBefore(ns);
        this.#touch(touch, ns);
      });
      for (const { after, pages } of reports) if (after === f + 1) this.#report(pages, t1Ns);
    });
    const endNs = frames.at(-1)?.t1Ns ?? 0;
    this.#completeBefore(endNs);
    this.#cutOff(endNs);
    return this.#out;
  }

  #touch(touch: PlainTouch, ns: number): void {
    const page = this.#pages.of(touch.page);
    const access = { ...meaningOf(this.#trace, touch), ns };
    if (this.#passesBy(page, access)) return;
    if (page.flight !== undefined) return this.#touchFlight(page, page.flight, access);
    if (page.where !== 'here') this.#fault(page, access);
    else if (page.isArmed) {
      page.isArmed = false;
      if (this.#isSync) {
        this.#pages.see(page);
        this.#message(access);
      }
    }
    this.#pages.reached(page, access);
  }

  /** Through a pin, or through somebody else's entry for a page that is there: no fault, and nothing the swapper's tables show. */
  #passesBy(page: Page, access: OracleAccess): boolean {
    const { flight, where, pin } = page;
    if (access.actor === 'device' && pin === 'elsewhere') {
      if (!access.writes) return true;
      this.#out.lost++;
      if (where !== 'here') page.isStale = true;
      return true;
    }
    if (access.actor === 'device' && pin === 'here') {
      flight?.note(access);
      return true;
    }
    if (!this.#pages.isElsewhere(access) || !isFree(page)) return false;
    this.#pages.reached(page, access);
    return true;
  }

  #fault(page: Page, access: OracleAccess): void {
    const { limit } = this.#s;
    this.#refused = 0;
    while (limit !== undefined && this.#pages.used >= limit && this.#refused < this.#pages.used) {
      const waitNs = this.#episode === undefined ? this.#evictDirectly(access.ns) : this.#stall(access.ns);
      this.#waits(access, waitNs);
    }
    if (page.where === 'out') this.#refault(page, access, access.ns - page.droppedNs, this.#s.refaultNs);
    page.where = 'here';
    this.#pages.faultedIn(page);
    this.#notePeak();
    if (limit !== undefined && this.#pages.used > this.#s.high && this.#mayKick && this.#episode === undefined)
      this.#mayKick = this.#begin(access.ns, false);
  }

  #report(pages: readonly number[], ns: number): void {
    this.#completeBefore(ns + 1);
    this.#pages.report(pages);
    this.#mayKick = true;
    if (this.#episode !== undefined && this.#usesSync) {
      this.#episode.queue = [];
      this.#again = this.#s.limit === undefined;
    } else if (this.#episode !== undefined) this.#episode.queue = this.#choose();
    else if (this.#s.limit === undefined || this.#pages.used > this.#s.high) this.#mayKick = this.#begin(ns, true);
    this.#rearm = this.#s.armed && this.#usesSync;
    if (this.#episode === undefined) this.#armAll();
  }

  // The swapper.

  #begin(ns: number, atReport: boolean): boolean {
    const queue = this.#choose();
    if (queue.length === 0) return false;
    const unarmed = queue.filter(({ page }) => !this.#s.armed || page.isKnown).length;
    const steps = unarmed > 0 ? this.#s.openArming : this.#s.open;
    const scanIsKnown = this.#s.armed && atReport;
    const times = { dueNs: ns, startNs: ns };
    this.#episode = { phase: 'open', steps, done: 0, ...times, unarmed, scanIsKnown, queue, batch: [], givenBack: 0 };
    if (steps.length === 0) this.#nextBatch(this.#episode);
    else this.#schedule(this.#episode);
    return true;
  }

  /** Pages that the policy wants gone, first to go first. */
  #choose(): Episode['queue'] {
    const free = this.#pages.free().filter(({ report }) => this.#s.cold === 0 || report <= this.#pages.reports - this.#s.cold);
    const flying = this.#pages.flying().length;
    const wanted = this.#s.limit === undefined ? free.length : Math.max(0, this.#pages.used - flying - this.#s.low);
    const sorted = this.#s.limit === undefined ? free.sort((a, b) => a.page - b.page) : this.#pages.inOrder(free);
    return sorted.slice(0, wanted).map((page) => ({ page, seen: page.seen }));
  }

  #schedule(episode: Episode): void {
    const step = episode.steps[episode.done]!;
    episode.dueNs += this.#durationOf(step, this.#pagesIn(episode, step));
  }
  #durationOf(step: OracleStep, pages: number): number {
    return pages === 0 && !step.name.startsWith('set-') ? 0 : step.ns(pages);
  }
  #pagesIn(episode: Episode, { name }: OracleStep): number {
    if (episode.phase === 'close' || (name === 'scan' && episode.scanIsKnown)) return 0;
    if (episode.phase === 'open') return name === 'rwp-arm' ? episode.unarmed : episode.queue.length;
    return episode.batch.length - episode.givenBack;
  }

  #completeBefore(ns: number): void {
    while (this.#episode !== undefined && this.#episode.dueNs < ns) this.#completeStep(this.#episode);
  }

  #completeStep(episode: Episode): void {
    const { name } = episode.steps[episode.done]!;
    episode.done++;
    if (name === 'set-sync' || name === 'set-async') this.#isSync = name === 'set-sync';
    if (name === 'rwp-arm') for (const { page } of episode.queue) page.isArmed ||= isFree(page) && (!this.#s.armed || page.isKnown);
    if (name === 'scan') for (const { page } of episode.queue) if (isFree(page) && !page.isArmed) this.#pages.see(page);
    if (episode.phase === 'batch') {
      // Pages that were touched first are answered first.
      const touched = (page: Page): number => page.flight?.touched ?? Infinity;
      for (const page of episode.batch.toSorted((a, b) => (touched(a) === touched(b) ? 0 : touched(a) - touched(b))))
        this.#advance(episode, page);
    }
    if (episode.done < episode.steps.length) return this.#schedule(episode);
    if (episode.phase === 'close') return this.#endEpisode(episode.dueNs);
    this.#nextBatch(episode);
  }

  #nextBatch(episode: Episode): void {
    const wasOpened = episode.phase === 'batch' || episode.steps.length > 0;
    episode.batch = [];
    episode.givenBack = 0;
    while (episode.batch.length < this.#s.batch && episode.queue.length > 0) {
      const { page, seen } = episode.queue.shift()!;
      if (!isFree(page)) continue;
      if (this.#isSync ? page.isArmed : this.#s.byFaultIn || page.seen === seen) {
        page.flight = flightOf(episode.dueNs);
        // Steps may refuse it: it is looked at like one that has been touched, before all others.
        if (page.pin === 'here' || page.isMappedElsewhere) page.flight.touched = 0;
        episode.batch.push(page);
      } else if (this.#s.byFaultIn) page.faultIn = ++this.#pages.events;
    }
    episode.startNs = episode.dueNs;
    episode.done = 0;
    episode.phase = episode.batch.length > 0 ? 'batch' : 'close';
    episode.steps = episode.batch.length > 0 ? this.#s.evict : wasOpened ? this.#s.close : [];
    if (episode.steps.length > 0) this.#schedule(episode);
    else this.#endEpisode(episode.dueNs);
  }
  #endEpisode(dueNs: number): void {
    this.#episode = undefined;
    this.#isSync = false;
    if (this.#again) {
      this.#again = false;
      if (this.#begin(dueNs, false)) return;
    }
    this.#armAll();
  }
  #armAll(): void {
    if (!this.#rearm) return;
    this.#rearm = false;
    for (const page of this.#pages.all()) {
      page.isKnown = false;
      if (isFree(page)) page.isArmed = true;
    }
  }

  /** The workload stands still until the batch, or the steps around it, are over. */
  #stall(ns: number): number {
    const episode = this.#episode!;
    const { phase, batch } = episode;
    let endNs = ns;
    this.#stalledAt = ns;
    while (this.#episode === episode && episode.phase === phase && episode.batch === batch) {
      endNs = episode.dueNs;
      this.#completeStep(episode);
    }
    this.#stalledAt = undefined;
    episode.dueNs -= endNs - ns;
    episode.startNs -= endNs - ns;
    for (const { flight } of episode.batch) if (flight !== undefined) flight.startNs = episode.startNs;
    return endNs - ns;
  }

  #evictDirectly(ns: number): number {
    const chosen = this.#pages.inOrder(this.#pages.free()).slice(0, this.#s.direct);
    const unarmed = chosen.filter(({ isKnown }) => !this.#s.armed || isKnown).length;
    let tookNs = 0;
    const take = (steps: readonly OracleStep[], pagesOf: (name: string) => number): void => {
      for (const step of steps) tookNs += this.#durationOf(step, pagesOf(step.name));
    };
    take(unarmed > 0 ? this.#s.openArming : this.#s.open, (name) => (name === 'rwp-arm' ? unarmed : chosen.length));
    const isHot = ({ isKnown, isArmed }: Page): boolean => this.#usesSync && this.#s.armed && !isKnown && !isArmed;
    const gone = chosen.filter((page) => !isHot(page));
    for (const page of chosen.filter(isHot)) {
      this.#pages.see(page);
      if (this.#s.byFaultIn) page.faultIn = this.#pages.events;
    }
    const refusing = this.#window.refuses === undefined ? 0 : 1;
    take(this.#s.evict.slice(0, refusing), () => gone.length);
    const end = (page: Page, outcome: string): void =>
      this.#ended({ page: page.page, t: ns, outcome, direct: true, latency: tookNs, reads: 0, writes: 0, lost: 0, blocked: 0 });
    const refused = gone.filter((page) => refusalOf(page, this.#window) !== undefined);
    for (const page of refused) {
      end(page, `aborted-${refusalOf(page, this.#window)}`);
      page.isArmed = false;
      this.#pages.faultedIn(page);
    }
    this.#refused += refused.length;
    const dropped = gone.filter((page) => !refused.includes(page));
    take(this.#s.evict.slice(refusing, this.#window.goneAt), () => dropped.length);
    for (const page of dropped) {
      Object.assign(page, { where: 'out', droppedNs: ns, isStale: false, wasRead: false });
      this.#pages.dropped(page);
      end(page, 'done');
    }
    take(this.#s.evict.slice(this.#window.goneAt), () => dropped.length);
    take(this.#s.close, () => 0);
    return tookNs;
  }

  // Pages under eviction.

  #touchFlight(page: Page, flight: OracleFlight, access: OracleAccess): void {
    const done = this.#episode!.done;
    flight.touched ??= ++this.#pages.events;
    const answer = flight.answer(this.#window, done, access, this.#pages.isElsewhere(access));
    if (answer === 'passes') return this.#pages.reached(page, access);
    const isLocked = answer === 'lock';
    if (flight.waiters.length === 0 && this.#s.rescue && !isLocked && this.#window.canGiveBack !== false) {
      this.#message(access);
      flight.blockedNs += this.#s.messageNs;
      this.#giveBack(page, flight, 'cancelled', access.ns);
      return this.#pages.reached(page, access);
    }
    this.#countWait(access);
    flight.waiters.push(access);
  }

  /** What the step just completed means for one page of the batch. */
  #advance({ done, dueNs, steps }: Episode, page: Page): void {
    const { flight } = page;
    if (flight === undefined) return;
    const window = this.#window;
    const refusal = refusalOf(page, this.#window);
    if (done === 1 && refusal !== undefined) return this.#giveBack(page, flight, refusal, dueNs);
    if (done === window.copiedAt) flight.copy = [...flight.written];
    if (done === window.lock?.until) this.#unlock(page, flight, dueNs);
    if (flight.isMappedAgain && window.lock?.noticed.includes(done)) return this.#giveBack(page, flight, 'swapped-in', dueNs);
    if (done === window.goneAt && page.flight !== undefined) this.#drop(page, flight, dueNs);
    if (done === steps.length) this.#fill(page, dueNs);
  }

  /** Accesses that waited for the page lock try again. */
  #unlock(page: Page, flight: OracleFlight, ns: number): void {
    const waiters = flight.waiters.splice(0);
    for (const waiter of waiters) {
      flight.blockedNs += ns - waiter.ns;
      this.#waits(waiter, ns - waiter.ns);
      if (this.#isSync) flight.waiters.push({ ...waiter, ns });
      else {
        flight.isMappedAgain = true;
        this.#pages.reached(page, waiter);
      }
    }
    if (flight.waiters.length > 0 && this.#s.rescue) this.#giveBack(page, flight, 'cancelled', ns);
  }

  #drop(page: Page, flight: OracleFlight, ns: number): void {
    const lost = flight.written.filter((write) => !flight.copy!.includes(write)).length;
    this.#endFlight(page, flight, lost > 0 ? 'lost-write' : 'done', ns, lost);
    const droppedNs = Math.min(ns, this.#stalledAt ?? Infinity);
    Object.assign(page, { droppedNs, isStale: lost > 0, wasRead: flight.reads > 0 });
    this.#pages.dropped(page);
    page.where = flight.waiters.length > 0 ? 'filling' : 'out';
    if (page.where === 'out') page.flight = undefined;
  }

  /** The first of the accesses that waited brings the page back. */
  #fill(page: Page, ns: number): void {
    if (page.where !== 'filling') return;
    const [first, ...others] = page.flight!.waiters;
    this.#refault(page, first!, 0, ns - first!.ns + this.#s.refaultNs);
    for (const waiter of others) this.#waits(waiter, ns - waiter.ns + this.#s.refaultNs);
    for (const waiter of page.flight!.waiters) this.#pages.reached(page, waiter);
    page.where = 'here';
    page.flight = undefined;
    this.#pages.faultedIn(page);
  }

  #giveBack(page: Page, flight: OracleFlight, reason: string, ns: number): void {
    this.#endFlight(page, flight, `aborted-${reason}`, ns, 0);
    for (const waiter of flight.waiters) {
      this.#waits(waiter, ns - waiter.ns + this.#s.messageNs);
      this.#pages.reached(page, waiter);
    }
    page.flight = undefined;
    page.isArmed = false;
    this.#episode!.givenBack++;
    this.#pages.faultedIn(page);
  }

  #endFlight({ page }: Page, flight: OracleFlight, outcome: string, ns: number, lost: number): void {
    const { startNs, reads, written } = flight;
    const blocked = flight.waiters.reduce((sum, waiter) => sum + ns - waiter.ns, flight.blockedNs);
    const direct = this.#stalledAt !== undefined;
    this.#out.lost += lost;
    this.#ended({ page, t: startNs, outcome, direct, latency: ns - startNs, reads, writes: written.length, lost, blocked });
  }

  #cutOff(ns: number): void {
    for (const page of this.#pages.all()) {
      if (page.where === 'filling') this.#fill(page, ns);
      else if (page.flight !== undefined) {
        this.#endFlight(page, page.flight, 'unfinished', ns, 0);
        for (const waiter of page.flight.waiters) this.#waits(waiter, ns - waiter.ns + this.#s.messageNs);
      }
    }
  }

  // Bookkeeping.

  #notePeak(): void {
    (this.#out as { peak: number }).peak = Math.max(this.#out.peak, this.#pages.used);
  }
  #message(access: OracleAccess): void {
    this.#countWait(access);
    this.#waits(access, this.#s.messageNs);
  }
  #countWait({ writes }: OracleAccess): void {
    this.#out.blocked[writes ? 'writes' : 'reads']++;
  }
  #waits({ mapped }: OracleAccess, ns: number): void {
    this.#out.blocked[mapped ? 'user' : 'kernel'] += ns;
  }
  #refault(page: Page, access: OracleAccess, away: number, wait: number): void {
    this.#waits(access, wait);
    const name = `${access.mapped ? '' : 'kernel '}${access.writes ? 'write' : 'read'}`;
    this.#out.refaults.push({ page: page.page, t: access.ns, access: name, away, wait, windowRead: page.wasRead, stale: page.isStale });
  }
  #ended(eviction: object): void {
    this.#out.evictions.push(eviction);
  }
}
