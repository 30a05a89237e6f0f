/** Page sets of a window side by side, one row per chunk, so that views can use set algebra on them. */

/**
 * SELECT of run_id, w, chunk and the BIT columns d (reported), l (eligible, NULL when not stored for the chunk), ta/tm (truth
 * any/mapped), ea/em (edge any/mapped); a set without the chunk is empty.
 * @param where condition on page_sets that picks the runs
 */
export function setsByChunk(where: string): string {
  const pick = (kind: string, scope: string): string => `any_value(bits) FILTER (kind = '${kind}' AND "scope" = '${scope}')::BIT`;
  const orEmpty = (kind: string, scope: string): string => `coalesce(${pick(kind, scope)}, no_pages())`;
  return `SELECT run_id, w, chunk, ${orEmpty('reported', '')} AS d, ${pick('eligible', '')} AS l,
    ${orEmpty('truth', 'any')} AS ta, ${orEmpty('truth', 'mapped')} AS tm, ${orEmpty('edge', 'any')} AS ea, ${orEmpty('edge', 'mapped')} AS em
    FROM page_sets WHERE ${where} GROUP BY run_id, w, chunk`;
}
