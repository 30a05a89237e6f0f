/** One case of the fuzz: a fixture, damaged, read twice. */
import { createHash } from 'node:crypto';
import { gunzipSync } from 'node:zlib';

import { guesses, ingestors, readPlainBatches } from '@workset/ingest';
import { Prng, WorksetError } from '@workset/model';
import type { ByteSource, IngestBatch, IngestContext } from '@workset/model';

export interface Seed {
  readonly format: string;
  readonly path: string;
  readonly bytes: Uint8Array;
}

/** Larger fixtures are cut: many small cases find more than few large ones. */
const MAX_BYTES = 48 << 10;
/** What readers of logs without times and of dumps without headers need. */
const OPTIONS: Readonly<Record<string, string>> = {
  'accesses-per-second': '1e6',
  'slot-base': '0',
  vaddr: '0x7a0000000000',
  'return-mask': '0xff',
  ops: 'paddr',
  aggregation: '100ms',
};
/** Formats that nothing recognises, by parts of their fixtures' paths. */
const NAMED: readonly (readonly [part: RegExp, format: string])[] = [
  [/record\.v0\.bin/, 'damo-record'],
  [/bitmap\.synthetic/, 'page-idle-raw'],
  [/kpageflags/, 'kpageflags'],
  [/dirty_(bitmap|ring)/, 'kvm-dirty'],
  [/pagemap\/pagemap\.[\w+-]+\.bin/, 'pagemap'],
  [/pagemap_scan.*\.bin/, 'pagemap-scan'],
];
/** Readers without a fixture start from these. */
const TEXTS: Readonly<Record<string, string>> = {
  csv: 'time_ns,gva,size,op,pid,cpu\n1000,0x7f0000001000,8,r,7,0\n2000,0x7f0000002ffc,8,w,7,1\n',
  pinatrace: '0x00007f11: R 0x7ffc12345678\n0x00007f12: W 0x7ffc12345680\n#eof\n',
  'qemu-execlog':
    '0, 0x10c8, 0xfff96c43, "ldr r3, [r0, #0x44]", load, 0x200000e4, RAM\n0, 0x10ca, 0x1, "str r3, [r0]", store, 0x200000e8, RAM\n',
  'drmemtrace-view':
    '           1           0:       3256418 <marker: version 3>\n           2           0:       3256418 <marker: timestamp 13312410768080478>\n           3           1:       3256418 ifetch       3 byte(s) @ 0x00007f6fdd3ec360\n           4           1:       3256418 read         8 byte(s) @ 0x00007ffc11112222 by PC 0x00007f6fdd3ec360\n',
  reap: '1000\n2a000\n3000\n',
  wss: 'Watching PID 423 page references during 1.00 seconds...\nEst(s)     RSS(MB)    PSS(MB)    Ref(MB)\n1.014        403.66     400.59      28.12\n',
  memtierd:
    '          timestamp       pid             addr    pages     accs   writes\n 1748191726781395200      4021     7f12a4000000      512       12        3\n',
  'lru-gen': 'memcg     1 /\n node     0\n          0       1201       1234        567\n          1        100         12          5\n',
};

/** The fixtures by format, unpacked. */
export function corpus(files: readonly { readonly path: string; readonly bytes: Uint8Array }[]): Seed[] {
  const seeds: Seed[] = [];
  for (const { path, bytes } of files) {
    const whole = path.endsWith('.gz') ? gunzipSync(bytes) : bytes;
    if (whole.length === 0) continue;
    const cut = new Uint8Array(whole.subarray(0, MAX_BYTES));
    const named = NAMED.find(([part]) => part.test(path))?.[1];
    const best = guesses(new Uint8Array(whole.subarray(0, 65536)))[0];
    const format = named ?? (best !== undefined && best.confidence >= 0.5 ? best.ingestor.descriptor.id : undefined);
    if (format !== undefined) seeds.push({ format, path, bytes: cut });
  }
  for (const [format, text] of Object.entries(TEXTS)) seeds.push({ format, path: `${format}.txt`, bytes: new TextEncoder().encode(text) });
  const champsim = new Uint8Array(64 * 4);
  for (let i = 0; i < 4; i++) {
    new DataView(champsim.buffer).setBigUint64(i * 64, 0x401000n + BigInt(i), true);
    new DataView(champsim.buffer).setBigUint64(i * 64 + 32, 0x7f0000001000n, true);
  }
  seeds.push({ format: 'champsim', path: 'champsim.bin', bytes: champsim });
  return seeds;
}

/** What went wrong, undefined when nothing did. */
export async function runCase(seeds: readonly Seed[], name: string): Promise<string | undefined> {
  const random = new Prng(name);
  const seed = seeds[random.below(seeds.length)]!;
  const bytes = damaged(seed.bytes, seeds[random.below(seeds.length)]!.bytes, random);
  const whole = await read(seed, bytes, () => bytes.length);
  if (whole.crash !== undefined) return `${seed.path}: ${whole.crash}`;
  const size = [1, 7, 64, 4096][random.below(4)]!;
  const pieces = await read(seed, bytes, () => 1 + random.below(size));
  if (pieces.crash !== undefined) return `${seed.path}, in chunks: ${pieces.crash}`;
  if (whole.digest !== pieces.digest) return `${seed.path}: other batches in chunks up to ${size} bytes`;
  if (whole.error !== pieces.error)
    return `${seed.path}: ${whole.error ?? 'no error'} whole, ${pieces.error ?? 'no error'} in chunks up to ${size} bytes`;
  return undefined;
}

function damaged(bytes: Uint8Array, other: Uint8Array, random: Prng): Uint8Array {
  let out = new Uint8Array(bytes);
  for (let left = 1 + random.below(3); left > 0 && out.length > 0; left--) {
    const at = random.below(out.length);
    switch (random.below(8)) {
      case 0:
        out = out.slice(0, at);
        break;
      case 1:
        for (let i = 1 + random.below(4); i > 0; i--) out[random.below(out.length)] = random.below(256);
        break;
      case 2:
        // the extremes that sizes and counts overflow with
        out.fill([0, 255, 127, 128][random.below(4)]!, at, at + [1, 2, 4, 8][random.below(4)]!);
        break;
      case 3:
        out = join(out.subarray(0, at), other.subarray(random.below(other.length)).slice(0, 4096), out.subarray(at));
        break;
      case 4:
        out = join(out.subarray(0, at), out.subarray(Math.min(out.length, at + 1 + random.below(64))));
        break;
      case 5:
        out = shuffledLines(out, random);
        break;
      case 6:
        out = join(
          out.subarray(0, at),
          new TextEncoder().encode(
            ['18446744073709551615', '-1', '1e999', '\0', '\r\n', ' ', '"', '99999999999999999999'][random.below(8)]!,
          ),
          out.subarray(at),
        );
        break;
      default:
        out[at]! ^= 1 << random.below(8);
    }
  }
  return out;
}

function join(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.concat(parts));
}

function shuffledLines(bytes: Uint8Array, random: Prng): Uint8Array<ArrayBuffer> {
  const lines = Buffer.from(bytes).toString('latin1').split('\n');
  for (let i = Math.min(lines.length - 1, 20); i > 0; i--) {
    const [a, b] = [random.below(lines.length), random.below(lines.length)];
    [lines[a], lines[b]] = [lines[b]!, lines[a]!];
  }
  return new Uint8Array(Buffer.from(lines.join('\n'), 'latin1'));
}

interface Reading {
  readonly digest: string;
  readonly error: string | undefined;
  /** An error that no reader may throw. */
  readonly crash: string | undefined;
}

async function read({ format, path }: Seed, bytes: Uint8Array, chunkBytes: () => number): Promise<Reading> {
  const hash = new BatchHash();
  const context: IngestContext = { options: OPTIONS, accept() {}, lost() {}, reject() {} };
  try {
    for await (const batch of readPlainBatches(ingestors.get(format), sourceOf(path, bytes, chunkBytes), context)) hash.add(batch);
    return { digest: hash.digest(), error: undefined, crash: undefined };
  } catch (error) {
    const isTyped = error instanceof WorksetError;
    return { digest: hash.digest(), error: isTyped ? error.name : undefined, crash: isTyped ? undefined : String((error as Error).stack) };
  }
}

/** Chunks of any size, each overwritten after use, as a reader must expect. The path names no file: nothing can be read out of order. */
function sourceOf(path: string, bytes: Uint8Array, chunkBytes: () => number): ByteSource {
  return {
    path: `damaged ${path.replace(/^.*[\\/]/, '')}`,
    async *chunks() {
      for (let i = 0; i < bytes.length;) {
        const chunk = bytes.slice(i, i + chunkBytes());
        i += chunk.length;
        yield chunk;
        chunk.fill(0xaa);
      }
    },
  };
}

/** A digest that does not depend on where accesses are cut into batches. */
export class BatchHash {
  readonly #accesses = new Map<string, ReturnType<typeof createHash>>();
  readonly #others = createHash('sha256');

  add(batch: IngestBatch): void {
    if (batch.kind !== 'accesses') {
      // Bytes by themselves: as text, the bits of 4 TiB of pages would take seconds and gigabytes.
      const views: Uint8Array[] = [];
      const text = JSON.stringify(batch, (_key, value: unknown) => {
        if (!ArrayBuffer.isView(value)) return value;
        const view = value as Uint8Array;
        const used = view.subarray(0, 'n' in batch ? batch.n : undefined);
        views.push(new Uint8Array(used.buffer, used.byteOffset, used.byteLength));
        return used.length;
      });
      this.#others.update(text);
      for (const view of views) this.#others.update(view);
      return;
    }
    let hash = this.#accesses.get(batch.space);
    if (hash === undefined) this.#accesses.set(batch.space, (hash = createHash('sha256')));
    for (let i = 0; i < batch.n; i++)
      hash.update(`${batch.timeNs[i]} ${batch.page[i]} ${batch.cls[i]} ${batch.pid?.[i]} ${batch.cpu?.[i]}\n`);
  }

  digest(): string {
    return (
      [...this.#accesses]
        .sort()
        .map(([space, hash]) => `${space}:${hash.digest('hex')}`)
        .join(' ') + this.#others.digest('hex')
    );
  }
}
