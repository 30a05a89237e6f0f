/** From a damo recording to the bytes that damo prints for it, through the commands. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { REPO, scratch, workset } from './run-cli.ts';

test('ingest, replay and sql give the output of damo report wss, byte by byte', async (t) => {
  const dir = scratch(t);
  const [trace, results] = [join(dir, 'damo.trace'), join(dir, 'results')];
  const recording = join(REPO, 'traces/damo');
  for (const args of [
    ['ingest', join(recording, 'damon_aggr.json_compressed'), '-o', trace],
    ['replay', trace, '-o', results],
  ]) {
    const { code, stderr } = await workset([...args, '--quiet']);
    assert.equal(code, 0, stderr);
  }
  const { stdout } = await workset(['sql', results, '--quiet', '--format', 'jsonl', '-c', 'SELECT text FROM damo_wss ORDER BY line']);
  const printed = stdout
    .trimEnd()
    .split('\n')
    .map((row) => `${(JSON.parse(row) as { text: string }).text}\n`)
    .join('');
  assert.equal(printed, readFileSync(join(recording, 'report.wss.txt'), 'latin1'));
});
