import { replay } from '@workset/replay';
import { Results, materialiseScores } from '@workset/analyze';
import { ingestCapture } from '@workset/ingest';
import { rmSync, existsSync } from 'node:fs';
for (const name of process.argv.slice(2)) {
rmSync(`/tmp/lead/${name}.res`, { recursive: true, force: true });
const out=`/tmp/lead/${name}.trace`; if (!existsSync(out)) await ingestCapture([`../shared/captures/${name}`], {out} as any);
await replay(`/tmp/lead/${name}.trace`, { out: `/tmp/lead/${name}.res`, jobs: 2, schemes: ['uffd-rwp','uffd-wp','idle-page','soft-dirty'] });
await materialiseScores(`/tmp/lead/${name}.res`);
const r = await Results.open(`/tmp/lead/${name}.res`);
console.log(name);
console.table((await r.query(`from fidelity`)).rows);
r.close?.();
}
