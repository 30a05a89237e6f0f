import assert from 'node:assert/strict';
import { test } from 'node:test';

import { reportOf } from '../src/report-error.ts';

test('a full disk is no fault in workset, whoever tells of it and with or without a path', () => {
  const own = Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
  for (const error of [
    own,
    new Error('EFBIG: file too large, write'),
    new Error("EDQUOT: disk quota exceeded, open '/r/a.parquet.part'"),
  ]) {
    const { report, exit } = reportOf(error);
    assert.deepEqual([report.code, exit], ['run-failed', 1], error.message);
    assert.match(report.hint!, /another place/);
  }
  assert.equal(reportOf(new Error("EDQUOT: disk quota exceeded, open '/r/a.part'")).report.file, '/r/a.part');
  assert.equal(reportOf(new Error('EWHAT: who knows, write')).report.code, 'internal');
});
