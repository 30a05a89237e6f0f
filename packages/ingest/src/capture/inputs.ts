/** Which files belong to a capture, of which format each is, and in which order they are read. */
import { glob, readdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import {
  TRUTH_GRADES,
  TraceFormatError,
  UnreadableInputError,
  UsageError,
  type Diagnostic,
  type Ingestor,
  type TruthGrade,
} from '@workset/model';
import { openSource, type OpenSource } from '../byte-source.ts';
import { timeOption } from '../dump.ts';
import { isPerfDirectory } from '../perf/directory.ts';
import { filesOfPerfDirectory, sha256OfFiles } from '../perf/open-directory.ts';
import { readPlainBatches } from '../read-batches.ts';
import { recognise } from '../sniff.ts';
import { segmentOf } from '../stream-name.ts';
import type { CaptureManifest, ManifestInput } from './manifest.ts';

export interface CaptureInput {
  readonly path: string;
  readonly ingestor: Ingestor;
  readonly segment: string;
  readonly options: Readonly<Record<string, string>>;
  readonly clockOffsetNs: number;
  readonly arenaPage: number | undefined;
  /** Found in a directory, not named: when it turns out to be of no use, the others still are. */
  readonly isOptional: boolean;
  /** Its name in a directory, not its content, says what it is. */
  readonly isByName: boolean;
  /** Opens it; stdin can be opened once. */
  readonly open: () => Promise<OpenSource>;
}

export interface InputOptions {
  readonly format?: string | undefined;
  readonly options: Readonly<Record<string, string>>;
  readonly clockOffsetNs: number;
  readonly manifest?: CaptureManifest | undefined;
}

export interface InputList {
  readonly inputs: readonly CaptureInput[];
  /** Files of a directory that are of no known format, as diagnostics. */
  readonly skipped: readonly Diagnostic[];
}

/**
 * Opens every file once to recognise it. A directory stands for the recognised files directly in it.
 * @throws UnreadableInputError when a file that was named is of no known format; UsageError when nothing was named
 */
export async function listInputs(paths: readonly string[], options: InputOptions): Promise<InputList> {
  const named: ManifestInput[] = [...paths.map((path) => ({ path, options: {} })), ...(options.manifest?.inputs ?? [])];
  if (named.length === 0) throw new UsageError('no capture file given', 'workset ingest CAPTURE... -o out.trace');
  const inputs = new Map<string, CaptureInput>();
  const skipped: Diagnostic[] = [];
  for (const one of await expanded(named)) {
    if (!(await isDirectory(one.path)) || (await isPerfDirectory(one.path))) {
      inputs.set(one.path, await inputOf(one, options, false));
      continue;
    }
    const names = await namesIn(one.path);
    const byName: string[] = [];
    const directory = dirname(join(one.path, 'x'));
    for (const name of names.sort()) {
      const path = join(one.path, name);
      if (/\.kpageflags\.bin(\.gz|\.zst)?$/.test(name)) {
        byName.push(name);
        continue;
      }
      try {
        if (!inputs.has(path)) inputs.set(path, await inputOf({ ...one, path }, options, true));
      } catch (error) {
        if (!(error instanceof UnreadableInputError)) throw error;
        skipped.push(skippedFile(name, error.message));
      }
    }
    // Raw words without a header: believed only next to the log whose frames they are about.
    const hasFrames = [...inputs.values()].some(({ path, ingestor }) => ingestor.descriptor.id === 'vmgt' && dirname(path) === directory);
    for (const name of byName) {
      const path = join(one.path, name);
      if (!hasFrames)
        skipped.push(
          skippedFile(name, 'page flags without a header, and no exact log beside them; name the file with --format kpageflags'),
        );
      else if (!inputs.has(path)) inputs.set(path, await namedInput(path, one, options));
    }
  }
  return { inputs: [...inputs.values()], skipped };
}

/** Paths with * or ? that no file has stand for the files they match, as a shell would have it. */
async function expanded(named: readonly ManifestInput[]): Promise<ManifestInput[]> {
  const all: ManifestInput[] = [];
  for (const one of named) {
    if (!/[*?[{]/.test(one.path) || (await stat(one.path).catch(() => undefined)) !== undefined) {
      all.push(one);
      continue;
    }
    const matches: string[] = [];
    for await (const path of glob(one.path)) matches.push(path);
    if (matches.length === 0)
      throw new UnreadableInputError(
        'no file matches',
        { file: one.path },
        'check the pattern; relative paths start at the current directory',
      );
    all.push(...matches.sort().map((path) => ({ ...one, path })));
  }
  return all;
}

function skippedFile(name: string, message: string): Diagnostic {
  const isCounts = /\.kpagecount\.bin(\.gz|\.zst)?$/.test(name);
  return {
    inputId: '',
    severity: 'info',
    code: isCounts ? 'unused-file' : 'skipped-file',
    line: null,
    byteOffset: null,
    count: 1,
    message: isCounts ? `${name}: map counts of page frames; a trace has no use for them` : `${name}: ${message}`,
  };
}

/** A dump of page flags as the kit names it: only its huge pages are taken. */
async function namedInput(path: string, one: ManifestInput, options: InputOptions): Promise<CaptureInput> {
  const input = await inputOf({ ...one, path, format: 'kpageflags' }, options, true);
  return { ...input, isByName: true, options: { use: 'huge', ...input.options } };
}

/** Its files, and the perf recordings in it that are directories themselves. */
async function namesIn(directory: string): Promise<string[]> {
  const names: string[] = [];
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    if (entry.isFile() || entry.isSymbolicLink() || (entry.isDirectory() && (await isPerfDirectory(join(directory, entry.name)))))
      names.push(entry.name);
  }
  return names;
}

async function isDirectory(path: string): Promise<boolean> {
  if (path === '-') return false;
  return (await stat(path).catch(() => undefined))?.isDirectory() ?? false;
}

async function inputOf(one: ManifestInput, options: InputOptions, isOptional: boolean): Promise<CaptureInput> {
  const { path } = one;
  const source = await openSource(path);
  let ingestor: Ingestor;
  try {
    ingestor = recognise(source.head, path, one.format ?? options.format);
  } catch (error) {
    source.close();
    throw error;
  }
  const reopens = source.rawBytesTotal !== null;
  if (reopens) source.close();
  return {
    path,
    ingestor,
    segment: one.segment ?? segmentOf(path),
    options: { ...options.options, ...one.options },
    // The accesses set the trace's time; what is said of all inputs moves the others against them.
    clockOffsetNs: one.clockOffsetNs ?? (isAccessFormat(ingestor) ? 0 : options.clockOffsetNs),
    arenaPage: one.arenaPage,
    isOptional,
    isByName: false,
    open: reopens ? () => openSource(path) : () => Promise.resolve(source),
  };
}

/** sha256 of a file as it lies on disk, or of all files of a perf directory, hex. */
export async function sha256Of(path: string): Promise<string> {
  return sha256OfFiles((await isPerfDirectory(path)) ? await filesOfPerfDirectory(path) : [path]);
}

/** Accesses first, the best grade first and then by time; then what places reports; then the reports. Else by path, so that the order given does not matter. */
export async function inReadingOrder(given: readonly CaptureInput[]): Promise<CaptureInput[]> {
  const inputs = given.toSorted((a, b) => (a.path < b.path ? -1 : 1));
  const access = inputs.filter(({ ingestor }) => isAccessFormat(ingestor));
  const first = access.length > 1 ? await Promise.all(access.map(firstAccess)) : [{ grade: 0, tNs: 0 }];
  const order = access.map((input, i) => ({ input, ...first[i]! })).sort((a, b) => a.grade - b.grade || a.tNs - b.tNs);
  const others = inputs.filter(({ ingestor }) => !isAccessFormat(ingestor));
  const mappings = others.filter(({ ingestor }) => ingestor.descriptor.produces === 'mapping').sort((a, b) => dumpedNs(a) - dumpedNs(b));
  const reports = others.filter(({ ingestor }) => ingestor.descriptor.produces === 'reports');
  return [...order.map(({ input }) => input), ...mappings, ...reports];
}

/** When a dump was read, as far as its options say: several of one process are compared in that order. */
function dumpedNs({ options, clockOffsetNs }: CaptureInput): number {
  try {
    return options['end'] === undefined ? Number.NEGATIVE_INFINITY : timeOption(options['end']) + clockOffsetNs;
  } catch {
    // said again when the file is read
    return Number.NEGATIVE_INFINITY;
  }
}

export function isAccessFormat({ descriptor }: Ingestor): boolean {
  return descriptor.produces !== 'mapping' && descriptor.produces !== 'reports';
}

/** Grade and time of a file's first access, read from its beginning. */
async function firstAccess(input: CaptureInput): Promise<{ grade: number; tNs: number }> {
  let truth: TruthGrade = input.ingestor.descriptor.truth;
  let tNs = Number.POSITIVE_INFINITY;
  const source = await input.open();
  if (source.rawBytesTotal === null) return { grade: TRUTH_GRADES.indexOf(truth), tNs };
  try {
    const quiet = { options: input.options, accept() {}, lost() {}, reject() {} };
    for await (const batch of readPlainBatches(input.ingestor, source, quiet)) {
      if (batch.kind === 'grade') truth = batch.truth;
      if (batch.kind === 'touches') tNs = batch.t0Ns;
      if (batch.kind === 'accesses' && batch.n > 0) tNs = batch.timeNs[0]!;
      if (tNs !== Number.POSITIVE_INFINITY) break;
    }
  } catch (error) {
    // Said again, with all its consequences, when the file is really read.
    if (!(error instanceof TraceFormatError || error instanceof UnreadableInputError)) throw error;
  } finally {
    source.close();
  }
  return { grade: TRUTH_GRADES.indexOf(truth), tNs };
}
