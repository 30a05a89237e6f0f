/** Every key of a manifest: what it may hold, said once for the reader and for the JSON Schema. */
import { parseAddressRange, parseDuration, SPACES, UsageError } from '@workset/model';
import { ingestors } from '../registry.ts';

export type JsonSchema = Readonly<Record<string, unknown>>;

/** What the value of one key turns into: a field of the input, or options of its format. */
export interface KeyValue {
  readonly format?: string;
  readonly segment?: string;
  readonly clockOffsetNs?: number;
  readonly arenaPage?: number;
  readonly options?: Readonly<Record<string, string>>;
}

export interface ManifestKey {
  readonly schema: JsonSchema;
  /** Throws an Error whose message goes behind "KEY: ". `resolve` makes paths in the manifest absolute. */
  read(value: unknown, resolve: (path: string) => string): KeyValue;
}

const DURATION = '^-?(?:0|(?:\\d+(?:\\.\\d+)?(?:ns|us|ms|s|m|h))+)$';
const TIME = '^(?:\\d+|(?:\\d+(?:\\.\\d+)?(?:ns|us|ms|s|m|h))+)$';
const ADDRESS = '^(?:0[xX][0-9a-fA-F]+|\\d+)$';
const RANGE = '^(?:0[xX][0-9a-fA-F]+|\\d+)(?:-(?:0[xX][0-9a-fA-F]+|\\d+)|\\+.+)$';

const text = (description: string, more: JsonSchema = {}): JsonSchema => ({ description, type: 'string', ...more });
/** A number or its text: YAML reads 0x10 and 16 as numbers. */
const integer = (description: string): JsonSchema => ({
  description,
  anyOf: [
    { type: 'integer', minimum: 0 },
    { type: 'string', pattern: ADDRESS },
  ],
});
const option = (name: string, value: string): KeyValue => ({ options: { [name]: value } });

export const INPUT_KEYS: Readonly<Record<string, ManifestKey>> = {
  format: {
    schema: text('format of the file (workset list ingestors), instead of recognising it', { enum: [...ingestors.ids].sort() }),
    read: (value) => ({ format: ingestors.get(string(value)).descriptor.id }),
  },
  segment: {
    schema: { description: 'segment of the recording that the file belongs to', type: ['string', 'integer'] },
    read: (value) => ({ segment: scalar(value) }),
  },
  space: {
    schema: text('address space of the pages of a file that does not tell', { enum: [...SPACES] }),
    read: (value) => option('space', oneOf(value, SPACES)),
  },
  arena: {
    schema: integer('address of the memory that arena-relative reports count from'),
    read: (value) => ({ arenaPage: pageOf(value) }),
  },
  'clock-offset': {
    schema: { description: 'added to all times of the file: 2ms, -1.5s', anyOf: [{ type: 'string', pattern: DURATION }, { const: 0 }] },
    read: (value) => ({ clockOffsetNs: offset(scalar(value)) }),
  },
  ranges: {
    schema: {
      description: 'virtual addresses that a page-table dump is of, in file order',
      anyOf: [
        text('0xSTART-0xEND or 0xSTART+SIZE', { pattern: RANGE }),
        { type: 'array', minItems: 1, items: text('0xSTART-0xEND or 0xSTART+SIZE', { pattern: RANGE }) },
      ],
    },
    read: (value) => ranges(value),
  },
  'slot-base': {
    schema: {
      description: 'first guest frame of the memory slot, or of each slot by its number',
      anyOf: [
        integer('one slot'),
        { type: 'object', minProperties: 1, propertyNames: { pattern: '^\\d+$' }, additionalProperties: integer('frame') },
      ],
    },
    read: (value) => option('slot-base', slots(value)),
  },
  begin: {
    schema: {
      description: 'when the marks of a dump were set: a duration or whole ns on its clock',
      anyOf: [
        { type: 'string', pattern: TIME },
        { type: 'integer', minimum: 0 },
      ],
    },
    read: (value) => option('begin', time(value)),
  },
  end: {
    schema: {
      description: 'when the dump was read: a duration or whole ns on its clock',
      anyOf: [
        { type: 'string', pattern: TIME },
        { type: 'integer', minimum: 0 },
      ],
    },
    read: (value) => option('end', time(value)),
  },
  aggregation: {
    schema: text("DAMON's aggregation interval, which its trace does not carry", { pattern: TIME }),
    read: (value) => option('aggregation', duration(value)),
  },
  marked: {
    schema: text('the bitmap that was read right after marking; a path'),
    read: (value, resolve) => option('marked', resolve(string(value))),
  },
  'accesses-per-second': {
    schema: { description: 'rate of a log without times', type: 'number', exclusiveMinimum: 0 },
    read: (value) => option('accesses-per-second', positive(value)),
  },
  'instructions-per-second': {
    schema: { description: 'rate of a log that counts instructions', type: 'number', exclusiveMinimum: 0 },
    read: (value) => option('instructions-per-second', positive(value)),
  },
  options: {
    schema: {
      description: 'further options of the format, as with --set',
      type: 'object',
      additionalProperties: { type: ['string', 'number', 'boolean'] },
    },
    read: (value) => ({ options: Object.fromEntries(Object.entries(mapping(value)).map(([key, each]) => [key, scalar(each)])) }),
  },
};

/** The schema of docs/manifest.schema.json. */
export function manifestSchema(): JsonSchema {
  const properties = Object.fromEntries(Object.entries(INPUT_KEYS).map(([name, { schema }]) => [name, schema]));
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'workset capture manifest',
    description: 'The files of one recording, where their names and contents do not tell enough: workset ingest --manifest FILE',
    type: 'object',
    required: ['inputs'],
    additionalProperties: false,
    properties: {
      name: text('name of the trace'),
      inputs: {
        type: 'array',
        items: {
          anyOf: [
            text('a path, relative to the manifest; * and ? stand for several files', { minLength: 1 }),
            {
              type: 'object',
              required: ['path'],
              additionalProperties: false,
              properties: { path: text('relative to the manifest; * and ? stand for several files', { minLength: 1 }), ...properties },
            },
          ],
        },
      },
    },
  };
}

export function scalar(value: unknown): string {
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean')
    return String(value);
  throw new Error('a single value is expected');
}

function string(value: unknown): string {
  if (typeof value === 'string' && value !== '') return value;
  throw new Error('a text is expected');
}

function mapping(value: unknown): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new Error('a mapping is expected');
}

function oneOf(value: unknown, choices: readonly string[]): string {
  const found = choices.find((choice) => choice === value);
  if (found === undefined) throw new Error(`one of ${choices.join(', ')} is expected`);
  return found;
}

function positive(value: unknown): string {
  const number = Number(scalar(value));
  if (!(number > 0) || !Number.isFinite(number)) throw new Error('a positive number is expected');
  return String(number);
}

function offset(given: string): number {
  return given.startsWith('-') ? -parseDuration(given.slice(1)) : parseDuration(given);
}

function duration(value: unknown): string {
  const given = scalar(value);
  parseDuration(given);
  return given;
}

/** A duration, or whole ns. */
function time(value: unknown): string {
  return /^\d+$/.test(scalar(value)) ? scalar(value) : duration(value);
}

function address(value: unknown): bigint {
  const given = scalar(value);
  if (!/^(0x[0-9a-f]+|\d+)$/i.test(given)) throw new Error(`${JSON.stringify(given)} is no address`);
  return BigInt(given);
}

function pageOf(value: unknown): number {
  const bytes = address(value);
  if (bytes % 4096n !== 0n) throw new Error(`${scalar(value)} is not a page address`);
  return Number(bytes / 4096n);
}

function ranges(value: unknown): KeyValue {
  const given = (Array.isArray(value) ? value : [value]).map(string);
  if (given.length === 0) throw new Error('at least one range is expected');
  for (const each of given) parseAddressRange(each);
  const all = given.join(',');
  return { options: { vaddr: all, range: all } };
}

function slots(value: unknown): string {
  if (typeof value !== 'object' || value === null) return address(value).toString();
  const entries = Object.entries(mapping(value));
  if (entries.length === 0 || entries.some(([slot]) => !/^\d+$/.test(slot)))
    throw new Error('slot numbers with their first frames are expected');
  return entries.map(([slot, base]) => `${slot}:${address(base)}`).join(',');
}

/** What went wrong with a value, without the hint that its reader may have. */
export function reasonOf(error: unknown): { readonly message: string; readonly hint: string | undefined } {
  return { message: (error as Error).message, hint: error instanceof UsageError ? error.hint : undefined };
}
