/** `workset races [PRIMITIVE]`: which eviction primitives are safe, from every interleaving with concurrent accesses. */
import { InterruptedError, parseParams, UsageError } from '@workset/model';
import type { Backing, RaceRow } from '@workset/replay';

import type { CommandContext, CommandSpec } from '../command.ts';
import { countOption } from '../values.ts';

export const races: CommandSpec = {
  name: 'races',
  summary: 'which eviction primitives lose writes: every interleaving with concurrent accesses',
  about: [
    'One eviction of one page against every set of up to --accesses accesses (reads, writes, GUP, pinned writes, a second mapping), in every order.',
    'flushes are per batch, PTEs (entries written) per page. safe = nothing that goes through the mapping is lost; escapes = what gets past it all the same. With a PRIMITIVE its shortest losing schedules are drawn.',
  ],
  positionals: { usage: '[PRIMITIVE]', min: 0, max: 1 },
  options: [
    { name: 'accesses', value: 'N', help: 'concurrent accesses at most, 1 to 3; default 3' },
    { name: 'backing', value: 'KIND', help: 'this backing only', choices: ['anon', 'shmem', 'hugetlb'] },
  ],
  examples: ['workset races', 'workset races punch-hole', 'workset races --json --accesses 2'],
  async run(args, ctx) {
    const { checkBacking, priceInOps, primitives, raceCases, raceRow, stepsOf } = await import('@workset/replay');
    const [id] = args.positionals;
    const backing = args.text('backing') as Backing | undefined;
    if (id !== undefined && backing !== undefined) checkBacking(primitives.get(id), backing);
    else if (id !== undefined) primitives.get(id);
    const maxAccesses = countOption(args, 'accesses', 1) ?? 3;
    if (maxAccesses > 3) throw new UsageError(`--accesses: ${maxAccesses} is more than 3`, 'every set of up to 3 is what is explored');
    const wanted = raceCases().filter(
      (race) => (id === undefined || race.primitive === id) && (backing === undefined || race.backing === backing),
    );
    const rows: RaceRow[] = [];
    const progress = ctx.progress('races');
    try {
      for (const race of wanted) {
        progress.update({ done: rows.length, total: wanted.length, unit: 'runs' });
        rows.push(raceRow(race, { maxAccesses }));
        // lets a signal in
        await new Promise(setImmediate);
        if (ctx.signal.aborted) throw new InterruptedError();
      }
    } finally {
      progress.end();
    }
    if (ctx.json) return ctx.out.json(rows);
    const workOf = ({ primitive: name, backing: kind, params }: RaceRow): Work => {
      const primitive = primitives.get(name);
      const setup = { backing: kind, armed: true, params: parseParams(name, primitive.config, params) };
      return { status: primitive.descriptor.status, ...priceInOps(stepsOf(primitive, setup), 1) };
    };
    printTable(rows, workOf, ctx);
    if (id === undefined) ctx.out.note('the shortest losing schedules: workset races PRIMITIVE');
    else printSchedules(rows, ctx);
  },
};

/** What one batch of armed pages takes, entries written per page. */
interface Work {
  readonly status: string;
  readonly flushes: number;
  readonly modeSwitches: number;
  readonly pteWrites: number;
}

function printTable(rows: readonly RaceRow[], workOf: (row: RaceRow) => Work, ctx: CommandContext): void {
  ctx.out.table(
    ['primitive', 'status', 'backing', 'flushes', 'PTEs', 'page', 'verdict', 'blocks', 'escapes'],
    merged(rows).map(([row, entries]) => [
      nameOf(row),
      workOf(row).status,
      row.backing,
      flushesOf(workOf(row)),
      String(workOf(row).pteWrites),
      entries.join(', '),
      verdictOf(row),
      listOf({ reads: row.blocksReads, writes: row.blocksWrites }),
      listOf({ pins: row.losses.pin !== undefined, 'second mapping': row.losses.second !== undefined }),
    ]),
  );
}

function flushesOf({ flushes, modeSwitches }: Work): string {
  return modeSwitches === 0 ? String(flushes) : `${flushes} + ${modeSwitches} modes`;
}

/** Rows that differ only in how the page was mapped, or in what the handler does, become one. */
function merged(rows: readonly RaceRow[]): [RaceRow, string[]][] {
  const groups = new Map<string, [RaceRow, string[]]>();
  for (const row of rows) {
    const { safe, blocksReads, blocksWrites, losses, evicts, deadlock } = row;
    const outcome = [
      safe,
      blocksReads,
      blocksWrites,
      losses.pin === undefined,
      losses.second === undefined,
      evicts,
      deadlock === undefined,
    ];
    const key = JSON.stringify([nameOf(row), row.backing, ...outcome]);
    const [, entries] = groups.get(key) ?? groups.set(key, [row, []]).get(key)!;
    if (!entries.includes(row.entry)) entries.push(row.entry);
  }
  return [...groups.values()];
}

function printSchedules(rows: readonly RaceRow[], ctx: CommandContext): void {
  const drawn = new Set<string>();
  for (const row of rows) {
    for (const [path, loss] of Object.entries(row.losses)) {
      if (drawn.has(loss.grid)) continue;
      drawn.add(loss.grid);
      ctx.out.line(`\n${nameOf(row)}, ${row.backing}, ${row.entry} page: a write through ${THROUGH[path as keyof typeof THROUGH]} is lost`);
      ctx.out.line(loss.grid);
    }
  }
}

const THROUGH = { mapping: 'the mapping', pin: 'a pin taken before', second: 'another mapping' } as const;

function verdictOf({ safe, evicts, deadlock, losses }: RaceRow): string {
  if (!evicts) return 'never evicts';
  if (deadlock !== undefined) return 'deadlocks';
  if (safe) return 'safe';
  return losses.mapping === undefined ? 'reads stale data' : 'loses writes';
}

/** `rwp-sync:minor=false` */
function nameOf({ primitive, params }: RaceRow): string {
  const texts = Object.entries(params).map(([name, value]) => `${name}=${String(value)}`);
  return texts.length === 0 ? primitive : `${primitive}:${texts.join(',')}`;
}

function listOf(flags: Readonly<Record<string, boolean>>): string {
  const names = Object.keys(flags).filter((name) => flags[name]);
  return names.length === 0 ? 'nothing' : names.join(', ');
}
