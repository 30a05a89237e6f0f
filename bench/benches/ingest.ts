/** Reading captures: records per CPU second of every format with a bar, from file to batches and from file to trace. */
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { ingestCapture, ingestors } from '@workset/ingest';
import type { ByteSource, IngestContext } from '@workset/model';
import type { Bar, Bench, Scale } from '../lib/bench.ts';
import * as captures from '../lib/captures.ts';
import { bandwidth } from '../lib/limits.ts';

const TRACES = join(dirname(fileURLToPath(import.meta.url)), '../../traces');
const MIB = 2 ** 20;
const BYTES: Readonly<Record<Scale, number>> = { tiny: MIB >> 2, small: 16 * MIB, full: 128 * MIB };
const CHUNK_BYTES = MIB;
/** Times the reader goes over the bytes: the compiler is not done with it after one. */
const READS: Readonly<Record<Scale, number>> = { tiny: 1, small: 4, full: 4 };
const PEAK_RSS = 512 * MIB;

interface Kind {
  readonly id: string;
  readonly title: string;
  readonly make: captures.MakeCapture;
  readonly format: string;
  readonly options?: Readonly<Record<string, string>>;
  /** Records per CPU second that the reader has to reach. */
  readonly atLeast?: number;
  readonly fullBytes?: number;
}

/** The reader by itself on bytes in memory, then the whole way into a trace. */
function made({ id, title, make, format, options = {}, atLeast, fullBytes }: Kind): Bench {
  const place = (inputs: string, scale: Scale) => {
    const path = join(inputs, `${id}-${scale}.capture`);
    return { path, count: `${path}.count` };
  };
  const bars: Bar[] = [
    ...(atLeast === undefined ? [] : [{ step: 'read', what: 'units/cpu-s', atLeast } as const]),
    { step: 'ingest', what: 'peak-rss', atMost: PEAK_RSS },
  ];
  return {
    id: `ingest-${id}`,
    title,
    bars,
    async prepare({ scale, inputs }) {
      const { path, count } = place(inputs, scale);
      if (existsSync(count)) return;
      mkdirSync(inputs, { recursive: true });
      const bytes = scale === 'full' ? (fullBytes ?? BYTES.full) : BYTES[scale];
      writeFileSync(count, String(make(path, bytes)));
    },
    async run({ scale, inputs, scratch, step }) {
      const { path, count } = place(inputs, scale);
      const records = Number(readFileSync(count, 'utf8'));
      const trace = await step('ingest', 'rows', records, () => ingestCapture([path], { out: join(scratch, 'a.trace'), format, options }));
      const bytes = readFileSync(path);
      let kept = 0;
      await step('read', 'rows', records * READS[scale], async () => {
        for (let i = 0; i < READS[scale]; i++) kept = await read(format, path, bytes, options);
      });
      rmSync(join(scratch, 'a.trace'), { recursive: true });
      return { hash: trace.traceId.slice(0, 16), facts: { bytes: bytes.length, kept } };
    },
  };
}

async function read(format: string, path: string, bytes: Uint8Array, options: Readonly<Record<string, string>>): Promise<number> {
  let kept = 0;
  const context: IngestContext = { options, accept: (n) => void (kept += n), lost() {}, reject() {} };
  const source: ByteSource = {
    path,
    async *chunks() {
      for (let at = 0; at < bytes.length; at += CHUNK_BYTES) yield bytes.subarray(at, at + CHUNK_BYTES);
    },
  };
  for await (const _ of ingestors.get(format).ingest(source, context));
  return kept;
}

const DAMON = { ops: 'paddr', aggregation: '100ms' };
const KINDS: readonly Kind[] = [
  { id: 'perf-text', title: 'perf script text with addr', make: captures.perfPlain, format: 'perf-script', atLeast: 6e6 },
  { id: 'perf-faults', title: 'perf script text of page_fault_user', make: captures.perfExceptions, format: 'perf-script', atLeast: 6e6 },
  {
    id: 'perf-symbols',
    title: 'perf script text with addr, ip and symbols',
    make: captures.perfSymbols,
    format: 'perf-script',
    atLeast: 2e6,
  },
  {
    id: 'damon-text',
    title: 'DAMON tracepoints as ftrace text',
    make: captures.damonText,
    format: 'damon-trace',
    options: DAMON,
    atLeast: 4e6,
  },
  {
    id: 'lackey',
    title: 'Valgrind Lackey text',
    make: captures.lackey,
    format: 'lackey',
    options: { 'accesses-per-second': '1e9' },
    atLeast: 8e6,
  },
  { id: 'perf-data', title: 'perf.data samples', make: captures.perfData, format: 'perf-data', fullBytes: 256 * MIB, atLeast: 40e6 },
  {
    id: 'damo',
    title: 'regions of damo json',
    make: captures.damoJson,
    format: 'damo',
    options: { ops: 'paddr' },
    fullBytes: 500e6,
    atLeast: 1e6,
  },
  {
    id: 'damo-compressed',
    title: 'regions of damo json_compressed',
    make: captures.damoCompressed,
    format: 'damo',
    options: { ops: 'paddr' },
  },
];

/** The best of so many: a page of memory that the host has to find first makes writing 400 MB take 0.1 to 1.4 s (docs/performance.md). */
const ROUNDS = 6;

/** Bytes of an exact log, again and again into a trace: the first time is a step of its own. */
function exactLog(id: string, title: string, prepare: (path: string, scale: Scale) => void, times: Readonly<Record<Scale, number>>): Bench {
  const place = (inputs: string, scale: Scale): string => join(inputs, `${id}-${scale}.vmgt`);
  return {
    id: `ingest-${id}`,
    title,
    bars: [
      { step: 'again', what: 'units/cpu-s', atLeast: 100e6 },
      { step: 'again', what: 'peak-rss', atMost: PEAK_RSS },
    ],
    async prepare({ inputs, scale }) {
      mkdirSync(inputs, { recursive: true });
      if (!existsSync(place(inputs, scale))) prepare(place(inputs, scale), scale);
    },
    async run({ scale, inputs, scratch, step, inTurn }) {
      const path = place(inputs, scale);
      const { size } = statSync(path);
      const first = await step('first', 'bytes', size, () => ingestCapture([path], { out: join(scratch, 'first') }));
      const again = async (): Promise<void> => {
        for (let i = 0; i < times[scale]; i++) await ingestCapture([path], { out: join(scratch, 'again') });
      };
      await inTurn(scale === 'tiny' ? 1 : ROUNDS, [{ name: 'again', unit: 'bytes', units: size * times[scale], work: again }]);
      const touches = first.spaces.reduce((sum, space) => sum + space.nTouches, 0);
      return { hash: first.traceId.slice(0, 16), limits: [bandwidth(scale === 'tiny' ? 1 << 20 : 64 << 20)], facts: { touches } };
    },
  };
}

export const benches: readonly Bench[] = [
  ...KINDS.map(made),
  exactLog('vmgt', 'exact log of a VM (vmgt)', (path, scale) => captures.vmgt(path, BYTES[scale]), { tiny: 1, small: 1, full: 1 }),
  exactLog(
    'vmgt-redis',
    'exact log of the bundled redis capture',
    (path) => writeFileSync(path, gunzipSync(readFileSync(join(TRACES, 'redis-pti', 'gt.vmgt.gz')))),
    { tiny: 1, small: 2, full: 4 },
  ),
];
