-- A grid of evictions as one table: what each tracker and memory limit leads to under uffd-wp / under rwp-sync.
WITH stalls AS (
  SELECT run_id, sum(vcpu_ns) AS stall_ns FROM costs GROUP BY run_id
), grid AS (
  SELECT r.scheme, e.primitive, regexp_extract(e.spec, 'limit=(\d+)%', 1)::INTEGER AS percent,
         e.refaults, e.regret_lru, e.regret_opt, e.blocked_user_ns + e.blocked_kernel_ns AS blocked_ns, e.blocked_reads, e.flushes,
         100 * s.stall_ns / (r.duration_ns * r.vcpus) AS overhead
  FROM eviction_runs e JOIN runs r USING (run_id) JOIN stalls s USING (run_id)
)
SELECT wp.percent AS "limit, %", wp.scheme AS tracker,
       format('{:,} / {:,}', wp.refaults, rwp.refaults) AS refaults,
       format('{:,} / {:,}', wp.regret_lru, rwp.regret_lru) AS "regret to LRU",
       format('{:,} / {:,}', wp.regret_opt, rwp.regret_opt) AS "to OPT",
       format('{:.2f} / {:.2f}', wp.blocked_ns / 1e9, rwp.blocked_ns / 1e9) AS "blocked, s",
       format('{:,} / {:,}', wp.blocked_reads, rwp.blocked_reads) AS "reads that waited",
       format('{:,} / {:,}', wp.flushes, rwp.flushes) AS flushes,
       format('{:.2f} / {:.2f}', wp.overhead, rwp.overhead) AS "overhead, %"
FROM grid wp JOIN grid rwp USING (scheme, percent)
WHERE wp.primitive = 'uffd-wp' AND rwp.primitive = 'rwp-sync'
ORDER BY wp.percent, wp.refaults, wp.scheme;
