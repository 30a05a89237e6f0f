/**
 * A manifest names the files of a capture where their names and contents are not enough:
 *
 *     name: shmem, 6 GiB guest
 *     inputs:
 *       - path: gt.vmgt.gz
 *       - { path: rwp.bin, format: uffd-snap, segment: A, clock-offset: -2ms, arena: 0x200000000000, space: gva }
 *
 * Its keys are in manifest-keys.ts, its JSON Schema in docs/manifest.schema.json.
 */
import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { nearest, TraceFormatError, UnreadableInputError, UsageError } from '@workset/model';
import { isMap, isScalar, isSeq, LineCounter, parseDocument, type Document, type YAMLMap } from 'yaml';
import { INPUT_KEYS, reasonOf, scalar, type KeyValue } from './manifest-keys.ts';

export interface ManifestInput extends KeyValue {
  readonly path: string;
  readonly options: Readonly<Record<string, string>>;
}
export interface CaptureManifest {
  readonly name?: string;
  readonly inputs: readonly ManifestInput[];
}

const EXAMPLE = 'for example: inputs: [{path: A.rwp.bin, format: uffd-snap, segment: A, arena: 0x200000000000, clock-offset: 2ms}]';
const TOP_KEYS = ['name', 'inputs'];

/** Reads a manifest; paths in it are relative to its directory. Throws UnreadableInputError, TraceFormatError or a UsageError that names key and line. */
export async function readManifestFile(path: string): Promise<CaptureManifest> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw new UnreadableInputError('the manifest cannot be read', { file: path }, 'check the path given to --manifest', error);
  }
  return new ManifestReader(path, text).read();
}

class ManifestReader {
  readonly #file: string;
  readonly #lines = new LineCounter();
  readonly #document: Document;

  constructor(file: string, text: string) {
    this.#file = file;
    // BigInt keeps 64-bit addresses whole.
    this.#document = parseDocument(text, { intAsBigInt: true, lineCounter: this.#lines });
    const [damage] = this.#document.errors;
    if (damage !== undefined) {
      throw new TraceFormatError(`the manifest is not YAML: ${damage.message}`, { file, line: damage.linePos?.[0].line }, EXAMPLE, damage);
    }
  }

  read(): CaptureManifest {
    const top = this.#map(this.#document.contents, 'the manifest');
    let name: string | undefined;
    let inputs: ManifestInput[] | undefined;
    for (const [key, value, line] of this.#pairs(top, TOP_KEYS)) {
      if (key === 'name') name = this.#typed(key, line, () => scalar(this.#plain(value)));
      else if (isSeq(value)) inputs = value.items.map((item) => this.#input(item));
      else throw this.#wrong(line, 'inputs: a list of files is expected');
    }
    if (inputs === undefined) throw this.#wrong(1, 'inputs: the list of files is missing');
    return { ...(name === undefined ? {} : { name }), inputs };
  }

  #input(item: unknown): ManifestInput {
    const resolved = (path: string) => resolve(dirname(this.#file), path);
    if (isScalar(item)) {
      const path = this.#typed('inputs', this.#lineOf(item), () => pathText(item.value));
      return { path: resolved(path), options: {} };
    }
    const map = this.#map(item, 'an entry of inputs');
    let path: string | undefined;
    let result: KeyValue = {};
    for (const [key, value, line] of this.#pairs(map, ['path', ...Object.keys(INPUT_KEYS)])) {
      const plain = this.#plain(value);
      if (key === 'path') {
        path = this.#typed(key, line, () => pathText(plain));
        continue;
      }
      const read = this.#typed(key, line, () => INPUT_KEYS[key]!.read(plain, resolved));
      result = { ...result, ...read, options: { ...result.options, ...read.options } };
    }
    if (path === undefined) throw this.#wrong(this.#lineOf(map), 'path: it is missing from an entry of inputs');
    return { ...result, path: resolved(path), options: result.options ?? {} };
  }

  *#pairs(map: YAMLMap, known: readonly string[]): Generator<[key: string, value: unknown, line: number]> {
    for (const { key, value } of map.items) {
      const line = this.#lineOf(key);
      const name = String(isScalar(key) ? key.value : key);
      if (!known.includes(name)) throw this.#wrong(line, `${name}: unknown key`, unknownKey(name, known));
      yield [name, value, line];
    }
  }

  #map(node: unknown, what: string): YAMLMap {
    if (isMap(node)) return node;
    throw this.#wrong(this.#lineOf(node), `${what} is not a mapping`);
  }

  #plain(node: unknown): unknown {
    return typeof node === 'object' && node !== null && 'toJS' in node
      ? (node as { toJS: (document: Document) => unknown }).toJS(this.#document)
      : node;
  }

  #typed<Value>(key: string, line: number, read: () => Value): Value {
    try {
      return read();
    } catch (error) {
      const { message, hint } = reasonOf(error);
      throw this.#wrong(line, `${key}: ${message}`, hint);
    }
  }

  #lineOf(node: unknown): number {
    const range =
      typeof node === 'object' && node !== null && 'range' in node ? (node as { range?: readonly number[] | null }).range : undefined;
    return range === undefined || range === null ? 1 : this.#lines.linePos(range[0]!).line;
  }

  #wrong(line: number, message: string, hint = EXAMPLE): UsageError {
    return new UsageError(`${this.#file}:${line}: ${message}`, hint);
  }
}

function unknownKey(name: string, known: readonly string[]): string {
  const near = nearest(name, known);
  return `${near.length > 0 ? `did you mean ${near.join(' or ')}? ` : ''}known: ${known.join(', ')}`;
}

function pathText(value: unknown): string {
  if (typeof value !== 'string' || value === '') throw new Error('a path is expected');
  return value;
}
