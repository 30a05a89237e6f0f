/**
 * Real captures against the independent scorer: every snapshot and cycle that score.txt prints must come out of our views with the
 * same counts. The bundled captures always run; the others when the design folder stands beside the repository.
 */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { materialiseScores, Results } from '@workset/analyze';
import { ingestCapture } from '@workset/ingest';
import { replay } from '@workset/replay';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const scratch = mkdtempSync(join(tmpdir(), 'workset-captures-'));
after(() => rmSync(scratch, { recursive: true, force: true }));

const bundled = ['rwp-shmem', 'redis-pti'].map((name) => join(root, 'traces', name));
const beside = ['phases-pti', 'phases-thp', 'files-pti', 'rwp-anonthp'].map((name) => join(root, '..', 'shared', 'captures', name));

type Row = Record<string, unknown>;
interface Section {
  readonly tracker: 'rwp' | 'wp' | 'idle' | 'damon-paddr' | 'damon-vaddr' | 'soft-dirty';
  readonly letter: string;
  readonly lines: readonly string[];
}

/** Cuts score.txt into the sections that head their cycles: "RWP (A), …", "idle page tracking (B): …". */
function sections(text: string): Section[] {
  const heads: readonly [RegExp, Section['tracker']][] = [
    [/^RWP \((\w)\)/, 'rwp'],
    [/^uffd-wp async \((\w)\)/, 'wp'],
    [/^idle page tracking \((\w)\)/, 'idle'],
    [/^DAMON paddr \((\w)\)/, 'damon-paddr'],
    [/^DAMON vaddr \((\w)\)/, 'damon-vaddr'],
    [/^soft-dirty \((\w)\)/, 'soft-dirty'],
  ];
  return text
    .split(/\n\s*\n/)
    .map((block) => block.split('\n'))
    .flatMap(([first, ...lines]) => {
      const head = heads.find(([pattern]) => pattern.test(first!));
      return head === undefined
        ? []
        : [{ tracker: head[1], letter: head[0].exec(first!)![1]!, lines: lines.filter((line) => /^\s+(#|t=)/.test(line)) }];
    });
}

/** All numbers that follow the given words on a line, in order. */
function numbers(line: string, ...words: string[]): number[] {
  return words.map((word) => {
    const match = new RegExp(`${word} ([\\d.]+)`).exec(line);
    assert.ok(match, `score.txt line has no "${word}": ${line}`);
    return Number(match[1]);
  });
}

for (const dir of [...bundled, ...beside]) {
  const name = dir.split('/').at(-1)!;
  describe(
    `capture ${name}`,
    { skip: existsSync(dir) ? false : `${name} is not bundled; it stands in shared/captures of the workplace` },
    async () => {
      let results: Results;
      const rows = async (sql: string): Promise<Row[]> => (await results.query(sql)).rows as Row[];
      const wanted = existsSync(dir) ? sections(readFileSync(join(dir, 'score.txt'), 'utf8')) : [];

      it('ingests, replays its trackers and scores them', async () => {
        const trace = join(scratch, `${name}.trace`);
        const out = join(scratch, `${name}.results`);
        await ingestCapture([dir], { out: trace });
        await replay(trace, { out, schemes: [], jobs: 2 });
        await materialiseScores(out);
        results = await Results.open(out);
        assert.ok(wanted.length > 0, 'score.txt has sections');
      });

      for (const section of wanted) {
        it(`${section.tracker} (${section.letter}) equals score.txt, line by line`, async () => {
          assert.ok(section.lines.length > 0);
          await compare[section.tracker](section, rows);
        });
      }
      after(() => results?.close());
    },
  );
}

type Query = (sql: string) => Promise<Row[]>;

async function uffd(section: Section, rows: Query): Promise<void> {
  const cycles = await rows(`SELECT * FROM uffd_cycles WHERE stream LIKE '${section.letter}.%' ORDER BY w`);
  for (const line of section.lines) {
    const w = Number(/#(\d+)/.exec(line)![1]);
    const row = cycles[w]!;
    assert.deepEqual(
      [row['truth'], row['reported'], row['hit'], row['missed'], row['extra'], row['edge_only']],
      numbers(line, 'truth', 'reported', 'hit', 'missed', 'extra', 'only at the edges'),
      line,
    );
  }
}

async function idle(section: Section, rows: Query): Promise<void> {
  const snapshots = await rows(`SELECT * FROM idle_snapshots WHERE stream LIKE '${section.letter}.%' ORDER BY w`);
  for (const line of section.lines) {
    const row = snapshots[Number(/#(\d+)/.exec(line)![1])]!;
    assert.deepEqual(
      [row['truth'], row['reported'], row['hit'], row['missed'], row['kernel_touched'], row['untouched']],
      numbers(line, ': truth', 'reported accessed', 'hit', 'missed', 'kernel-touched', 'untouched'),
      line,
    );
  }
}

async function damon(section: Section, rows: Query): Promise<void> {
  const snapshots = await rows(`SELECT * FROM damon_snapshots WHERE stream LIKE '${section.letter}.%' ORDER BY w`);
  let last = -1;
  for (const line of section.lines) {
    const [t] = numbers(line.replace('t=', 't '), 't') as [number];
    const w = snapshots.findIndex((row, i) => i > last && Math.abs((row['t_s'] as number) - t) < 0.0006);
    assert.ok(w >= 0, `no snapshot at ${t} s`);
    last = w;
    const row = snapshots[w]!;
    const [regions, hotPages, max, touched, inHot] = [
      ...numbers(line, 'regions', 'nr_accesses>0 over', 'max'),
      ...numbers(line, 'touched in the 100 ms:', 'in a region with nr_accesses>0:'),
    ];
    assert.deepEqual(
      [row['regions'], row['hot'], row['nr_accesses_max'], row['touched'], row['in_hot_region']],
      [regions, hotPages, max, touched, inHot],
      line,
    );
  }
}

async function softDirty(section: Section, rows: Query): Promise<void> {
  const windows = await rows(
    `SELECT s.*, v.claim_t0_ns / 1e9 AS t_s FROM scores s JOIN runs r USING (run_id) JOIN windows v USING (run_id, w)
     WHERE r.scheme = 'observed:soft-dirty' AND s."scope" = 'mapped' AND s."target" = 'written' ORDER BY w`,
  );
  for (const line of section.lines) {
    const [t] = numbers(line.replace('t=', 't '), 't') as [number];
    const row = windows.find((window) => Math.abs((window['t_s'] as number) - t) < 0.0006);
    assert.ok(row, `no cycle at ${t} s`);
    assert.deepEqual(
      [row['truth'], row['reported'], row['fn'], row['fp']],
      numbers(line, 'truth written', 'soft-dirty', 'missed', 'unexplained'),
      line,
    );
  }
}

const compare: Record<Section['tracker'], (section: Section, rows: Query) => Promise<void>> = {
  rwp: uffd,
  wp: uffd,
  idle,
  'damon-paddr': damon,
  'damon-vaddr': damon,
  'soft-dirty': softDirty,
};
