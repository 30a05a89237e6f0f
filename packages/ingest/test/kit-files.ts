/** Writers of the capture kit's file formats, for tests: small files made by hand, from the descriptions of the formats. */

/** One frame of a VMGT file. Numbers up to 2^53; `flags` as in the format. */
export type VmgtFrame =
  | { readonly tag: 'H'; readonly hostNs: number }
  | { readonly tag: 'M'; readonly code: number; readonly tick: number; readonly values: readonly number[] }
  | { readonly tag: 'Q'; readonly q: number; readonly records: readonly VmgtRecord[] }
  | { readonly tag: 'E'; readonly records: number };
export interface VmgtRecord {
  readonly pfn: number;
  readonly flags: number;
  readonly vpn?: number;
}
export interface VmgtHeader {
  readonly pageShift?: number;
  readonly icountShift?: number;
  readonly quantumNs?: number;
  readonly ncpu?: number;
  readonly options?: number;
}

export function vmgtFile(frames: readonly VmgtFrame[], header: VmgtHeader = {}): Uint8Array {
  const { pageShift = 12, icountShift = 1, quantumNs = 1_000_000, ncpu = 1, options = 0 } = header;
  const out = [...ascii('VMGT1\n'), ...[pageShift, icountShift, quantumNs, ncpu].flatMap(uv), options];
  for (const frame of frames) {
    out.push(frame.tag.charCodeAt(0));
    if (frame.tag === 'H') out.push(...uv(frame.hostNs));
    if (frame.tag === 'M')
      out.push(...uv(frame.code), ...uv(frame.tick), ...uv(7), ...uv(frame.values.length), ...frame.values.flatMap(uv));
    if (frame.tag === 'E') out.push(...[1, 2, 3, 4, frame.records].flatMap(uv));
    if (frame.tag !== 'Q') continue;
    out.push(...uv(frame.q), ...uv(11), ...uv(frame.records.length));
    let pfn = 0;
    let vpn = 0;
    for (const record of frame.records) {
      out.push(...uv(record.pfn - pfn), record.flags);
      pfn = record.pfn;
      if ((record.flags & 7) !== 0) {
        const delta = record.vpn! - vpn;
        out.push(...uv(delta >= 0 ? 2 * delta : -2 * delta - 1));
        vpn = record.vpn!;
      }
      if ((options & 1) !== 0) out.push(3, 250);
      if (ncpu > 1) out.push(1);
    }
  }
  return Uint8Array.from(out);
}

export function snapshotFile(
  ...records: readonly { readonly magic: string; readonly fields: readonly number[]; readonly bytes: readonly (readonly number[])[] }[]
): Uint8Array {
  return Uint8Array.from(records.flatMap(({ magic, fields, bytes }) => [...ascii(magic), ...fields.flatMap(u64), ...bytes.flat()]));
}

/** A bitmap of `nBytes` with the given bits set, LSB first. */
export function bitmap(nBytes: number, ...bits: readonly number[]): number[] {
  const bytes = Array.from({ length: nBytes }, () => 0);
  for (const bit of bits) bytes[bit >> 3]! |= 1 << (bit & 7);
  return bytes;
}

/** A pagemap dump: one word per page, `frames[i]` -1 = not present. */
export function pagemapFile(address: number, frames: readonly number[]): Uint8Array {
  const words = frames.flatMap((pfn) => (pfn < 0 ? u64(0) : [...u64(pfn).slice(0, 7), 0x81]));
  return Uint8Array.from([...u64(address), ...u64(frames.length), ...words]);
}

export function ascii(text: string): number[] {
  return [...text].map((char) => char.charCodeAt(0));
}

export function u64(value: number): number[] {
  const bytes: number[] = [];
  let left = value;
  for (let i = 0; i < 8; i++) {
    bytes.push(left % 256);
    left = Math.floor(left / 256);
  }
  return bytes;
}

function uv(value: number): number[] {
  const bytes: number[] = [];
  let left = value;
  while (left > 127) {
    bytes.push((left % 128) + 128);
    left = Math.floor(left / 128);
  }
  return [...bytes, left];
}

/** An arena of 100 pages at this page number. */
export const ARENA_PAGE = 0x7f12345;

/** A small file of every format of the kit. */
export const KIT_SAMPLES: Readonly<Record<string, Uint8Array>> = {
  vmgt: vmgtFile([
    { tag: 'H', hostNs: 5 },
    { tag: 'M', code: 1, tick: 1_000_000, values: [9, 1_000_000_000, 1] },
    {
      tag: 'Q',
      q: 2,
      records: [
        { pfn: 3, flags: 1, vpn: ARENA_PAGE },
        { pfn: 4, flags: 2 | 16, vpn: ARENA_PAGE + 1 },
        { pfn: 600, flags: 8 },
      ],
    },
    { tag: 'M', code: 16, tick: 1_250_000, values: [9, 1_000_500_000, 0] },
    { tag: 'Q', q: 2, records: [{ pfn: 4, flags: 3, vpn: ARENA_PAGE + 1 }] },
    {
      tag: 'Q',
      q: 9,
      records: [
        { pfn: 0, flags: 4, vpn: 1 },
        { pfn: 70_000, flags: 63, vpn: 0x7fffffff123 },
      ],
    },
    { tag: 'M', code: 2, tick: 10_000_000, values: [9, 1_018_000_000, 1] },
    { tag: 'E', records: 6 },
  ]),
  'uffd-snap': snapshotFile(
    {
      magic: 'RWPSNAP0',
      fields: [0, 1, 1_000_000_000, 1_000_100_000, 0, 0, 1_009_000_000, 1_009_500_000, 0, 0, 100, 2, 1, 55, 0],
      bytes: [bitmap(16, 0, 1, 99)],
    },
    {
      magic: 'RWPSNAP0',
      fields: [
        1, 3, 1_010_000_000, 1_010_100_000, 1_011_000_000, 1_011_001_000, 1_012_000_000, 1_012_500_000, 1_013_000_000, 1_013_001_000, 100,
        2, 1, 5, 1,
      ],
      bytes: [bitmap(16, 64), [...u64(4096), ...u64(9)]],
    },
  ),
  'idle-bitmap': snapshotFile({
    magic: 'IDLESNAP',
    fields: [1_000_000_000, 1_000_200_000, 1_000_300_000, 1_009_000_000, 1_009_100_000, 8, 16],
    bytes: [bitmap(8, 0, 4, 60), bitmap(16, 0, 3, 4, 60, 61, 100)],
  }),
  'soft-dirty': snapshotFile({
    magic: 'SOFTDRTY',
    fields: [1_000_000_000, 1_000_200_000, 1_009_000_000, 1_009_100_000, 100],
    bytes: [bitmap(16, 1, 98)],
  }),
  'arena-pagemap': pagemapFile(
    ARENA_PAGE * 4096,
    Array.from({ length: 100 }, (_, i) => (i === 7 ? -1 : 3 + i)),
  ),
  'uffdwp-scan': Uint8Array.from(
    ascii(
      'scan insn=1000000 ns=2000000 host_ns=100 scan_ns=5000 regions=1 walk_end_ok=1\n0 600\n' +
        'scan insn=5000000 ns=10000000 host_ns=200 scan_ns=6000 regions=2 walk_end_ok=1\n4 1\n1f 2\n',
    ),
  ),
  'phases-log': Uint8Array.from(
    ascii(
      `pid=71 arena=0x${(ARENA_PAGE * 4096).toString(16)} pages=100 ms_per_phase=530 mem=shmem\n` +
        'phase=0 name=populate mono_begin_ns=1000500000 mono_end_ns=1004000000 ops=100 vaddr_lo=0x1 vaddr_hi=0x2 desc="first write"\n',
    ),
  ),
};
