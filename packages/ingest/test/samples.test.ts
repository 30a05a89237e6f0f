/** Every sample file and fixture: read with the right counts, or refused with a message that names the file, the place and the remedy. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { gunzipSync, inflateSync } from 'node:zlib';
import { WorksetError } from '@workset/model';
import { inspectFile, type CaptureInfo } from '@workset/ingest';
import { FIXTURES, SHARED, type Expected } from './samples-table.ts';

const shared = join(import.meta.dirname, '../../../../shared/samples');
const traces = join(import.meta.dirname, '../../../traces');
const isShared = existsSync(shared);
const skip = isShared ? false : 'no shared samples beside the repository';
const TIMEOUT_MS = 10_000;

function filesUnder(root: string, at = ''): string[] {
  return readdirSync(join(root, at), { withFileTypes: true }).flatMap((entry) => {
    const path = at === '' ? entry.name : `${at}/${entry.name}`;
    return entry.isDirectory() ? filesUnder(root, path) : entry.isFile() ? [path] : [];
  });
}

function summary(info: CaptureInfo): Expected {
  const reports = info.streams.reduce((sum, each) => sum + each.reports, 0);
  const incomplete = info.streams.reduce((sum, each) => sum + each.incomplete, 0);
  const said = Object.fromEntries(info.diagnostics.map(({ code, count }) => [code, count]));
  return {
    format: info.format,
    kept: info.records,
    ...(reports > 0 && { reports }),
    ...(incomplete > 0 && { incomplete }),
    ...(info.lost !== null && { lost: info.lost }),
    ...(info.nSizes > 0 && { sizes: info.nSizes }),
    ...(info.mappedPages > 0 && { mapped: info.mappedPages }),
    ...(info.diagnostics.length > 0 && { said }),
  };
}

async function look(path: string, { as, options }: Expected = {}): Promise<CaptureInfo | WorksetError> {
  try {
    return await inspectFile(path, { ...(as === undefined ? {} : { format: as }), ...(options === undefined ? {} : { options }) });
  } catch (error) {
    assert.ok(error instanceof WorksetError, `${path}: ${String((error as Error).stack)}`);
    return error;
  }
}

function checkRefusal(error: WorksetError, path: string): void {
  assert.ok(error.place.file === path || error.message.includes(path), `names no file: ${error.message}`);
  assert.ok((error.hint ?? '').length > 10, `gives no remedy: ${error.message}`);
}

async function check(root: string, key: string, expected: Expected): Promise<void> {
  const path = join(root, key.replace(/ as [\w-]+$/, ''));
  const found = await look(path, expected);
  if (expected.refusal !== undefined) {
    assert.ok(found instanceof WorksetError, `${key} was read, not refused`);
    checkRefusal(found, path);
    assert.match(found.message, expected.refusal[0]);
    assert.match(found.hint!, expected.refusal[1]);
    return;
  }
  if (found instanceof WorksetError) throw found;
  const { as: _as, options: _options, ...counts } = expected;
  assert.deepEqual(summary(found), counts);
  // "gone without a word" is the one thing that must not be
  assert.ok(found.records > 0 || found.rejected > 0);
}

describe('shared samples', { skip }, () => {
  for (const [key, expected] of Object.entries(SHARED)) test(key, { timeout: TIMEOUT_MS }, () => check(shared, key, expected));
  test('none is missing here', () => {
    assert.deepEqual(
      filesUnder(shared).filter((path) => SHARED[path] === undefined),
      [],
    );
  });
});

describe('fixtures', () => {
  for (const [key, expected] of Object.entries(FIXTURES)) test(key, { timeout: TIMEOUT_MS }, () => check(traces, key, expected));
  for (const path of filesUnder(traces).filter((file) => FIXTURES[file] === undefined)) {
    test(`${path} keeps the general rules`, { timeout: TIMEOUT_MS }, async () => {
      const found = await look(join(traces, path));
      if (found instanceof WorksetError) checkRefusal(found, join(traces, path));
    });
  }
});

/** Plain text of a fixture. */
function text(key: string): string {
  const bytes = readFileSync(join(traces, key));
  return (key.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('latin1');
}
const count = (key: string, pattern: RegExp): number => text(key).match(new RegExp(pattern, 'gm'))?.length ?? 0;
const kept = (key: string): number => FIXTURES[key]!.kept!;

describe('counts of the table, by other means', () => {
  test('perf.data: the samples that perf script prints', () => {
    const recordings = Object.keys(FIXTURES).filter(
      (key) => /^perf-data\/.*\.data\.gz$/.test(key) && existsSync(join(traces, key.replace(/\.data\.gz$/, '.script.txt.gz'))),
    );
    assert.ok(recordings.length >= 14);
    for (const key of recordings) assert.equal(kept(key), count(key.replace(/\.data\.gz$/, '.script.txt.gz'), / \d+\.\d{6,9}: /), key);
  });

  test('DAMON text: its lines of regions', () => {
    for (const key of [
      'damon-text/damon.tracefs.txt.gz',
      'damon-text/damon.perf.script.txt.gz',
      'damon-text/damo.perf_script.txt.gz',
      'damon-text/trace-cmd.report.txt.gz',
      'damon-text/phases-pti.C.ftrace.txt.gz',
    ]) {
      assert.equal(kept(key), count(key, /damo(?:n_aggregated|s_before_apply):/), key);
    }
  });

  test('damo JSON: its regions', () => {
    const regions = (json: string): number =>
      (JSON.parse(json) as { snapshots: { regions: unknown[] }[] }[]).reduce(
        (sum, record) => sum + record.snapshots.reduce((all, { regions: each }) => all + each.length, 0),
        0,
      );
    assert.equal(kept('damo/damon.small.json.gz'), regions(text('damo/damon.small.json.gz')));
    assert.equal(
      kept('damo/damon_aggr.json_compressed'),
      regions(inflateSync(readFileSync(join(traces, 'damo/damon_aggr.json_compressed'))).toString()),
    );
    assert.equal(kept('damo/damon-human-units.json.gz'.replace('damon-', 'damo-')), regions(text('damo/damo-human-units.json.gz')));
  });

  test('damo record: what its size leaves for regions of 20 bytes', () => {
    // per file: "damon_recfmt_ver" and i32 (none in version 0); per snapshot i64, i64, u32 tasks, id (4 or 8), u32 regions
    const regions = (key: string, headBytes: number, idBytes: number): number =>
      (readFileSync(join(traces, key)).length - headBytes - 2 * (16 + 4 + idBytes + 4)) / 20;
    assert.equal(kept('damo/record.v1.bin'), regions('damo/record.v1.bin', 20, 4));
    assert.equal(kept('damo/record.v2.bin'), regions('damo/record.v2.bin', 20, 8));
    assert.equal(kept('damo/record.v0.bin as damo-record'), regions('damo/record.v0.bin', 0, 8));
  });

  test('lackey: loads, stores, both of a modify, and the second page of a straddle', () => {
    let n = 0;
    for (const [, kind, address, size] of text('access-logs/lackey.head.txt').matchAll(/^(I | [LSM]) +([0-9a-f]+),(\d+)$/gm)) {
      const pages = ((parseInt(address!.slice(-3), 16) + Number(size) - 1) >> 12) + 1;
      n += pages * (kind === ' M' ? 2 : 1);
    }
    assert.equal(kept('access-logs/lackey.head.txt'), n);
  });
});

/** Said of records that are kept all the same, or of the file as a whole. */
const ABOUT_KEPT = new Set([
  'out-of-order',
  'age-missing',
  'access-type-unknown',
  'short-snapshot',
  'guessed-ops',
  'assumed-aggregation',
  'possibly-truncated',
  'no-times',
  'no-time',
  'assumed-return-mask',
  'perf-format-bug',
]);

describe('every record of a text is kept or counted', () => {
  const texts = Object.entries(FIXTURES).filter(
    ([, { format, refusal }]) =>
      refusal === undefined && ['perf-script', 'damon-trace', 'perf-trace', 'perf-mem', 'uffd-log', 'pagemap-scan'].includes(format!),
  );
  for (const [key] of texts.filter(([name]) => /\.(txt|csv)(\.gz)?$/.test(name))) {
    test(key, async () => {
      const info = (await look(join(traces, key), FIXTURES[key])) as CaptureInfo;
      const dropped = info.diagnostics.filter(({ code }) => !ABOUT_KEPT.has(code)).reduce((sum, each) => sum + each.count, 0);
      const isHeader = (line: string): boolean => line.startsWith('#') || /^(?:CPU:\d+ \[|mono_ns,)|PERF_RECORD_LOST/.test(line);
      const lines = text(key)
        .replace(/^\u00ef\u00bb\u00bf/, '')
        .split(/\r?\n/)
        .filter((line) => line.trim() !== '' && !isHeader(line));
      assert.equal(info.records + dropped, lines.length);
    });
  }
});
