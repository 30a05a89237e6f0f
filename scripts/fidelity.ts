/**
 * Compares the model with what real kernels reported in captures, and writes docs/fidelity.md: `npm run fidelity [CAPTURE DIR]…`.
 * Without arguments: the bundled captures, and those of shared/captures where that folder stands beside the repository.
 */
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { materialiseScores, Results } from '@workset/analyze';
import { ingestCapture } from '@workset/ingest';
import { replay } from '@workset/replay';

const root = fileURLToPath(new URL('..', import.meta.url));
const SEEDS = 200;
/** Captures whose guests ran 6.1; the others ran 7.3-rc7. */
const isOld = (name: string): boolean => !name.startsWith('rwp-');

interface Table {
  readonly title: string;
  readonly text: string;
  readonly sql: string;
}

const CYCLES = `
  pairs AS (SELECT o.run_id AS o_run, s.run_id AS s_run, o.stream, s.scheme, o."target" AS goal FROM runs o JOIN runs s ON s.stream = o.stream AND s.kind = 'simulated' AND 'observed:' || s.scheme = o.scheme
            WHERE o.kind = 'observed'),
  same AS (SELECT p.*, a.w AS o_w, b.w AS s_w FROM pairs p JOIN windows a ON a.run_id = p.o_run JOIN windows b ON b.run_id = p.s_run AND b.claim_t0_ns = a.claim_t0_ns AND b.claim_t1_ns = a.claim_t1_ns
           WHERE a.scored)`;

const TABLES: readonly Table[] = [
  {
    title: 'userfaultfd and soft-dirty: reported sets, cycle by cycle',
    text: 'Pages reported by both, by the kernel alone and by the model alone, over all cycles at the recorded times. `sure` counts those of them that were surely touched (written, for write trackers) in the claim window: such a page is a real disagreement; the rest were touched only while marks were set or read, or in a quantum cut by an end of the window.',
    sql: `WITH ${CYCLES},
      sets AS (SELECT m.stream, m.scheme, m.o_w, k.chunk,
          any_value(k.bits) FILTER (k.run_id = m.o_run AND k.kind = 'reported')::BIT AS d, any_value(k.bits) FILTER (k.run_id = m.s_run AND k.kind = 'reported')::BIT AS s,
          any_value(k.bits) FILTER (k.run_id = m.o_run AND k."scope" = CASE m.stream WHEN 'host' THEN 'any' ELSE 'mapped' END AND k.kind = CASE m.goal WHEN 'written' THEN 'truth_writes' ELSE 'truth' END)::BIT AS t
        FROM same m JOIN page_sets k ON (k.run_id = m.o_run AND k.w = m.o_w) OR (k.run_id = m.s_run AND k.w = m.s_w)
        WHERE m.scheme IN ('uffd-rwp', 'uffd-wp', 'soft-dirty') GROUP BY ALL),
      full_sets AS (SELECT stream, scheme, o_w, coalesce(d, no_pages()) AS d, coalesce(s, no_pages()) AS s, coalesce(t, no_pages()) AS t FROM sets)
      SELECT stream, scheme, count(DISTINCT o_w) AS cycles, sum(bit_count(d & s)) AS both_report, sum(bit_count(d & ~s)) AS kernel_alone, sum(bit_count(d & ~s & t)) AS kernel_alone_sure,
             sum(bit_count(s & ~d)) AS model_alone, sum(bit_count(s & ~d & t)) AS model_alone_sure FROM full_sets GROUP BY ALL ORDER BY stream`,
  },
  {
    title: 'Idle page tracking: by cause',
    text: 'Mean per-snapshot Jaccard of the raw bitmaps, and without the pages that a trace of accesses cannot predict: freed pages (their bit reads 0) and pages touched by the kernel alone.',
    sql: `SELECT stream, count(*) AS snapshots, sum(observed) AS kernel_reports, sum(simulated) AS model_reports, sum(agreed) AS agreed, sum(observed_untouched) AS freed_or_unmapped, sum(observed_kernel) AS kernel_only,
      sum(observed_edge) AS kernel_alone_edge, sum(observed_sure) AS kernel_alone_sure, sum(simulated_edge) AS model_alone_edge, sum(simulated_sure) AS model_alone_sure,
      round(avg(jaccard), 4) AS jaccard_raw, round(avg(jaccard_explained), 4) AS jaccard_explained FROM idle_causes GROUP BY ALL ORDER BY stream`,
  },
  {
    title: `DAMON: is the real run one the model could have made? (${SEEDS} seeds)`,
    text: 'Share of aggregations in which the real figure lies inside the central 95 % of the simulated ones: recall of touched pages by regions with nr_accesses > 0, pages in such regions, and region count.',
    sql: `WITH x AS (SELECT r.kind, r.stream, r.run_id, v.claim_t1_ns AS t, (s.tp + s.edge) / nullif(s.truth + s.edge_truth, 0) AS recall, s.reported,
        (SELECT count(*) FROM regions g WHERE g.run_id = s.run_id AND g.w = s.w) AS regions
        FROM scores s JOIN runs r USING (run_id) JOIN windows v USING (run_id, w) WHERE r.stream IS NOT NULL AND contains(r.scheme, 'damon') AND s."scope" = 'mapped' AND s."target" = 'touched'),
      bands AS (SELECT stream, t, quantile_cont(recall, [0.025, 0.975]) AS r, quantile_cont(reported, [0.025, 0.975]) AS p, quantile_cont(regions, [0.025, 0.975]) AS n, median(recall) AS recall_mid
        FROM x WHERE kind = 'simulated' GROUP BY ALL)
      SELECT stream, count(*) AS aggregations, round(avg((recall BETWEEN r[1] AND r[2])::INT), 3) AS recall_in_band, round(avg((reported BETWEEN p[1] AND p[2])::INT), 3) AS wss_in_band,
             round(avg((regions BETWEEN n[1] AND n[2])::INT), 3) AS regions_in_band, round(avg(recall), 3) AS real_recall, round(avg(recall_mid), 3) AS model_recall
      FROM x JOIN bands USING (stream, t) WHERE kind = 'observed' GROUP BY ALL ORDER BY stream`,
  },
];

const given = process.argv.slice(2);
const shared = join(root, '..', 'shared', 'captures');
const beside = existsSync(shared)
  ? readdirSync(shared, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => join(shared, name))
  : [];
const bundled = ['rwp-shmem', 'redis-pti'].map((name) => join(root, 'traces', name));
const dirs = given.length > 0 ? given : [...bundled, ...beside.filter((dir) => !bundled.some((own) => basename(own) === basename(dir)))];

const scratch = mkdtempSync(join(tmpdir(), 'workset-fidelity-'));
const found = new Map<string, string[]>();
try {
  for (const dir of dirs) {
    const name = basename(dir);
    const trace = join(scratch, `${name}.trace`);
    const out = join(scratch, name);
    await ingestCapture([dir], { out: trace });
    const kernel = isOld(name) ? '6.1' : '7.3';
    const damon = ['damon-paddr', 'damon-vaddr'].map((id) => ({ id, kernel }));
    await replay(trace, { out, jobs: 2, seeds: SEEDS, schemes: ['uffd-rwp', 'uffd-wp', 'idle-page', 'soft-dirty', ...damon] });
    await materialiseScores(out);
    const results = await Results.open(out);
    for (const table of TABLES) {
      const { columns, rows } = await results.query(table.sql);
      const lines = rows.map(
        (row) => `| ${[name, ...columns.map((column) => String((row as Record<string, unknown>)[column.name] ?? ''))].join(' | ')} |`,
      );
      const head = [
        `| ${['capture', ...columns.map(({ name: title }) => title.replaceAll('_', ' '))].join(' | ')} |`,
        `|${' --- |'.repeat(columns.length + 1)}`,
      ];
      found.set(table.title, [...(found.get(table.title) ?? head), ...lines]);
    }
    results.close();
    rmSync(trace, { recursive: true });
    rmSync(out, { recursive: true });
    console.error(`${name} done`);
  }
} finally {
  rmSync(scratch, { recursive: true, force: true });
}

const sections = TABLES.map(
  ({ title, text }) => `## ${title}\n\n${text}\n\n${(found.get(title) ?? ['no capture has such a tracker']).join('\n')}\n`,
);
writeFileSync(
  join(root, 'docs', 'fidelity.md'),
  `# Fidelity: the model against real kernels\n
Generated by \`npm run fidelity\`. Each real tracker's report in a capture stands beside the model's report at the same recorded times, on
the same trace. The rwp-* guests ran 7.3-rc7, the others 6.1; one vCPU, TCG, no EPT (traces/CAPTURES.md). DAMON is replayed with the
rules of the guest's kernel.\n
${sections.join('\n')}
## What explains the rest

- **userfaultfd**: the model arms and scans at one instant, the real calls take 0.5-6 ms; pages touched in between differ. None of them is a sure touch.
- **uffd-wp of the host**: pages the kernel alone reports were written by the guest's MMU (A/D bits in page tables), which the log does not hold.
- **Idle tracking**: the real bitmap reads 0 for pages freed since they were marked; file reads and writes of the kernel clear PG_idle without a user mapping.
- **DAMON**: one real run is one draw; a region tracker that finds a small hot region early keeps a high merge threshold, and fewer regions, from then on.
- **Virtual addresses** of a log without process ids are those of all processes together.
`,
);
