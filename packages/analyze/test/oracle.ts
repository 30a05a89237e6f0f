/** The definitions of docs/metrics.md on plain sets, written without looking at the code under test. */
export interface World {
  readonly nPages: number;
  readonly reported: ReadonlySet<number>;
  readonly truth: ReadonlySet<number>;
  readonly edge: ReadonlySet<number>;
  /** Null = every page. */
  readonly eligible: ReadonlySet<number> | null;
}

export function oracleScores({ nPages, reported, truth, edge, eligible }: World): Record<string, number | null> {
  const n = { tp: 0, fp: 0, fn: 0, tn: 0, edge: 0, edge_truth: 0, truth_eligible: 0, tp_eligible: 0 };
  const pages = new Set([...reported, ...truth, ...edge]);
  for (const page of pages) {
    const [d, t, e] = [reported.has(page), truth.has(page), edge.has(page)];
    const l = eligible === null || eligible.has(page);
    if (e) n.edge_truth++;
    if (t && l) n.truth_eligible++;
    if (d && t && l) n.tp_eligible++;
    if (d && t) n.tp++;
    else if (t) n.fn++;
    else if (d && e) n.edge++;
    else if (d) n.fp++;
  }
  n.tn = nPages - pages.size;
  const div = (a: number, b: number): number | null => (b === 0 ? null : a / b);
  const precision = div(n.tp, n.tp + n.fp);
  const recall = div(n.tp, truth.size);
  const mccDen = Math.sqrt((n.tp + n.fp) * (n.tp + n.fn) * (n.tn + n.fp) * (n.tn + n.fn));
  return {
    ...n,
    truth: truth.size,
    reported: reported.size,
    eligible: eligible === null ? nPages : eligible.size,
    wss_bytes: 4096 * reported.size,
    wss_true_bytes: 4096 * truth.size,
    precision,
    recall,
    recall_eligible: div(n.tp_eligible, n.truth_eligible),
    f1: precision === null || recall === null ? null : precision + recall === 0 ? 0 : (2 * precision * recall) / (precision + recall),
    jaccard: n.tp + n.fp + n.fn === 0 ? 1 : n.tp / (n.tp + n.fp + n.fn),
    wss_error: div(reported.size - truth.size, truth.size),
    false_cold_rate: div(n.fn, truth.size),
    false_hot_rate: div(n.fp, n.fp + n.tn),
    mcc: mccDen === 0 ? null : (n.tp * n.tn - n.fp * n.fn) / mccDen,
  };
}
