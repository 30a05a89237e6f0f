/**
 * A manifest names the files of a capture where their names and contents are not enough:
 *
 *     name: shmem, 6 GiB guest
 *     inputs:
 *       - path: gt.vmgt.gz
 *       - { path: rwp.bin, format: uffd-snap, segment: A, clock-offset: -2ms, arena: 0x200000000000, options: { space: gva } }
 */
import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { parseDuration, TraceFormatError, UnreadableInputError, UsageError } from '@workset/model';
import { parse } from 'yaml';

export interface ManifestInput {
  readonly path: string;
  readonly format?: string;
  readonly segment?: string;
  readonly clockOffsetNs?: number;
  /** First page of the arena of arena-relative reports. */
  readonly arenaPage?: number;
  readonly options: Readonly<Record<string, string>>;
}
export interface CaptureManifest {
  readonly name?: string;
  readonly inputs: readonly ManifestInput[];
}

const INPUT_KEYS = ['path', 'format', 'segment', 'clock-offset', 'arena', 'options'];

/** Reads a manifest; paths in it are relative to its directory. Throws UnreadableInputError, TraceFormatError or UsageError. */
export async function readManifestFile(path: string): Promise<CaptureManifest> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw new UnreadableInputError('the manifest cannot be read', { file: path }, 'check the path given to --manifest', error);
  }
  let value: unknown;
  try {
    // BigInt keeps 64-bit addresses whole.
    value = parse(text, { intAsBigInt: true });
  } catch (error) {
    throw new TraceFormatError(`the manifest is not YAML: ${(error as Error).message}`, { file: path }, undefined, error);
  }
  const top = record(value, path, 'the manifest');
  const inputs = top['inputs'] ?? [];
  if (!Array.isArray(inputs)) throw wrong(path, '`inputs` is not a list');
  const name = top['name'];
  return { ...(name === undefined ? {} : { name: String(name) }), inputs: inputs.map((entry) => inputOf(entry, path)) };
}

function inputOf(entry: unknown, file: string): ManifestInput {
  const input = typeof entry === 'string' ? { path: entry } : record(entry, file, 'an entry of `inputs`');
  const odd = Object.keys(input).find((key) => !INPUT_KEYS.includes(key));
  if (odd !== undefined) throw wrong(file, `unknown key ${JSON.stringify(odd)}; known: ${INPUT_KEYS.join(', ')}`);
  if (typeof input['path'] !== 'string') throw wrong(file, 'an entry of `inputs` has no path');
  const { format, segment, arena } = input;
  const options = Object.entries(record(input['options'] ?? {}, file, '`options`'));
  return {
    path: resolve(dirname(file), input['path']),
    ...(format === undefined ? {} : { format: String(format) }),
    ...(segment === undefined ? {} : { segment: String(segment) }),
    ...(input['clock-offset'] === undefined ? {} : { clockOffsetNs: offsetOf(String(input['clock-offset'])) }),
    ...(arena === undefined ? {} : { arenaPage: arenaPage(arena, file) }),
    options: Object.fromEntries(options.map(([key, value]) => [key, String(value)])),
  };
}

/** `-2ms` → -2000000 */
function offsetOf(text: string): number {
  return text.startsWith('-') ? -parseDuration(text.slice(1)) : parseDuration(text);
}

function arenaPage(value: unknown, file: string): number {
  const text = String(value);
  if (!/^(0x[0-9a-f]+|\d+)$/i.test(text)) throw wrong(file, `not an address: ${JSON.stringify(text)}`);
  const address = BigInt(text);
  if (address % 4096n !== 0n) throw wrong(file, `arena ${text} is not a page address`);
  return Number(address / 4096n);
}

function record(value: unknown, file: string, what: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw wrong(file, `${what} is not a mapping`);
}

function wrong(file: string, message: string): UsageError {
  return new UsageError(`${file}: ${message}`, 'for example: inputs: [{path: A.rwp.bin, format: uffd-snap, segment: A, arena: 0x200000000000, clock-offset: 2ms}]');
}
