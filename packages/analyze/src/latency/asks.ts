/** Whether a query needs what is computed only on demand; a file of its own, so that other queries do not load the rest. */

/** True when SQL may read the table, or a view that stands on it. */
export function asksForLatencies(sql: string): boolean {
  return /latenc(?:ies|y_summary)/i.test(sql);
}
