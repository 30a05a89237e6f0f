/** From a trace to scores: the bar of the whole pipeline, and the report made from it. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { createHash } from 'node:crypto';
import { materialiseScores, Results, type ScoreSummary } from '@workset/analyze';
import { buildReport, type QuerySource } from '@workset/charts';
import { replay } from '@workset/replay';
import type { Bench, Scale } from '../lib/bench.ts';
import { hashResults } from '../lib/hash.ts';
import { prepareSynth, synthPath } from '../lib/inputs.ts';
import { madePath, prepareResults, type MadeResults } from '../lib/made-results.ts';
import { traceFacts, zipfInput } from './replay.ts';

const pipeline: Bench = {
  id: 'pipeline',
  title: 'zipf over 1 M pages: replay under uffd-rwp, uffd-wp, idle-page, damon-paddr; scores in SQL; report',
  bars: [
    { step: 'replay', what: 'units/cpu-s', atLeast: 80e6 },
    { step: 'replay', what: 'peak-rss', atMost: 1.5e9 },
    { step: 'score', what: 'wall-s', atMost: 5 },
  ],
  prepare: ({ scale, inputs }) => prepareSynth(inputs, zipfInput(scale)),
  async run({ scale, inputs, scratch, step, inTurn }) {
    const path = synthPath(inputs, zipfInput(scale));
    const { nAccesses, nTouches, limits } = await traceFacts(path);
    const out = join(scratch, 'results');
    const windowNs = scale === 'tiny' ? 1e7 : 1e9;
    const schemes = ['uffd-rwp', 'uffd-wp', 'idle-page', 'damon-paddr'];
    await step('first replay', 'accesses', nAccesses, () => replay(path, { out, schemes, windowNs }));
    // Again, when the code is compiled, and the best of several: what else the machine does is not what is measured.
    const rounds = scale === 'tiny' ? 1 : 5;
    let round = 0;
    const work = (): Promise<unknown> => replay(path, { out: join(scratch, `again-${round++}`), schemes, windowNs });
    await inTurn(rounds, [{ name: 'replay', unit: 'accesses', units: nAccesses, work }]);
    for (let i = 0; i < rounds; i++)
      if (hashResults(join(scratch, `again-${i}`)) !== hashResults(out)) throw new Error('the same replay gave other results');
    const scored = await step(
      'score',
      'rows',
      (rows: readonly unknown[]) => rows.length,
      async () => {
        await materialiseScores(out);
        return withResults(out, async (results) => (await results.query('FROM score_summary')).rows);
      },
    );
    const html = await step(
      'report',
      'bytes',
      (text: string) => text.length,
      () => withResults(out, (results) => buildReport(results as unknown as QuerySource, { meta: { workset: 'bench' } })),
    );
    const text = createHash('sha256').update(JSON.stringify(scored)).digest('hex').slice(0, 8);
    return { hash: `${hashResults(out)}-${text}`, limits, facts: { accesses: nAccesses, touches: nTouches, reportBytes: html.length } };
  },
};

/** Eight runs of one replay. */
const SCORED: Readonly<Record<Scale, MadeResults>> = {
  tiny: { runs: 8, windows: 4, pages: 1 << 16, together: 8 },
  small: { runs: 8, windows: 60, pages: 1 << 20, together: 8 },
  full: { runs: 8, windows: 600, pages: 1 << 20, together: 8 },
};

const scoring: Bench = {
  id: 'score',
  title: 'page sets of 8 runs over 1 M pages and 600 windows to scores',
  bars: [{ step: 'score', what: 'wall-s', atMost: 5 }],
  prepare: ({ scale, inputs }) => prepareResults(inputs, SCORED[scale]),
  async run({ scale, inputs, step }) {
    const dir = madePath(inputs, SCORED[scale]);
    rmSync(join(dir, 'scores'), { recursive: true, force: true });
    const { rows } = await step(
      'score',
      'rows',
      (summary: ScoreSummary) => summary.rows,
      () => materialiseScores(dir),
    );
    return { hash: hashResults(join(dir, 'scores')), facts: { scores: rows } };
  },
};

/** A large sweep: thousands of runs, a part of every table for each. */
const SWEPT: Readonly<Record<Scale, MadeResults>> = {
  tiny: { runs: 12, windows: 3, pages: 4096, together: 4 },
  small: { runs: 400, windows: 10, pages: 4096, together: 8 },
  full: { runs: 10_000, windows: 10, pages: 4096, together: 8 },
};

const summary: Bench = {
  id: 'summary',
  title: 'score_summary of 10,000 runs that were scored before (the first preparation takes minutes)',
  bars: [{ step: 'score_summary', what: 'wall-s', atMost: 1 }],
  async prepare({ scale, inputs }) {
    await prepareResults(inputs, SWEPT[scale]);
    await materialiseScores(madePath(inputs, SWEPT[scale]));
  },
  async run({ scale, inputs, step }) {
    const dir = madePath(inputs, SWEPT[scale]);
    const { runs } = SWEPT[scale];
    await step('up to date?', 'runs', runs, () => materialiseScores(dir));
    const results = await step('open', 'runs', runs, () => Results.open(dir));
    try {
      const { rows } = await step('score_summary', 'runs', runs, () => results.query('FROM score_summary'));
      return { hash: createHash('sha256').update(JSON.stringify(rows)).digest('hex').slice(0, 16), facts: { rows: rows.length } };
    } finally {
      results.close();
    }
  },
};

/** What may be mailed. */
const REPORT_BYTES = 25e6;
const REPORTED: Readonly<Record<Scale, MadeResults>> = {
  tiny: { runs: 8, windows: 6, pages: 4096, together: 8 },
  small: { runs: 40, windows: 200, pages: 16_384, together: 40 },
  full: { runs: 200, windows: 1000, pages: 16_384, together: 200 },
};

const report: Bench = {
  id: 'report',
  title: 'the report of a sweep of 200 runs over 1000 windows, scored before',
  bars: [{ step: 'report', what: 'wall-s', atMost: 30 }],
  async prepare({ scale, inputs }) {
    await prepareResults(inputs, REPORTED[scale]);
    await materialiseScores(madePath(inputs, REPORTED[scale]));
  },
  async run({ scale, inputs, step }) {
    const html = await step(
      'report',
      'bytes',
      (text: string) => text.length,
      () => withResults(madePath(inputs, REPORTED[scale]), (results) => buildReport(results as unknown as QuerySource, {})),
    );
    if (html.length > REPORT_BYTES) throw new Error(`the report has ${html.length} bytes, more than ${REPORT_BYTES}`);
    return { hash: createHash('sha256').update(html).digest('hex').slice(0, 16), facts: { reportBytes: html.length } };
  },
};

async function withResults<T>(dir: string, work: (results: Results) => Promise<T>): Promise<T> {
  const results = await Results.open(dir);
  try {
    return await work(results);
  } finally {
    results.close();
  }
}

export const benches: readonly Bench[] = [pipeline, scoring, summary, report];
