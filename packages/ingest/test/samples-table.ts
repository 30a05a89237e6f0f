/** What each sample file is read as, or why it is refused: one table per family of formats in expected-samples/. */
import type { Expected } from './expected-samples/expected.ts';
import * as captures from './expected-samples/captures.ts';
import * as damon from './expected-samples/damon.ts';
import * as pageDumps from './expected-samples/page-dumps.ts';
import * as perfData from './expected-samples/perf-data.ts';
import * as traceText from './expected-samples/trace-text.ts';

export type { Expected };

const FAMILIES = [captures, damon, pageDumps, perfData, traceText];

/** Files of the shared samples: all of them. */
export const SHARED: Readonly<Record<string, Expected>> = Object.assign({}, ...FAMILIES.map((family) => family.SHARED));

/** Files of traces/; others there have to keep the general rules only. */
export const FIXTURES: Readonly<Record<string, Expected>> = Object.assign({}, ...FAMILIES.map((family) => family.FIXTURES));
