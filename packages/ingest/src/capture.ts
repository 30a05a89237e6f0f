/** Normalises a capture set (exact log, tracker outputs, maps) into one trace. */
import { basename } from 'node:path';
import { createHash } from 'node:crypto';
import {
  NS_PER_MS,
  throwIfAborted,
  TraceFormatError,
  UnreadableInputError,
  UsageError,
  type Diagnostic,
  type SpaceId,
} from '@workset/model';
import { createTraceWriter, type TraceManifest } from '@workset/store';
import type { OpenSource } from './byte-source.ts';
import { classBitsOf } from './capture/actors.ts';
import { Assembler } from './capture/assembler.ts';
import { kernelOfDirectory } from './capture/kernel-release.ts';
import { inReadingOrder, listInputs, sha256Of, type CaptureInput } from './capture/inputs.ts';
import { readBatches } from './read-batches.ts';
import { readManifestFile } from './capture/manifest.ts';
import { isPerfDirectorySource } from './perf/directory.ts';
import { VERSION } from './version.ts';

/** Accesses with single times are grouped into quanta of this length, ns. */
export const DEFAULT_QUANTUM_NS = NS_PER_MS;

export interface CaptureProgress {
  readonly path: string;
  /** Inputs finished, and how many there are. */
  readonly inputsDone: number;
  readonly nInputs: number;
  /** Raw bytes of this input read so far, and its size (null for a pipe). */
  readonly rawBytes: number;
  readonly rawBytesTotal: number | null;
  readonly records: number;
}

export interface CaptureOptions {
  /** Directory of the trace to write; an existing trace is replaced. */
  readonly out: string;
  /** Name of the trace; default: that of the manifest, else the last part of `out` without .trace. */
  readonly name?: string;
  /** Format id for every input, instead of recognising it. */
  readonly format?: string;
  /** Address space of inputs that do not tell theirs. */
  readonly space?: SpaceId;
  /** Keeps what lies wholly inside [from, to), ns on the trace clock. */
  readonly timeRange?: readonly [number, number];
  /** Added to the times of every input that holds no accesses, ns; a manifest can say it per input. */
  readonly clockOffsetNs?: number;
  /** Path of a YAML manifest. */
  readonly manifest?: string;
  /** Ends at the first record that would otherwise be counted and dropped. */
  readonly strict?: boolean;
  /** Length of the quanta that single accesses are grouped into, ns. Default 1 ms. */
  readonly quantumNs?: number;
  /** Options of the formats: fields, aggregation, … */
  readonly options?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: CaptureProgress) => void;
  /** The command line, for the record. */
  readonly argv?: readonly string[];
}

/**
 * Reads `paths` (files, directories, "-") and writes the trace `options.out`.
 * On any failure nothing remains: the trace appears only when it is whole.
 * @throws UnreadableInputError, TraceFormatError, UsageError, InterruptedError
 */
export async function ingestCapture(paths: readonly string[], options: CaptureOptions): Promise<TraceManifest> {
  const manifest = options.manifest === undefined ? undefined : await readManifestFile(options.manifest);
  const formatOptions = { ...(options.space === undefined ? {} : { space: options.space }), ...options.options };
  const { inputs, skipped } = await listInputs(paths, {
    format: options.format,
    options: formatOptions,
    clockOffsetNs: options.clockOffsetNs ?? 0,
    manifest,
  });
  if (inputs.length === 0) throw nothing(skipped);
  const ordered = await inReadingOrder(inputs);
  const classBits = await classBitsOf(ordered);
  const writer = await createTraceWriter({ out: options.out, classBits });
  try {
    const assembler = new Assembler(writer, {
      strict: options.strict ?? false,
      codes: classBits === 2,
      quantumNs: options.quantumNs ?? DEFAULT_QUANTUM_NS,
      timeRange: options.timeRange,
      signal: options.signal,
    });
    for (const [inputsDone, input] of ordered.entries()) {
      await readInput(assembler, input, options, { inputsDone, nInputs: ordered.length });
    }
    // First: what it finds out goes into the diagnostics.
    const described = assembler.final();
    const unused = unusedOptions(assembler, options.options ?? {});
    if (unused[0] !== undefined && options.strict === true)
      throw new UsageError(unused[0].message, 'leave it out, or see workset list ingestors');
    const diagnostics = [...assembler.logs.flatMap((log) => log.reasons.rows(log.inputId)), ...unused, ...skipped];
    if (assembler.isEmpty) throw nothing(diagnostics);
    const name = options.name ?? manifest?.name ?? nameOf(options.out);
    const producer = { version: VERSION, argv: options.argv ?? [] };
    const kernels = new Set([...assembler.kernels, ...(await kernelsBeside(paths))]);
    const notes = kernels.size === 0 ? {} : { kernel: [...kernels].join(', ') };
    return await writer.close({ name, ...described, diagnostics, notes, producer });
  } catch (error) {
    await writer.abort();
    throw error;
  }
}

/** Options that no reader looked at: most likely misspelt. */
function unusedOptions({ logs }: Assembler, options: Readonly<Record<string, string>>): Diagnostic[] {
  const formats = [...new Set(logs.map(({ input }) => input.ingestor.descriptor.id))].join(', ');
  return Object.keys(options)
    .filter((name) => !logs.some(({ usedOptions }) => usedOptions.has(name)))
    .map((name) => ({
      inputId: '',
      severity: 'warning',
      code: 'option-unused',
      line: null,
      byteOffset: null,
      count: 1,
      message: `the option ${name} was not looked at by any reader here (${formats})`,
    }));
}

/** What files beside the inputs say, in the directories that were named. */
async function kernelsBeside(paths: readonly string[]): Promise<string[]> {
  const found = await Promise.all(paths.map((path) => kernelOfDirectory(path)));
  return found.filter((kernel) => kernel !== undefined);
}

async function readInput(
  assembler: Assembler,
  input: CaptureInput,
  options: CaptureOptions,
  place: { inputsDone: number; nInputs: number },
): Promise<void> {
  throwIfAborted(options.signal);
  const source = await input.open();
  try {
    const { log, take, end } = assembler.begin(input);
    // Streams name their input before it has been read to its end, so its hash comes first; an exact log has no streams and is large.
    if (input.ingestor.descriptor.produces !== 'touches') {
      const isPipe = source.rawBytesTotal === null;
      const sha256 = isPipe ? hashOf(source.head) : await sha256Of(input.path);
      if (!isPipe) source.knowHash?.(sha256);
      log.inputId = inputIdOf(sha256, input);
    }
    const report = () =>
      options.onProgress?.({
        path: input.path,
        ...place,
        rawBytes: source.rawBytesRead,
        rawBytesTotal: source.rawBytesTotal,
        records: log.accepted,
      });
    try {
      for await (const batch of readBatches(input.ingestor, watched(source, report), log.context)) take(batch);
    } catch (error) {
      if (!(input.isOptional && error instanceof UnreadableInputError && log.accepted === 0)) throw error;
      log.reasons.add('unusable-file', `${error.message}${error.hint === undefined ? '' : ` (${error.hint})`}`);
    }
    end();
    const raw = await source.finish();
    log.finished(raw);
    log.inputId ||= inputIdOf(raw.sha256, input);
    report();
  } finally {
    source.close();
  }
}

/** The same source, with a call per chunk. */
function watched(source: OpenSource, onChunk: () => void) {
  return {
    ...(isPerfDirectorySource(source) ? { parts: source.parts } : {}),
    path: source.path,
    async *chunks() {
      for await (const chunk of source.chunks()) {
        onChunk();
        yield chunk;
      }
    },
  };
}

function inputIdOf(sha256: string, input: CaptureInput): string {
  return hashOf(`${sha256} ${input.ingestor.descriptor.id}`).slice(0, 12);
}

function hashOf(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('hex');
}

function nameOf(out: string): string {
  return basename(out, '.trace');
}

function nothing(reasons: readonly Diagnostic[]): TraceFormatError {
  const listed = reasons.slice(0, 8).map(({ code, count, message }) => `${message} (${code}, ${count})`);
  return new TraceFormatError(
    `nothing could be taken from the capture${listed.length > 0 ? `: ${listed.join('; ')}` : ''}`,
    {},
    'workset info FILE says what a single file is',
  );
}
