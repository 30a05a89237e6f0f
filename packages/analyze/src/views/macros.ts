/** SQL macros that `workset sql` and the views share. */

export interface MacroSpec {
  readonly id: string;
  /** Name and parameters. */
  readonly signature: string;
  readonly comment: string;
  /** An expression, or a SELECT for a table macro. */
  readonly body: string;
  readonly table?: boolean;
}

const scalar = (id: string, parameters: string, comment: string, body: string): MacroSpec => ({
  id,
  signature: `${id}(${parameters})`,
  comment,
  body,
});
const table = (id: string, parameters: string, comment: string, body: string): MacroSpec => ({
  ...scalar(id, parameters, comment, body),
  table: true,
});

/** Names that views need come first. */
export const MACROS: readonly MacroSpec[] = [
  scalar('hex', 'n', 'a number as 0x…', `'0x' || lower(to_hex(n::UBIGINT))`),
  scalar('addr', 'page', 'byte address of a page number, as 0x…', `'0x' || lower(to_hex((page::HUGEINT * 4096)::UBIGINT))`),
  scalar('bytes_h', 'n', 'bytes as people read them, base 1024', 'format_bytes(n::BIGINT)'),
  scalar(
    'dur_h',
    'ns',
    'nanoseconds as people read them',
    `CASE WHEN abs(ns) >= 1e9 THEN format('{:.3f} s', ns / 1e9) WHEN abs(ns) >= 1e6 THEN format('{:.3f} ms', ns / 1e6)
          WHEN abs(ns) >= 1e3 THEN format('{:.3f} us', ns / 1e3) ELSE format('{} ns', ns::BIGINT) END`,
  ),
  scalar('precision_of', 'tp, fp', 'tp/(tp+fp), NULL when nothing was reported', 'tp / nullif(tp + fp, 0)'),
  scalar('recall_of', 'tp, fn', 'tp/(tp+fn), NULL when truth is empty', 'tp / nullif(tp + fn, 0)'),
  scalar('no_pages', '', 'an empty page-set chunk', `repeat('\\x00'::BLOB, 8192)::BIT`),
  scalar(
    'pages_of',
    'bits, chunk',
    'page numbers of a page-set chunk, ascending (bits are LSB first, DuckDB counts them MSB first)',
    `list_sort(list_where([chunk * 65536 + (i // 8) * 8 + 7 - i % 8 for i in range(65536)],
              [c = '1' for c in string_split(bits::BIT::VARCHAR, '')]))`,
  ),
  scalar(
    'pages_below',
    'bits, n',
    'pages of a page-set chunk with an index in the byte of n, below n (used by pages_in)',
    `bit_count((bits[n // 8 + 1 : n // 8 + 1] || '\\x00'::BLOB)[1:1]::BIT::INTEGER & ((1 << (n % 8)::INTEGER) - 1))`,
  ),
  scalar(
    'pages_in',
    'bits, lo, hi',
    'number of pages of a page-set chunk with an index in [lo, hi), 0 <= lo <= hi <= 65536',
    `bit_count((bits[lo // 8 + 1 : hi // 8] || '\\x00'::BLOB)::BIT) + pages_below(bits, hi) - pages_below(bits, lo)`,
  ),
  scalar(
    'discount_sum',
    'k',
    'sum of 1/log2(rank + 1) over the ranks 1..k',
    `coalesce(list_sum([1 / log2(i + 1) for i in range(1, k::BIGINT + 1)]), 0)`,
  ),
  table(
    'heatmap',
    `run, nt, na, set_kind := 'reported', set_scope := ''`,
    'a run (or its truth) in nt time bins by na address bins: mean pages in the set; address ranges that stay empty are left out',
    `WITH sets AS (
       SELECT (w.claim_t0_ns + w.claim_t1_ns) // 2 AS t, p.chunk, p.bits FROM page_sets p JOIN windows w ON w.run_id = p.run_id AND w.w = p.w
       WHERE p.run_id = run AND p.kind = set_kind AND p."scope" = set_scope
     ), used AS (SELECT greatest(count(DISTINCT chunk), 1) AS chunks FROM sets),
     -- bytes per slice: a power of two that leaves at least na slices in a full set of chunks
     step AS (SELECT (1 << least(13, greatest(0, floor(log2(greatest(8192 * chunks / (8 * na), 1)))::INTEGER))) AS b FROM used),
     slices AS (
       SELECT t, chunk * 8192 + s.i * b AS pos, bit_count(bits[s.i * b + 1 : s.i * b + b]::BIT) AS pages
       FROM sets, step, LATERAL (SELECT unnest(range(8192 // b)) AS i) s
     ), spots AS (SELECT pos, row_number() OVER (ORDER BY pos) - 1 AS spot FROM slices WHERE pages > 0 GROUP BY pos),
     extent AS (SELECT greatest(count(*), 1) AS n FROM spots),
     time AS (SELECT min(claim_t0_ns) AS t0, greatest(max(claim_t1_ns) - min(claim_t0_ns), 1) AS len FROM windows WHERE run_id = run),
     ticks AS (SELECT least(nt - 1, ((claim_t0_ns + claim_t1_ns) // 2 - t0) * nt // len) AS t_bin, count(*) AS windows FROM windows, time WHERE run_id = run GROUP BY ALL),
     cells AS (
       SELECT least(nt - 1, (s.t - t0) * nt // len) AS t_bin, spot * na // n AS a_bin, sum(pages)::BIGINT AS pages
       FROM slices s JOIN spots USING (pos), extent, time GROUP BY ALL
     ), bounds AS (SELECT spot * na // n AS a_bin, min(pos) * 8 AS page_lo, (max(pos) + any_value(b)) * 8 AS page_hi, count(*) * any_value(b) * 8 AS capacity FROM spots, extent, step GROUP BY ALL)
     SELECT t_bin::INTEGER AS t_bin, a_bin::INTEGER AS a_bin, (t0 + t_bin * len / nt) / 1e9 AS t0_s, (t0 + (t_bin + 1) * len / nt) / 1e9 AS t1_s,
            page_lo, page_hi, pages / windows AS pages, capacity
     FROM cells JOIN ticks USING (t_bin) JOIN bounds USING (a_bin), time ORDER BY ALL`,
  ),
];

/** Table macros over views; created after them. */
export const LATE_MACROS: readonly MacroSpec[] = [
  table(
    'compare_runs',
    'a, b',
    'summary metrics of two runs side by side, per scope and target',
    `WITH tall AS (
       UNPIVOT (SELECT run_id, "scope", "target", "precision", recall, recall_eligible, f1, jaccard, wss_error, false_cold_rate, overhead, tracker_share
                FROM score_all WHERE run_id IN (a, b)) ON "precision", recall, recall_eligible, f1, jaccard, wss_error, false_cold_rate, overhead, tracker_share
       INTO NAME metric VALUE v)
     SELECT coalesce(x."scope", y."scope") AS "scope", coalesce(x."target", y."target") AS "target", coalesce(x.metric, y.metric) AS metric, x.v AS a, y.v AS b, y.v - x.v AS difference
     FROM (SELECT * FROM tall WHERE run_id = a) x FULL JOIN (SELECT * FROM tall WHERE run_id = b) y
       ON x."scope" = y."scope" AND x."target" = y."target" AND x.metric = y.metric ORDER BY ALL`,
  ),
];
