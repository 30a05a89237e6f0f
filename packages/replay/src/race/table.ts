/** The race table: every primitive on every backing it supports, explored against all sets of up to three concurrent accesses. */
import { parseParams, type ParamValues } from '@workset/model';
import { BACKINGS, stepsOf, type Backing, type EvictionPrimitive } from '../primitive.ts';
import { primitives } from '../primitives/index.ts';
import { explore, type Exploration, type Handler, type Move } from './explore.ts';
import { ACCESSES, type Access, type PageStart } from './page-model.ts';
import { scheduleGrid } from './schedule-grid.ts';

export interface RaceCase {
  readonly primitive: string;
  readonly params: Readonly<Record<string, string | number | boolean>>;
  readonly backing: Backing;
  /** How the page is mapped when the eviction starts. */
  readonly entry: PageStart['entry'];
  readonly handler: Handler;
}

/** Where a lost write came in: through the mapping (CPU or kernel), through a pin taken before, or through another mapping. */
export type Path = 'mapping' | 'pin' | 'second';

export interface Loss {
  readonly accesses: readonly Access[];
  readonly moves: readonly Move[];
  /** The schedule drawn as a grid. */
  readonly grid: string;
}

export interface RaceRow extends RaceCase {
  /** True when nothing that goes through the mapping can be lost. */
  readonly safe: boolean;
  readonly blocksReads: boolean;
  readonly blocksWrites: boolean;
  /** Shortest losing schedule by path; absent = none exists. */
  readonly losses: Readonly<Partial<Record<Path, Loss>>>;
  readonly states: number;
  readonly evicts: boolean;
  readonly deadlock: Loss | undefined;
}

export interface RaceOptions {
  /** Concurrent accesses at most. Default 3. */
  readonly maxAccesses?: number;
  readonly accesses?: readonly Access[];
}

/** Explores one case. Throws UsageError for a backing the primitive cannot work on. */
export function raceRow(race: RaceCase, options: RaceOptions = {}): RaceRow {
  const primitive = primitives.get(race.primitive);
  const params = parseParams(race.primitive, primitive.config, race.params);
  const steps = stepsOf(primitive, { backing: race.backing, armed: race.entry !== 'present', params });
  const row = {
    ...race,
    safe: true,
    blocksReads: false,
    blocksWrites: false,
    states: 0,
    evicts: false,
    deadlock: undefined as Loss | undefined,
  };
  const losses: Partial<Record<Path, Loss>> = {};
  for (const accesses of multisets(options.accesses ?? ACCESSES, options.maxAccesses ?? 3)) {
    if (accesses.includes('second-write') && race.backing === 'anon') continue;
    const result = explore({ steps, accesses, handler: race.handler, page: startOf(race, params, accesses) });
    const path = pathOf(accesses);
    row.states += result.states;
    row.evicts ||= result.evicts;
    row.deadlock ??= lossOf(result.deadlock, accesses);
    if (path === 'mapping') {
      row.blocksReads ||= result.blocksReads;
      row.blocksWrites ||= result.blocksWrites;
      row.safe &&= !result.lostWrites && !result.staleReads;
    }
    const loss = lossOf(result.shortestLoss, accesses);
    if (loss !== undefined && (losses[path]?.moves.length ?? Infinity) > loss.moves.length) losses[path] = loss;
  }
  return { ...row, losses };
}

/** Every primitive, parameter choice, backing and starting state that makes sense. */
export function raceCases(handlers: readonly Handler[] = ['rescue', 'finish']): RaceCase[] {
  return primitives.all.flatMap((primitive) =>
    BACKINGS.filter((backing) => primitive.descriptor.backing[backing] === true).flatMap((backing) =>
      variantsOf(primitive).flatMap((params) =>
        entriesOf(primitive, backing, params).flatMap((entry) =>
          (trapsFaults(primitive, backing, params, entry) ? handlers : handlers.slice(0, 1)).map((handler) => ({
            primitive: primitive.descriptor.id,
            params,
            backing,
            entry,
            handler,
          })),
        ),
      ),
    ),
  );
}

export function raceTable(options: RaceOptions = {}): RaceRow[] {
  return raceCases().map((race) => raceRow(race, options));
}

function startOf(race: RaceCase, params: ParamValues, accesses: readonly Access[]): PageStart {
  return {
    backing: race.backing,
    entry: race.entry,
    minor: Boolean(params['minor']),
    pinned: accesses.includes('pinned-write'),
    sharedMapping: accesses.includes('second-write'),
  };
}

function pathOf(accesses: readonly Access[]): Path {
  return accesses.includes('pinned-write') ? 'pin' : accesses.includes('second-write') ? 'second' : 'mapping';
}

function lossOf(moves: Exploration['shortestLoss'], accesses: readonly Access[]): Loss | undefined {
  return moves === undefined ? undefined : { accesses, moves, grid: scheduleGrid(moves, accesses) };
}

/** Sets of 1 to `max` accesses, with repetition, smallest first. */
export function multisets(kinds: readonly Access[], max: number): Access[][] {
  let layer: Access[][] = [[]];
  const all: Access[][] = [];
  for (let size = 1; size <= max; size++) {
    layer = layer.flatMap((set) => kinds.slice(set.length === 0 ? 0 : kinds.indexOf(set.at(-1)!)).map((kind) => [...set, kind]));
    all.push(...layer);
  }
  return all;
}

/** All combinations of choices and flags. */
function variantsOf({ config }: EvictionPrimitive): Record<string, string | boolean>[] {
  return Object.entries(config).reduce<Record<string, string | boolean>[]>(
    (variants, [name, param]) => {
      const values = param.kind === 'choice' ? param.choices : param.kind === 'flag' ? [true, false] : [];
      return variants.flatMap((variant) => values.map((value) => ({ ...variant, [name]: value })));
    },
    [{}],
  );
}

function entriesOf(primitive: EvictionPrimitive, backing: Backing, params: Record<string, string | boolean>): PageStart['entry'][] {
  const steps = stepsOf(primitive, { backing, armed: true, params: parseParams(primitive.descriptor.id, primitive.config, params) });
  const mapped: PageStart['entry'][] = steps.includes('set-sync')
    ? ['present', 'armed']
    : steps.includes('move')
      ? ['present', 'armed']
      : ['present'];
  return backing === 'anon' ? mapped : [...mapped, 'unmapped'];
}

/** True when an access can wait inside the window at all, so that the handler matters. */
function trapsFaults(
  primitive: EvictionPrimitive,
  backing: Backing,
  params: Record<string, string | boolean>,
  entry: PageStart['entry'],
): boolean {
  const row = raceRow({ primitive: primitive.descriptor.id, params, backing, entry, handler: 'finish' }, { maxAccesses: 1 });
  return row.blocksReads || row.blocksWrites;
}
