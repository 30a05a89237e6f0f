/** Runs the cells of one notebook in order. The first cell that fails ends it, with its line. */
import { Results } from '@workset/analyze';
import type { QueryResult } from '@workset/analyze';
import { renderChart, specToSvg } from '@workset/charts';
import type { ChartParams, DataRow, QuerySource } from '@workset/charts';
import type { Scope, Target } from '@workset/model';

import { resultsOf, traceOf } from './data.ts';
import type { Workshop } from './data.ts';
import { evidenceSpec } from './evidence-chart.ts';
import { NotebookError } from './parse.ts';
import type { CodeCell, Notebook, ProseCell } from './parse.ts';
import { primitivesSql, racesSql, replacementSql } from './tables.ts';
import { evidenceOf, evidenceSql, fillIn, parseVerdict } from './verdict.ts';
import type { Verdict } from './verdict.ts';

export type Output =
  | { readonly cell: ProseCell }
  | { readonly cell: CodeCell; readonly result: QueryResult }
  | { readonly cell: CodeCell; readonly svg: string }
  | { readonly cell: CodeCell; readonly verdict: Verdict; readonly svg: string };

/** Tables beside those of the results, made when a cell first names one. */
const EXTRA: Readonly<Record<string, (shop: Workshop) => Promise<string> | string>> = {
  races: racesSql,
  primitives: primitivesSql,
  replacement: async (shop) => {
    const captures = Object.keys(shop.spec.traces).filter((name) => shop.spec.traces[name]!.capture !== undefined);
    const paths: [string, string][] = [];
    for (const name of captures) paths.push([name, await traceOf(shop, name)]);
    return replacementSql(paths);
  },
};
/** Shared by all notebooks of a process: the race exploration takes a second. */
const extraSql = new Map<string, string>();

export class Session {
  readonly #shop: Workshop;
  readonly #notebook: Notebook;
  #open = new Map<string, Results>();
  #named = new Map<string, { readonly sql: string; readonly on: string }>();

  constructor(shop: Workshop, notebook: Notebook) {
    this.#shop = shop;
    this.#notebook = notebook;
  }

  /** Throws NotebookError naming the line of the cell that failed. */
  async run(): Promise<Output[]> {
    const outputs: Output[] = [];
    for (const cell of this.#notebook.cells) {
      try {
        outputs.push(cell.kind === 'prose' ? { cell } : await this.#runCode(cell));
      } catch (error) {
        if (error instanceof NotebookError) throw error;
        throw new NotebookError(cell.line, error instanceof Error ? error.message : String(error));
      }
    }
    return outputs;
  }

  close(): void {
    for (const results of this.#open.values()) results.close();
  }

  #runCode(cell: CodeCell): Promise<Output> {
    switch (cell.kind) {
      case 'sql':
        return this.#runSql(cell);
      case 'chart':
        return this.#runChart(cell);
      case 'verdict':
        return this.#runVerdict(cell);
    }
  }

  async #runSql(cell: CodeCell): Promise<Output> {
    const on = cell.options['on'] ?? this.#notebook.on;
    const sql = await this.#withNamed(cell.text);
    const results = await this.#results(on);
    const result = await results.query(sql);
    if (cell.options['name'] !== undefined) this.#named.set(cell.options['name'], { sql, on });
    return { cell, result };
  }

  async #runChart(cell: CodeCell): Promise<Output> {
    const { id = '', on, trace, space, scope, target, runs } = cell.options;
    const results = await this.#results(on ?? this.#notebook.on);
    const source: QuerySource = {
      query: async (sql) => {
        const { columns, rows } = await results.query(sql);
        return { columns, rows: rows as readonly DataRow[] };
      },
    };
    const params: ChartParams = {
      ...(trace === undefined ? {} : { trace }),
      ...(space === undefined ? {} : { space }),
      ...(scope === undefined ? {} : { scope: scope as Scope }),
      ...(target === undefined ? {} : { target: target as Target }),
      ...(runs === undefined ? {} : { runs: runs.split(',') }),
    };
    return { cell, svg: String(await renderChart(source, id, { format: 'svg', params })) };
  }

  async #runVerdict(cell: CodeCell): Promise<Output> {
    const spec = parseVerdict(cell);
    const from = this.#named.get(cell.options['from'] ?? '');
    if (from === undefined) throw new NotebookError(cell.line, `no cell is called ${cell.options['from']}`);
    const results = await this.#results(from.on);
    const evidence = evidenceOf((await results.query(from.sql)).rows, cell.line);
    for (const { verdict, condition } of spec.rules) {
      const { rows } = await results.query(`SELECT coalesce((${condition}), false) AS holds FROM (${evidenceSql(evidence)})`);
      if (rows[0]!['holds'] !== true) continue;
      const because = fillIn(spec.because, evidence, cell.line);
      const verdictRow: Verdict = { claim: spec.claim, verdict, rule: condition, because, limits: spec.limits, evidence };
      return { cell, verdict: verdictRow, svg: await specToSvg(evidenceSpec(evidence)) };
    }
    throw new NotebookError(cell.line, `${spec.claim}: no rule gives a verdict for ${JSON.stringify(evidence)}`);
  }

  async #results(name: string): Promise<Results> {
    let results = this.#open.get(name);
    if (results === undefined) this.#open.set(name, (results = await Results.open(await resultsOf(this.#shop, name))));
    return results;
  }

  /** The query with the cells and extra tables it names in front. */
  async #withNamed(text: string): Promise<string> {
    const names = [...Object.keys(EXTRA), ...this.#named.keys()].filter((name) =>
      new RegExp(`\\b(?:FROM|JOIN)\\s+${name}\\b`, 'i').test(text),
    );
    if (names.length === 0) return text;
    const tables: string[] = [];
    for (const name of names) tables.push(`${name} AS (${this.#named.get(name)?.sql ?? (await this.#extra(name))}\n)`);
    return `WITH ${tables.join(',\n')}\nFROM (${text.replace(/;\s*$/, '')}\n)`;
  }

  async #extra(name: string): Promise<string> {
    let sql = extraSql.get(name);
    if (sql === undefined) extraSql.set(name, (sql = await EXTRA[name]!(this.#shop)));
    return sql;
  }
}
