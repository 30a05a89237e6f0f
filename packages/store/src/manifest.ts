/** `trace.json`: reading, checking and identifying a trace without loading Arrow. */
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { SPACES, TRACE_FORMAT, TRACE_VERSION, TraceFormatError, UnreadableInputError } from '@workset/model';
import type { ColumnPlace } from './columns.ts';
import { sha256 } from './files.ts';
import type { TraceManifest } from './types.ts';

export const MANIFEST_NAME = 'trace.json';
/** Differs in the checksums of touch files only. */
const OLD_VERSION = 1;

/** One record batch of a touch file. */
export interface BatchEntry {
  /** File offset of the batch's Int32 values. */
  readonly offset: number;
  readonly rows: number;
  /** `TouchSums` of those values. */
  readonly sums?: string;
  /** In traces of version 1 instead: CRC-32 (zlib) of those values. */
  readonly crc32?: number;
}

/** One column file of a trace. */
export interface FileEntry {
  readonly name: string;
  readonly bytes: number;
  /** Of the whole file; touch files have it in version 1 only. */
  readonly sha256?: string | undefined;
  /** Of a touch file without the values of its batches: SHA-256. */
  readonly framing?: string;
  /** Only for touch files, which are read batch by batch. */
  readonly batches?: readonly BatchEntry[];
  /** Only for frames and blocks; absent in traces written before replay read them from here. */
  readonly columns?: readonly ColumnPlace[];
}

/** The whole of `trace.json`. */
export type TraceFile = TraceManifest & { readonly files: readonly FileEntry[] };

/** True when `path` is a directory that says it is a workset trace (of any version). Never throws. */
export function isTrace(path: string): boolean {
  try {
    const json: unknown = JSON.parse(readFileSync(join(path, MANIFEST_NAME), 'utf8'));
    return isObject(json) && json['format'] === TRACE_FORMAT;
  } catch {
    return false;
  }
}

/** Reads and checks `trace.json` alone. Throws UnreadableInputError (not a trace, newer version) or TraceFormatError (damaged). */
export function readManifest(path: string): TraceFile {
  const file = join(path, MANIFEST_NAME);
  const json = parse(file, readManifestText(path, file));
  if (!isObject(json) || json['format'] !== TRACE_FORMAT) {
    throw new UnreadableInputError(`${path} is not a workset trace: trace.json has no format "${TRACE_FORMAT}"`, { file }, HOW_TO_MAKE);
  }
  if (json['version'] !== TRACE_VERSION && json['version'] !== OLD_VERSION) {
    throw new UnreadableInputError(
      `${path} has trace format version ${String(json['version'])}; this workset reads versions ${OLD_VERSION} and ${TRACE_VERSION}`,
      { file },
      'use the workset version that wrote it, or ingest the capture again',
    );
  }
  checkShape(json, file);
  const trace = json as unknown as TraceFile;
  const id = traceIdOf(trace);
  if (id !== trace.traceId) {
    throw new TraceFormatError(`${file} was altered: its contents have id ${id}, not ${trace.traceId}`, { file }, INGEST_AGAIN);
  }
  return trace;
}

/**
 * Identity of a trace: hash over the manifest without names, paths, messages and producer, and over the hashes of all column files.
 * 16 hex digits.
 */
export function traceIdOf(trace: Omit<TraceFile, 'traceId'>): string {
  const { name: _name, producer: _producer, ...rest } = trace;
  const identity = {
    ...rest,
    traceId: undefined,
    inputs: trace.inputs.map((input) => ({ ...input, path: undefined })),
    diagnostics: trace.diagnostics.map((diagnostic) => ({ ...diagnostic, message: undefined })),
  };
  return sha256(canonicalJson(identity)).slice(0, 16);
}

/** JSON with object keys sorted, so equal values give equal text. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) =>
    isObject(part) ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1))) : part,
  );
}

const HOW_TO_MAKE = 'make a trace with `workset ingest CAPTURE… --out NAME.trace`';

function readManifestText(path: string, file: string): string {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) throw new UnreadableInputError(`${path} does not exist`, { file: path }, HOW_TO_MAKE);
  if (!stat.isDirectory()) throw new UnreadableInputError(`${path} is not a trace directory`, { file: path }, HOW_TO_MAKE);
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new UnreadableInputError(`${path} has no readable trace.json, so it is not a workset trace`, { file }, HOW_TO_MAKE, cause);
  }
}

function parse(file: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new TraceFormatError(`${file} is not valid JSON`, { file }, INGEST_AGAIN, cause);
  }
}

/** What to do about any damaged trace. */
export const INGEST_AGAIN = 'the trace is damaged: ingest the capture again';

function checkShape(json: Readonly<Record<string, unknown>>, file: string): void {
  const lists = ['spaces', 'spans', 'markers', 'inputs', 'diagnostics', 'streams', 'files'];
  const missing = lists.filter((key) => !Array.isArray(json[key]) || !json[key].every(isObject));
  if (typeof json['traceId'] !== 'string') missing.unshift('traceId');
  if (missing.length > 0) throw new TraceFormatError(`${file}: ${missing.join(', ')} missing or of the wrong type`, { file }, INGEST_AGAIN);
  for (const entry of json['hugeBlocks'] === undefined ? [] : listOf(json['hugeBlocks'])) {
    if (!isHugeBlocks(entry)) throw new TraceFormatError(`${file}: hugeBlocks has a damaged entry`, { file }, INGEST_AGAIN);
  }
  for (const entry of json['files'] as FileEntry[]) {
    const sound =
      typeof entry.name === 'string' &&
      /^[\w.-]+$/.test(entry.name) &&
      Number.isSafeInteger(entry.bytes) &&
      (typeof entry.sha256 === 'string' || (typeof entry.framing === 'string' && Array.isArray(entry.batches)));
    if (!sound) throw new TraceFormatError(`${file}: the file table has a damaged entry ${JSON.stringify(entry)}`, { file }, INGEST_AGAIN);
  }
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [value];
}

function isHugeBlocks(entry: unknown): boolean {
  if (
    !isObject(entry) ||
    typeof entry['source'] !== 'string' ||
    typeof entry['segment'] !== 'string' ||
    !(SPACES as readonly unknown[]).includes(entry['space'])
  )
    return false;
  const { blocks } = entry;
  return (
    Array.isArray(blocks) &&
    blocks.every(
      (block: unknown, i) =>
        Number.isSafeInteger(block) && (block as number) >= 0 && (i === 0 || (block as number) > (blocks[i - 1] as number)),
    )
  );
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
