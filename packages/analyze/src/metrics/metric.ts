/** The shape of a metric: parameters in, one SQL question out. Adding one = one file and one line in registry.ts. */
import type { ColumnSpec, Descriptor, ParamSpec, ParamValues, TableId } from '@workset/model';
import type { BindValue } from '../results/results.ts';

export interface MetricQuery {
  readonly text: string;
  readonly bind: Readonly<Record<string, BindValue>>;
}
export interface Metric<Id extends string = string, Spec extends ParamSpec = ParamSpec> {
  readonly descriptor: Descriptor<Id> & {
    /** Definition in one sentence, with the empty cases. */
    readonly definition: string;
    readonly reads: readonly TableId[];
    readonly columns: readonly ColumnSpec[];
  };
  readonly params: Spec;
  /** A method, so that registries can hold metrics with different parameters. */
  sql(params: ParamValues<Spec>): MetricQuery;
}

const text = (name: string, comment: string): ColumnSpec => ({ name, type: 'VARCHAR', unit: '', comment });
export const count = (name: string, unit: string, comment: string): ColumnSpec => ({ name, type: 'BIGINT', unit, comment });
export const ratioColumn = (name: string, comment: string, unit = 'ratio'): ColumnSpec => ({
  name,
  type: 'DOUBLE',
  unit,
  comment,
  nullable: true,
});

/** Which run, window, scope and target a row is about. */
export const WINDOW_KEY: readonly ColumnSpec[] = [
  text('run_id', 'run'),
  text('scope', 'any or mapped'),
  text('target', 'touched or written'),
  count('w', 'index', 'window'),
];
export const RUN_KEY: readonly ColumnSpec[] = WINDOW_KEY.slice(0, 3);
