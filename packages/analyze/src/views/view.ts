/** The shape of a view: SQL, a description, and its columns with units. Adding one = one file and one line in registry.ts. */
import type { Descriptor } from '@workset/model';

export interface ViewColumn {
  readonly name: string;
  /** As in ColumnSpec: ns, bytes, pages, ratio, count, MiB, s, or ''. */
  readonly unit: string;
  readonly comment: string;
}
export interface ViewSpec<Id extends string = string> {
  readonly descriptor: Descriptor<Id> & {
    readonly comment: string;
    readonly columns: readonly ViewColumn[];
    readonly sql: string;
  };
}

export const column = (name: string, unit: string, comment: string): ViewColumn => ({ name, unit, comment });
