/** Tables that no results directory holds, as SELECT over VALUES: what the eviction model says, and page replacement on the traces. */
import { fifoMisses, lruMisses, optMisses, pageString, priceInOps, primitives, BACKINGS, raceTable, stepsOf } from '@workset/replay';
import { parseParams } from '@workset/model';
import { openTrace } from '@workset/store';

type Cell = string | number | boolean | null;

/** `SELECT * FROM (VALUES …) AS t(columns)`. Throws when there are no rows: a table of nothing has no types. */
export function valuesSql(columns: readonly string[], rows: readonly (readonly Cell[])[]): string {
  if (rows.length === 0) throw new Error(`no rows for ${columns.join(', ')}`);
  const cell = (value: Cell): string =>
    typeof value === 'string' ? `'${value.replaceAll("'", "''")}'` : value === null ? 'NULL' : String(value);
  return `SELECT * FROM (VALUES ${rows.map((row) => `(${row.map(cell).join(', ')})`).join(', ')}) AS t(${columns.map((name) => `"${name}"`).join(', ')})`;
}

/** Every interleaving of one eviction with up to two concurrent accesses; one row per primitive, parameters, backing, start and handler. */
export function racesSql(): string {
  const rows = raceTable({ maxAccesses: 2 }).map((row) => [
    row.primitive,
    JSON.stringify(row.params),
    row.backing,
    row.entry,
    row.handler,
    row.safe,
    row.evicts,
    row.blocksReads,
    row.blocksWrites,
    row.losses.pin !== undefined,
    row.losses.second !== undefined,
    row.deadlock !== undefined,
    row.states,
  ]);
  return valuesSql(
    [
      'primitive',
      'params',
      'backing',
      'entry',
      'handler',
      'safe',
      'evicts',
      'blocks_reads',
      'blocks_writes',
      'loses_by_pin',
      'loses_by_second',
      'deadlocks',
      'states',
    ],
    rows,
  );
}

/** Kernel work of one batch of 256 pages per primitive and backing; works = false with the reason where it cannot. */
export function primitivesSql(): string {
  const PAGES = 256;
  const rows = primitives.all.flatMap((primitive) =>
    BACKINGS.map((backing): Cell[] => {
      const { id, status, backing: works, needsSecondMapping } = primitive.descriptor;
      const head = [id, status, backing, works[backing] === true, works[backing] === true ? null : works[backing], needsSecondMapping];
      if (works[backing] !== true) return [...head, null, null, null, null];
      const params = parseParams(id, primitive.config, {});
      const ops = priceInOps(stepsOf(primitive, { backing, armed: true, params }), PAGES);
      return [...head, ops.flushes, ops.pteWrites / PAGES, ops.copies / PAGES, ops.calls];
    }),
  );
  return valuesSql(
    [
      'primitive',
      'status',
      'backing',
      'works',
      'why_not',
      'second_mapping',
      'flushes_per_batch',
      'pte_writes_per_page',
      'copies_per_page',
      'calls_per_batch',
    ],
    rows,
  );
}

const SLICES = 10;
const LIMITS = [0.25, 0.5, 0.75];

/**
 * Misses of exact LRU, oldest-fault-in-first and Belady's OPT at a share of the footprint, over tenths of each trace. Each slice starts cold.
 * @param traces name and path
 */
export async function replacementSql(traces: readonly (readonly [string, string])[]): Promise<string> {
  const rows: Cell[][] = [];
  for (const [name, path] of traces) {
    const trace = await openTrace(path);
    try {
      const space = trace.space('gpa');
      const { n } = space.frames;
      for (let slice = 0; slice < SLICES; slice++) {
        const string = pageString(space, { frames: [[Math.floor((n * slice) / SLICES), Math.floor((n * (slice + 1)) / SLICES)]] });
        for (const limit of string.nDistinct === 0 ? [] : LIMITS) {
          const frames = Math.max(1, Math.floor(string.nDistinct * limit));
          const [fifo, lru, opt] = [fifoMisses, lruMisses, optMisses].map((misses) => misses(string, frames).refaults);
          rows.push([name, slice, limit, string.pages.length, string.nDistinct, fifo!, lru!, opt!]);
        }
      }
    } finally {
      trace.close();
    }
  }
  return valuesSql(['trace', 'slice', 'memory_share', 'touches', 'footprint_pages', 'fifo_refaults', 'lru_refaults', 'opt_refaults'], rows);
}
