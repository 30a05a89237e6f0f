/**
 * How well scores order the pages. Pages of a region share its score, so all sums run over levels (pages of equal score), never
 * over pages. The truth is whether a page was touched in the window: results do not keep how often.
 */
import { count, ratioColumn, WINDOW_KEY } from './metric.ts';
import type { Metric } from './metric.ts';

const KEY = 'run_id, "scope", "target", w';
/** pos and neg pages per level; edge pages are left out. */
const LEVELS = `levels AS (
  SELECT ${KEY}, score, sum(truth)::DOUBLE AS pos, sum(n_pages - truth - edge)::DOUBLE AS neg FROM region_truth GROUP BY ALL HAVING sum(n_pages - edge) > 0),
steps AS (
  SELECT *, coalesce(sum(pos) OVER above, 0) AS pos_above, coalesce(sum(neg) OVER above, 0) AS neg_above, sum(pos) OVER whole AS p, sum(neg) OVER whole AS n
  FROM levels WINDOW whole AS (PARTITION BY ${KEY}), above AS (PARTITION BY ${KEY} ORDER BY score DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING))`;

export const ranking = {
  descriptor: {
    id: 'ranking',
    title: 'Ranking quality of region scores',
    source: 'docs/metrics.md; Fawcett 2006 (ROC), Kendall 1945 (tau-b)',
    definition:
      'per window: ROC-AUC and average precision of "page in W", Kendall tau-b and Spearman rho of score against membership (ties handled); NULL when no page or every page is in W, or all scores are equal (tau-b, rho)',
    reads: ['regions', 'page_sets', 'scores'],
    columns: [
      ...WINDOW_KEY,
      count('positives', 'pages', 'pages in W within the regions'),
      count('negatives', 'pages', 'pages not in W'),
      ratioColumn('roc_auc', 'chance that a page in W scores above one that is not; ties count half'),
      ratioColumn('pr_auc', 'average precision; ties taken together'),
      ratioColumn('kendall_tau_b', 'rank correlation'),
      ratioColumn('spearman_rho', 'correlation of mid-ranks'),
    ],
  },
  params: {},
  sql: () => ({
    text: `
WITH ${LEVELS},
sums AS (
  SELECT ${KEY}, any_value(p) AS p, any_value(n) AS n, sum(pos * (n - neg_above - neg)) AS concordant, sum(pos * neg_above) AS discordant, sum(pos * neg) AS tied,
         sum(CASE WHEN pos > 0 THEN pos * (pos_above + pos) / (pos_above + pos + neg_above + neg) ELSE 0 END) AS precisions,
         sum((pos + neg) * (pos + neg - 1) / 2) AS score_ties,
         -- mid-rank of a level, counted from the highest score
         sum(pos * (pos_above + neg_above + (pos + neg + 1) / 2)) AS pos_ranks, sum((pos + neg) * (pos_above + neg_above + (pos + neg + 1) / 2) ** 2) AS squares
  FROM steps GROUP BY ALL),
moments AS (SELECT *, p + n AS total, (p + n) * (p + n - 1) / 2 AS all_pairs, (p + n + 1) / 2 AS mean_rank FROM sums)
SELECT ${KEY}, p::BIGINT AS positives, n::BIGINT AS negatives,
       (concordant + tied / 2) / nullif(p * n, 0) AS roc_auc,
       CASE WHEN n > 0 THEN precisions / nullif(p, 0) END AS pr_auc,
       (concordant - discordant) / nullif(sqrt((all_pairs - score_ties) * (p * n)), 0) AS kendall_tau_b,
       -- covariance of rank and membership, signs turned because rank 1 is the hottest
       -(pos_ranks - p * mean_rank) / nullif(sqrt(greatest(squares - total * mean_rank ** 2, 0) * (p * n / nullif(total, 0))), 0) AS spearman_rho
FROM moments ORDER BY ${KEY}`,
    bind: {},
  }),
} as const satisfies Metric;

export const rankingAtK = {
  descriptor: {
    id: 'ranking-at-k',
    title: 'Ranking quality at an eviction budget',
    source: 'Järvelin & Kekäläinen 2002 (NDCG); docs/metrics.md',
    definition:
      'per window, k = budget share of the pages in regions: NDCG@k of the hottest k (gain 1 for a page in W), and how many of the k coldest (score, then age) were touched; pages of equal score count by their mean; NULL when W or k is empty',
    reads: ['regions', 'page_sets', 'scores'],
    columns: [
      ...WINDOW_KEY,
      count('k', 'pages', 'budget'),
      ratioColumn('ndcg_at_k', 'discounted gain / the best possible'),
      ratioColumn('coldest_k_touched', 'share of the k coldest pages that were in W: hot pages evicted first'),
    ],
  },
  params: { budget: { kind: 'ratio', default: 0.25, unit: '1', help: 'share of the monitored pages to evict', source: 'estimate' } },
  sql: ({ budget }) => ({
    text: `
WITH pages AS (
  SELECT ${KEY}, score, coalesce(age_ns, 0) AS age_ns, truth::DOUBLE AS pos, (n_pages - edge)::DOUBLE AS n FROM region_truth WHERE n_pages > edge),
sizes AS (SELECT ${KEY}, floor(sum(n) * $budget) AS k, sum(pos) AS p FROM pages GROUP BY ALL),
hot AS (SELECT ${KEY}, score, sum(pos) AS pos, sum(n) AS n FROM pages GROUP BY ALL),
hot_ranks AS (SELECT *, coalesce(sum(n) OVER (PARTITION BY ${KEY} ORDER BY score DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS above FROM hot),
gains AS (
  SELECT h.run_id, h."scope", h."target", h.w, sum(pos / n * (discount_sum(least(above + n, k)) - discount_sum(least(above, k)))) AS dcg
  FROM hot_ranks h JOIN sizes s ON s.run_id = h.run_id AND s."scope" = h."scope" AND s."target" = h."target" AND s.w = h.w GROUP BY ALL),
cold AS (SELECT ${KEY}, score, CASE WHEN score = 0 THEN age_ns ELSE -age_ns END AS idle, sum(pos) AS pos, sum(n) AS n FROM pages GROUP BY ALL),
cold_ranks AS (SELECT *, coalesce(sum(n) OVER (PARTITION BY ${KEY} ORDER BY score, idle DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS below FROM cold),
evicted AS (
  SELECT c.run_id, c."scope", c."target", c.w, sum(pos / n * (least(below + n, k) - least(below, k))) AS touched
  FROM cold_ranks c JOIN sizes s ON s.run_id = c.run_id AND s."scope" = c."scope" AND s."target" = c."target" AND s.w = c.w GROUP BY ALL)
SELECT s.run_id, s."scope", s."target", s.w, k::BIGINT AS k, dcg / nullif(discount_sum(least(p, k)), 0) AS ndcg_at_k, touched / nullif(k, 0) AS coldest_k_touched
FROM sizes s JOIN gains g ON g.run_id = s.run_id AND g."scope" = s."scope" AND g."target" = s."target" AND g.w = s.w
JOIN evicted e ON e.run_id = s.run_id AND e."scope" = s."scope" AND e."target" = s."target" AND e.w = s.w
ORDER BY ALL`,
    bind: { budget: Number(budget) },
  }),
} as const satisfies Metric;
