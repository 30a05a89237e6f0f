import { replay } from '@workset/replay';
import { Results, materialiseScores } from '@workset/analyze';
import { rmSync } from 'node:fs';
const [name, kernel, n = '20'] = process.argv.slice(2) as [string, string, string];
const dir = `/tmp/lead/${name}.damon`;
rmSync(dir, { recursive: true, force: true });
await replay(`/tmp/lead/${name}.trace`, { out: dir, jobs: 2, seeds: Number(n), schemes: [{ id: 'damon-paddr', kernel }, { id: 'damon-vaddr', kernel }] });
await materialiseScores(dir);
const r = await Results.open(dir);
const sql = `WITH x AS (SELECT r.scheme, r.kind, r.stream, r.seed, s.w, (s.tp + s.edge)/nullif(s.truth + s.edge_truth,0) AS rec, s.reported, (SELECT count(*) FROM regions g WHERE g.run_id=s.run_id AND g.w=s.w) AS regions
 FROM scores s JOIN runs r USING (run_id) WHERE r.stream IS NOT NULL AND r.stream <> 'host' AND s."scope"='mapped' AND s."target"='touched'),
o AS (SELECT * FROM x WHERE kind='observed'), b AS (SELECT stream, w, quantile_cont(rec,0.025) r0, quantile_cont(rec,0.975) r1, quantile_cont(reported,0.025) w0, quantile_cont(reported,0.975) w1, quantile_cont(regions,0.025) g0, quantile_cont(regions,0.975) g1, median(rec) rm, median(reported) wm, median(regions) gm FROM x WHERE kind='simulated' GROUP BY ALL)
`;
console.table((await r.query(sql + `SELECT stream, count(*) n, avg((rec BETWEEN r0 AND r1)::INT) in_recall, avg((reported BETWEEN w0 AND w1)::INT) in_wss, avg((regions BETWEEN g0 AND g1)::INT) in_regions FROM o JOIN b USING (stream, w) GROUP BY ALL`)).rows);
console.table((await r.query(sql + `SELECT stream, w, round(rec,3) rec, round(r0,3) r0, round(rm,3) rm, round(r1,3) r1, reported, w0, wm, w1, regions, g0, gm, g1 FROM o JOIN b USING (stream, w) ORDER BY 1,2`)).rows);
r.close?.();
