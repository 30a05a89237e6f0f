/** DAMON's physical-address operations, step by step as kernel-semantics 8 lists them; random numbers come from outside. */
import type { Coroutine, OracleDesk, OracleWorld } from './schemes.ts';

export interface OracleDamonConfig {
  readonly sample: number;
  readonly aggr: number;
  readonly min: number;
  readonly max: number;
  readonly threshold: number;
  readonly kernel: string;
  /** Auto-tuning (8.3); absent = off. */
  readonly goal?: number;
  readonly goalAggrs?: number;
  readonly minSample?: number;
  readonly maxSample?: number;
  /** Ops update interval, where the memory to monitor is asked for again. */
  readonly update?: number;
}

interface Region {
  start: number;
  end: number;
  nrAccesses: number;
  lastNrAccesses: number;
  age: number;
}

/** Uniform integer in [0, n). */
export type DrawRandom = (n: number) => number;

/** Page numbers [startPage, startPage + nPages). */
export interface MonitoredRange {
  readonly startPage: number;
  readonly nPages: number;
}

/** How one page is made old and looked at. */
export interface DamonPrimitives {
  mkold(page: number): void;
  isAccessed(page: number): boolean;
}

export function damonPaddr(world: OracleWorld, config: OracleDamonConfig, initial: MonitoredRange, draw: DrawRandom): Coroutine {
  const primitives = { mkold: (page: number) => mkold(world, page), isAccessed: (page: number) => isAccessed(world, page) };
  return damonLoop({ ...world, ...primitives }, config, [initial], draw);
}

export function* damonLoop(
  world: OracleDesk & DamonPrimitives & { readonly tracked: readonly number[] },
  config: OracleDamonConfig,
  initial: readonly MonitoredRange[],
  draw: DrawRandom,
  updated?: () => readonly MonitoredRange[],
): Coroutine {
  const isModern = config.kernel !== '6.1';
  const limitOf = (ranges: readonly MonitoredRange[]): number =>
    Math.max(1, Math.floor(ranges.reduce((sum, { nPages }) => sum + nPages, 0) / config.min));
  let limit = limitOf(initial);
  const regions: Region[] = initial
    .filter(({ nPages }) => nPages > 0)
    .map(({ startPage, nPages }) => newRegion(startPage, startPage + nPages));
  if (regions.length === 0 && updated === undefined) return;
  if (isModern) cutToSize(regions, limit);
  let passed = 0;
  let nextUpdate = samplesPerUpdate(config, config.sample);
  const split = isModern ? splitter73(config, draw) : splitter61(config, draw);
  let aggregatedAt = world.startNs;
  let now = world.startNs;
  let interval = config.sample;
  let aggr = config.aggr;
  for (let aggregation = 1; ; aggregation++) {
    let isUpdate = false;
    const perUpdate = samplesPerUpdate(config, interval);
    for (let sample = 0; sample < samplesPerAggregation(config); sample++) {
      if (isUpdate) {
        coverAgain(regions, updated!());
        limit = limitOf(regions.map(({ start, end }) => ({ startPage: start, nPages: end - start })));
      }
      const picks = regions.map((region) => region.start + draw(sizeOf(region)));
      picks.forEach((page) => world.mkold(page));
      now = yield now + interval;
      regions.forEach((region, i) => {
        if (world.isAccessed(picks[i]!)) region.nrAccesses++;
      });
      isUpdate = updated !== undefined && ++passed >= nextUpdate;
      if (isUpdate) nextUpdate += perUpdate;
    }
    mergeAll(regions, config, limit);
    if (isModern) cutToSize(regions, limit);
    report(world, config, regions, aggregatedAt, now, aggr);
    aggregatedAt = now;
    const { goal = 0, goalAggrs = 1 } = config;
    if (goal > 0 && aggregation % goalAggrs === 0) {
      const scale = tuning(regions, config);
      const before = aggr;
      if (scale !== 10_000) {
        interval = tuned(interval, scale, config);
        aggr = interval * samplesPerAggregation(config);
      }
      // Setting attributes starts the wait for the next update anew, but for one that is due now.
      if (scale !== 10_000 && !isUpdate) nextUpdate = passed + samplesPerUpdate(config, interval);
      for (const region of regions) region.age = Math.floor((region.age * before) / aggr);
    }
    for (const region of regions) {
      region.lastNrAccesses = region.nrAccesses;
      region.nrAccesses = 0;
    }
    split(regions);
    if (isUpdate) {
      coverAgain(regions, updated!());
      limit = limitOf(regions.map(({ start, end }) => ({ startPage: start, nPages: end - start })));
    }
  }
}

/** 8.3: the share of checks that found an access, in 1/10000 of the goal, decides: none doubles the interval, twice the goal and more nearly halves it. */
function tuning(regions: readonly Region[], config: OracleDamonConfig): number {
  let seen = 0;
  let possible = 0;
  for (const region of regions) {
    seen += 4096 * sizeOf(region) * region.nrAccesses;
    possible += 4096 * sizeOf(region) * Math.floor(config.aggr / config.sample);
  }
  const wanted = Math.floor(possible * config.goal!) || 1;
  let bp = 20_000 - Math.floor((10_000 * seen) / wanted);
  if (bp < 1) bp = 1;
  return bp <= 10_000 ? 5000 + Math.floor(bp / 2) : bp;
}
function tuned(interval: number, bp: number, config: OracleDamonConfig): number {
  const scaled = Math.floor(interval * (bp / 10_000));
  if (scaled > config.maxSample!) return Math.max(config.minSample!, config.maxSample!);
  return scaled < config.minSample! ? config.minSample! : scaled;
}

function samplesPerUpdate({ update = Infinity, kernel }: OracleDamonConfig, interval: number): number {
  return Math.max(1, kernel === '6.1' ? Math.ceil(update / interval) : Math.floor(update / interval));
}

/** The regions that touch a range become that range, without holes; a range without any becomes one; what touches none is dropped. */
function coverAgain(regions: Region[], ranges: readonly MonitoredRange[]): void {
  const left = regions.splice(0);
  for (const { startPage, nPages } of ranges) {
    const end = startPage + nPages;
    const mine: Region[] = [];
    while (left.length > 0 && left[0]!.start < end) {
      const region = left.shift()!;
      if (region.end > startPage) mine.push(region);
    }
    if (mine.length === 0) {
      if (nPages > 0) regions.push(newRegion(startPage, end));
      continue;
    }
    let at = startPage;
    for (const region of mine) {
      if (region === mine[0]) region.start = startPage;
      if (region === mine.at(-1)) region.end = end;
      if (region.start > at) regions.push(newRegion(at, region.start));
      regions.push(region);
      at = region.end;
    }
  }
}

/** 6.1 waits until the aggregation interval has passed; later kernels count whole sampling intervals. */
function samplesPerAggregation({ aggr, sample, kernel }: OracleDamonConfig): number {
  return Math.max(1, kernel === '6.1' ? Math.ceil(aggr / sample) : Math.floor(aggr / sample));
}

function newRegion(start: number, end: number): Region {
  return { start, end, nrAccesses: 0, lastNrAccesses: 0, age: 0 };
}

function sizeOf(region: Region): number {
  return region.end - region.start;
}

/** Only a page on an LRU list can be made old; outside the tracked memory there is none. */
function mkold({ memory, tracked }: OracleWorld, number: number): void {
  const page = tracked.includes(number) ? memory.page(number) : undefined;
  if (page === undefined || !page.onLru) return;
  page.accessed = false;
  page.idle = true;
}

function isAccessed({ memory, tracked }: OracleWorld, number: number): boolean {
  const page = tracked.includes(number) ? memory.page(number) : undefined;
  return page !== undefined && page.onLru && (page.accessed || !page.idle);
}

/** 8.2 steps 1 to 3. */
function mergeAll(regions: Region[], config: OracleDamonConfig, limit: number): void {
  const isModern = config.kernel !== '6.1';
  const maxThreshold = Math.max(1, Math.floor(config.aggr / config.sample));
  let threshold = Math.floor(Math.max(...regions.map((region) => region.nrAccesses)) / 10);
  mergePass(regions, threshold, limit, (region) => {
    const hasFlipped = isModern && (region.nrAccesses === 0) !== (region.lastNrAccesses === 0);
    if (hasFlipped || Math.abs(region.nrAccesses - region.lastNrAccesses) > threshold) region.age = 0;
    else region.age++;
  });
  if (!isModern) return;
  while (regions.length > config.max && threshold < maxThreshold) {
    threshold = threshold < Math.floor(maxThreshold / 2) ? Math.max(1, threshold * 2) : maxThreshold;
    mergePass(regions, threshold, limit, () => {});
  }
}

function mergePass(regions: Region[], threshold: number, limit: number, visit: (region: Region) => void): void {
  let i = 0;
  while (i < regions.length) {
    const region = regions[i]!;
    visit(region);
    const left = regions[i - 1];
    const fits =
      left !== undefined &&
      left.end === region.start &&
      Math.abs(left.nrAccesses - region.nrAccesses) <= threshold &&
      sizeOf(left) + sizeOf(region) <= limit;
    if (!fits) {
      i++;
      continue;
    }
    const mean = (a: number, b: number): number => Math.floor((a * sizeOf(left) + b * sizeOf(region)) / (sizeOf(left) + sizeOf(region)));
    const nrAccesses = mean(left.nrAccesses, region.nrAccesses);
    left.age = mean(left.age, region.age);
    left.nrAccesses = nrAccesses;
    left.end = region.end;
    regions.splice(i, 1);
  }
}

/** 8.2 step 4: no region stays larger than the limit. */
function cutToSize(regions: Region[], limit: number): void {
  for (let i = 0; i < regions.length; i++) if (sizeOf(regions[i]!) > limit) splitAt(regions, i, limit);
}

function splitAt(regions: Region[], i: number, leftSize: number): void {
  const region = regions[i]!;
  regions.splice(i + 1, 0, { ...region, start: region.start + leftSize });
  region.end = region.start + leftSize;
}

/** Cuts region i into at most `pieces`; the left part is cut again. Returns how many regions it became. */
function cutAtRandom(regions: Region[], i: number, pieces: number, draw: DrawRandom): number {
  let made = 1;
  for (let cut = 1; cut < pieces && sizeOf(regions[i]!) > 2; cut++) {
    const size = sizeOf(regions[i]!);
    const leftSize = Math.floor(((1 + draw(9)) * size) / 10);
    if (leftSize === 0 || leftSize >= size) continue;
    splitAt(regions, i, leftSize);
    made++;
  }
  return made;
}

function splitEach(regions: Region[], pieces: number, draw: DrawRandom): void {
  for (let i = 0; i < regions.length;) i += cutAtRandom(regions, i, pieces, draw);
}

function splitter61(config: OracleDamonConfig, draw: DrawRandom): (regions: Region[]) => void {
  let lastCount = 0;
  return (regions) => {
    const count = regions.length;
    if (count > Math.floor(config.max / 2)) return;
    splitEach(regions, lastCount === count && count < Math.floor(config.max / 3) ? 3 : 2, draw);
    lastCount = count;
  };
}

/** 8.2 step 5. */
function splitter73(config: OracleDamonConfig, draw: DrawRandom): (regions: Region[]) => void {
  let lastCount = 0;
  let rotation = 0;
  return (regions) => {
    const count = regions.length;
    if (count >= config.max) return;
    if (count > Math.floor(config.max / 2)) {
      const every = Math.floor(config.max / (config.max - count));
      const chosen = regions.filter((_, i) => i % every === rotation % every);
      rotation++;
      for (const region of chosen) cutAtRandom(regions, regions.indexOf(region), 2, draw);
    } else {
      splitEach(regions, lastCount === count && count < Math.floor(config.max / 3) ? 3 : 2, draw);
    }
    lastCount = count;
  };
}

function report(
  world: OracleDesk & { readonly tracked: readonly number[] },
  config: OracleDamonConfig,
  regions: readonly Region[],
  since: number,
  now: number,
  aggrNs: number,
): void {
  const inside = (chosen: readonly Region[]): Set<number> =>
    new Set(world.tracked.filter((page) => chosen.some(({ start, end }) => page >= start && page < end)));
  world.report({
    outerT0Ns: since,
    claimT0Ns: since,
    claimT1Ns: now,
    outerT1Ns: now,
    reported: inside(regions.filter(({ nrAccesses }) => nrAccesses >= config.threshold)),
    eligible: inside(regions),
    regions: regions.map((region) => ({
      startPage: region.start,
      nPages: sizeOf(region),
      score: region.nrAccesses,
      ageNs: region.age * aggrNs,
    })),
  });
}
