/** Looks at one capture without writing anything: what it is, what is in it, and what it can be used for. */
import { dirname, join } from 'node:path';
import { type Diagnostic, type SpaceId, type TruthGrade } from '@workset/model';
import { openSource, type Compression } from './byte-source.ts';
import { Reasons } from './capture/reasons.ts';
import { readPlainBatches, type PlainBatch } from './read-batches.ts';
import { recognise } from './sniff.ts';
import { segmentOf } from './stream-name.ts';

export interface SpaceFootprint {
  readonly space: SpaceId;
  /** Distinct pages touched. */
  readonly pages: number;
  /** Touches (page and class per quantum) or single accesses, by class: read, write, kernel read, kernel write. */
  readonly touchesByClass: readonly [number, number, number, number];
}
export interface StreamSummary {
  readonly stream: string;
  readonly tracker: string;
  readonly space: SpaceId;
  readonly reports: number;
  /** Reports that say of themselves that something is missing. */
  readonly incomplete: number;
  readonly arenaRelative: boolean;
}
export interface CaptureInfo {
  readonly path: string;
  readonly format: string;
  readonly title: string;
  readonly compression: Compression;
  readonly sizeBytes: number;
  readonly sha256: string;
  readonly truth: TruthGrade;
  readonly clock: string;
  /** Clock that the file's sync points lead to, when it has any. */
  readonly syncedWith: string | null;
  /** First and last event on the file's own clock, ns; null when it has no times. */
  readonly spanNs: readonly [number, number] | null;
  readonly spans: number;
  readonly markers: number;
  /** Of the recorded machine, when the file says. */
  readonly vcpus: number | null;
  /** Release of the recorded kernel, when the file says. */
  readonly kernel: string | null;
  readonly records: number;
  readonly lost: number | null;
  readonly rejected: number;
  readonly spaces: readonly SpaceFootprint[];
  readonly streams: readonly StreamSummary[];
  readonly mappedPages: number;
  /** Blocks of 2 MiB that are huge pages. */
  readonly hugeBlocks: number;
  /** Rows of size-only outputs (smaps, wss, …), the first ones. */
  readonly sizes: readonly { readonly tNs: number | null; readonly subject: string; readonly values: Readonly<Record<string, number>> }[];
  readonly nSizes: number;
  readonly diagnostics: readonly Diagnostic[];
  readonly usableFor: readonly string[];
  readonly notUsableFor: readonly string[];
  /** undefined = nothing to ingest: sizes without pages. */
  readonly nextCommand: string | undefined;
}

export interface InspectOptions {
  readonly format?: string;
  readonly options?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: { readonly rawBytes: number; readonly rawBytesTotal: number | null; readonly records: number }) => void;
}

const SIZES_KEPT = 200;

/** Reads the file to its end. Throws UnreadableInputError or TraceFormatError, as ingest would. */
export async function inspectFile(path: string, options: InspectOptions = {}): Promise<CaptureInfo> {
  const source = await openSource(path);
  try {
    const ingestor = recognise(source.head, path, options.format);
    const { descriptor } = ingestor;
    const reasons = new Reasons(path, false);
    const survey = new Survey();
    let records = 0;
    let lost: number | null = null;
    const rate = assumedRate(options.options ?? {});
    const context = {
      options: rate.options,
      ...(options.signal === undefined ? {} : { signal: options.signal }),
      accept: (n: number) => void (records += n),
      lost: (n: number) => void (lost = (lost ?? 0) + n),
      reject: reasons.add.bind(reasons),
    };
    for await (const batch of readPlainBatches(ingestor, source, context)) {
      survey.take(batch);
      options.onProgress?.({ rawBytes: source.rawBytesRead, rawBytesTotal: source.rawBytesTotal, records });
    }
    const truth = survey.truth ?? descriptor.truth;
    if (rate.isUsed())
      reasons.add('no-times', 'the log has no times: ingest needs to be told how many accesses a second makes', { severity: 'info' });
    return {
      path,
      format: descriptor.id,
      title: descriptor.title,
      compression: source.compression,
      ...(await source.finish()),
      truth,
      clock: descriptor.clock,
      ...survey.summary(),
      ...(rate.isUsed() ? { spanNs: null } : {}),
      records,
      lost,
      rejected: reasons.rejected,
      diagnostics: reasons.rows(''),
      ...uses(truth, survey),
      nextCommand: survey.hasSizesOnly
        ? undefined
        : `workset ingest ${path}${survey.needsArena ? ` ${arenaFile(path)}` : ''}${rate.isUsed() ? ' --set accesses-per-second=1e9' : ''} -o ${outName(path)}`,
    };
  } finally {
    source.close();
  }
}

/** Options under which a log without times can be looked at all the same, and whether that was needed. */
function assumedRate(given: Readonly<Record<string, string>>): {
  readonly options: Readonly<Record<string, string>>;
  readonly isUsed: () => boolean;
} {
  let used = false;
  if (given['accesses-per-second'] !== undefined || given['instructions-per-second'] !== undefined)
    return { options: given, isUsed: () => false };
  const options = Object.defineProperty({ ...given }, 'accesses-per-second', {
    get() {
      used = true;
      return '1e9';
    },
  });
  return { options, isUsed: () => used };
}

class Survey {
  truth: TruthGrade | undefined;
  vcpus: number | null = null;
  kernel: string | null = null;
  readonly #footprints = new Map<SpaceId, Footprint>();
  readonly #streams = new Map<string, { -readonly [K in keyof StreamSummary]: StreamSummary[K] }>();
  readonly #sizes: CaptureInfo['sizes'][number][] = [];
  #nSizes = 0;
  #spans = 0;
  #markers = 0;
  #mappedPages = 0;
  #hugeBlocks = 0;
  #syncedWith: string | null = null;
  #firstNs = Number.POSITIVE_INFINITY;
  #lastNs = Number.NEGATIVE_INFINITY;

  get hasTouches(): boolean {
    return this.#footprints.size > 0;
  }
  get hasWrites(): boolean {
    return [...this.#footprints.values()].some(({ byClass }) => byClass[1] + byClass[3] > 0);
  }
  get hasReports(): boolean {
    return this.#streams.size > 0;
  }
  get hasSizesOnly(): boolean {
    return this.hasSizes && !this.hasTouches && !this.hasReports && !this.hasMapping;
  }
  get hasSizes(): boolean {
    return this.#nSizes > 0;
  }
  get hasMapping(): boolean {
    return this.#mappedPages > 0;
  }
  get needsArena(): boolean {
    return [...this.#streams.values()].some(({ arenaRelative }) => arenaRelative);
  }

  take(batch: PlainBatch): void {
    switch (batch.kind) {
      case 'touches':
        this.#at(batch.t0Ns);
        this.#at(batch.t1Ns);
        this.#footprint(batch.space).add(batch.n, batch.page, batch.cls);
        break;
      case 'accesses':
        for (let i = 0; i < batch.n; i++) this.#at(batch.timeNs[i]!);
        this.#footprint(batch.space).add(batch.n, batch.page, batch.cls);
        break;
      case 'machine':
        this.vcpus = batch.vcpus ?? this.vcpus;
        this.kernel = batch.kernel ?? this.kernel;
        break;
      case 'grade':
        this.truth = batch.truth;
        break;
      case 'sync':
        this.#syncedWith ??= batch.clock;
        break;
      case 'span':
        if (batch.edge === 'begin') this.#spans++;
        break;
      case 'marker':
        this.#markers++;
        this.#at(batch.tNs);
        break;
      case 'mapping':
        this.#mappedPages += batch.n;
        break;
      case 'stream': {
        const { stream, tracker, space } = batch.stream;
        this.#streams.set(stream, { stream, tracker, space, reports: 0, incomplete: 0, arenaRelative: batch.arenaRelative });
        break;
      }
      case 'report': {
        this.#at(batch.report.setBeginNs);
        this.#at(batch.report.readEndNs);
        const summary = this.#streams.get(batch.report.stream);
        if (summary === undefined) break;
        summary.reports++;
        if (!batch.report.complete) summary.incomplete++;
        break;
      }
      case 'sizes':
        this.#nSizes++;
        if (this.#sizes.length < SIZES_KEPT) this.#sizes.push({ tNs: batch.tNs, subject: batch.subject, values: batch.values });
        if (batch.tNs !== null) this.#at(batch.tNs);
        break;
      case 'huge':
        this.#hugeBlocks += batch.blocks.length;
        break;
      case 'range':
        break;
    }
  }

  summary(): Pick<
    CaptureInfo,
    | 'syncedWith'
    | 'spanNs'
    | 'spans'
    | 'markers'
    | 'vcpus'
    | 'kernel'
    | 'spaces'
    | 'streams'
    | 'mappedPages'
    | 'hugeBlocks'
    | 'sizes'
    | 'nSizes'
  > {
    return {
      syncedWith: this.#syncedWith,
      spanNs: this.#lastNs >= this.#firstNs ? [this.#firstNs, this.#lastNs] : null,
      spans: this.#spans,
      markers: this.#markers,
      vcpus: this.vcpus,
      kernel: this.kernel,
      spaces: [...this.#footprints].map(([space, footprint]) => ({ space, pages: footprint.pages, touchesByClass: footprint.byClass })),
      streams: [...this.#streams.values()],
      mappedPages: this.#mappedPages,
      hugeBlocks: this.#hugeBlocks,
      sizes: this.#sizes,
      nSizes: this.#nSizes,
    };
  }

  #at(ns: number): void {
    if (ns < this.#firstNs) this.#firstNs = ns;
    if (ns > this.#lastNs) this.#lastNs = ns;
  }

  #footprint(space: SpaceId): Footprint {
    let footprint = this.#footprints.get(space);
    if (footprint === undefined) this.#footprints.set(space, (footprint = new Footprint()));
    return footprint;
  }
}

/** Distinct pages, as bits per block of 512. */
class Footprint {
  pages = 0;
  readonly byClass: [number, number, number, number] = [0, 0, 0, 0];
  readonly #blocks = new Map<number, Int32Array>();
  #block = -1;
  #bits = new Int32Array(0);

  add(n: number, page: Float64Array | Uint32Array, cls: Uint8Array): void {
    for (let i = 0; i < n; i++) {
      this.byClass[cls[i]! & 3]!++;
      const p = page[i]!;
      const block = Math.floor(p / 512);
      if (block !== this.#block) this.#enter(block);
      const at = p - block * 512;
      const bit = 1 << (at & 31);
      if ((this.#bits[at >> 5]! & bit) !== 0) continue;
      this.#bits[at >> 5]! |= bit;
      this.pages++;
    }
  }

  #enter(block: number): void {
    let bits = this.#blocks.get(block);
    if (bits === undefined) this.#blocks.set(block, (bits = new Int32Array(16)));
    this.#block = block;
    this.#bits = bits as Int32Array<ArrayBuffer>;
  }
}

function uses(truth: TruthGrade, survey: Survey): Pick<CaptureInfo, 'usableFor' | 'notUsableFor'> {
  const usableFor: string[] = [];
  const notUsableFor: string[] = [];
  if (survey.hasTouches) {
    if (truth === 'exact') usableFor.push('ground truth: precision, recall and cost of every scheme');
    if (truth === 'sampled') {
      usableFor.push('a lower bound of the working set');
      notUsableFor.push('recall against all accesses: only a sample of them was logged');
    }
    if (truth === 'faults') {
      usableFor.push('first touches of pages');
      notUsableFor.push('accuracy of trackers: pages that were touched again made no fault');
    }
    if (!survey.hasWrites) notUsableFor.push('write tracking: no write was logged');
  } else if (survey.hasReports) {
    notUsableFor.push("accuracy by itself: a tracker's report is not ground truth");
  }
  if (survey.hasReports)
    usableFor.push('agreement with other trackers, and fidelity of the model when an exact log of the same run is ingested with it');
  if (survey.hasMapping && !survey.hasTouches && !survey.hasReports)
    usableFor.push('placing the reports of its segment (ingest it with them)');
  if (survey.hasSizes) {
    usableFor.push('comparing sizes by eye');
    notUsableFor.push('a trace by itself: it holds sizes without pages');
  }
  return { usableFor, notUsableFor };
}

/** The file that usually tells where the arena of this one's segment lies. */
function arenaFile(path: string): string {
  const segment = segmentOf(path);
  return join(dirname(path), segment === '' ? 'pagemap.bin' : `${segment}.pagemap.bin`);
}

function outName(path: string): string {
  const bare =
    path === '-'
      ? 'capture'
      : path
          .replace(/^.*\//, '')
          .replace(/\.(gz|zst)$/, '')
          .replace(/\.(vmgt|txt|data|bin|log)$/, '');
  return `${bare || 'capture'}.trace`;
}
