/** Parameters of schemes, primitives, metrics: one declaration gives defaults, parsing, `list`, docs and sweeps. */
import { UsageError } from './errors.ts';
import { formatBytes, formatDuration, parseDuration, parseSize } from './quantity.ts';
import { nearest } from './registry.ts';

/** What every kind of parameter has. */
export interface ParamBase {
  readonly help: string;
  /** Where the default comes from: a kernel file, a document, or `estimate`. */
  readonly source: string;
}
export type Param =
  | (ParamBase & { readonly kind: 'duration'; readonly default: number; readonly min?: number; readonly unit: 'ns' })
  | (ParamBase & { readonly kind: 'size'; readonly default: number; readonly unit: 'bytes' })
  | (ParamBase & { readonly kind: 'count'; readonly default: number; readonly min?: number; readonly max?: number; readonly unit: string })
  | (ParamBase & { readonly kind: 'ratio'; readonly default: number; readonly unit: '1' })
  | (ParamBase & { readonly kind: 'choice'; readonly default: string; readonly choices: readonly string[] })
  | (ParamBase & { readonly kind: 'flag'; readonly default: boolean })
  | (ParamBase & { readonly kind: 'text'; readonly default: string });

export type ParamSpec = Readonly<Record<string, Param>>;
export type ParamValues<Spec extends ParamSpec = ParamSpec> = {
  [K in keyof Spec]: Spec[K] extends { kind: 'flag' } ? boolean : Spec[K] extends { kind: 'choice' | 'text' } ? string : number;
};

export function defaultsOf<Spec extends ParamSpec>(spec: Spec): ParamValues<Spec> {
  return Object.fromEntries(Object.entries(spec).map(([name, param]) => [name, param.default])) as ParamValues<Spec>;
}

/** Parses `{interval: '100ms'}` (text or already typed values) against the spec. Throws UsageError naming the parameter. */
export function parseParams<Spec extends ParamSpec>(
  owner: string,
  spec: Spec,
  given: Readonly<Record<string, unknown>>,
): ParamValues<Spec> {
  const values: Record<string, unknown> = defaultsOf(spec);
  for (const [name, raw] of Object.entries(given)) {
    const param = spec[name];
    if (param === undefined) {
      const near = nearest(name, Object.keys(spec));
      throw new UsageError(
        `${owner} has no parameter ${JSON.stringify(name)}`,
        (near.length > 0 ? `did you mean ${near.join(' or ')}? ` : '') + `it has: ${Object.keys(spec).join(', ') || 'none'}`,
      );
    }
    values[name] = parseParam(`${owner}:${name}`, param, raw);
  }
  return values as ParamValues<Spec>;
}

function parseParam(where: string, param: Param, raw: unknown): unknown {
  const text = String(raw);
  try {
    switch (param.kind) {
      case 'duration': {
        const ns = typeof raw === 'number' ? raw : parseDuration(text);
        if (ns < (param.min ?? 0)) throw new UsageError(`${text} is below the minimum of ${formatDuration(param.min ?? 0)}`);
        return ns;
      }
      case 'size':
        return typeof raw === 'number' ? raw : parseSize(text);
      case 'count': {
        const n = Number(text);
        if (!Number.isInteger(n) || n < (param.min ?? 0) || n > (param.max ?? Number.MAX_SAFE_INTEGER)) {
          throw new UsageError(`not a whole number from ${param.min ?? 0}${param.max === undefined ? '' : ` to ${param.max}`}: ${text}`);
        }
        return n;
      }
      case 'ratio': {
        const n = text.endsWith('%') ? Number(text.slice(0, -1)) / 100 : Number(text);
        if (!Number.isFinite(n)) throw new UsageError(`not a number or percentage: ${text}`);
        return n;
      }
      case 'choice':
        if (!param.choices.includes(text)) throw new UsageError(`one of ${param.choices.join(', ')} expected, got ${text}`);
        return text;
      case 'flag':
        if (!['true', 'false', 'on', 'off', '1', '0', 'yes', 'no'].includes(text)) throw new UsageError(`on or off expected, got ${text}`);
        return ['true', 'on', '1', 'yes'].includes(text);
      case 'text':
        return text;
    }
  } catch (error) {
    if (error instanceof UsageError) throw new UsageError(`${where}: ${error.message}`, error.hint);
    throw error;
  }
}

/** One value as `list` and `runs.params` print it. */
export function formatParam(param: Param, value: unknown): string {
  if (param.kind === 'duration') return formatDuration(value as number).replace(' ', '');
  if (param.kind === 'size') return formatBytes(value as number).replace(' ', '');
  return String(value);
}
