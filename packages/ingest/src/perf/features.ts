/** Feature sections behind the data (or records of a pipe): event names and the relation of clocks. */
import { open } from 'node:fs/promises';
import { cString, u64 } from '../binary.ts';
import { EVENT_TYPE, MIN_ATTR_BYTES } from './attr.ts';
import type { PerfAttr } from './attr.ts';
import type { PerfHeader } from './header.ts';

const TRACING_DATA = 1;
const OS_RELEASE = 4;
const EVENT_DESC = 12;
const CLOCK_DATA = 29;
const SECTION_BYTES = 16;
const MAX_FEATURE_BYTES = 64 << 20;

/** What features say about the recording, applied to `attrs` in place. */
export interface PerfFacts {
  readonly attrs: PerfAttr[];
  readonly little: boolean;
  /** The clock of the samples against wall-clock time. */
  clock: { readonly clockId: number; readonly clockNs: number; readonly wallNs: number } | null;
  /** High word that all times are counted from; null before the first sample. Streams of one directory share it. */
  timeBaseHigh: number | null;
  /** Release of the recorded kernel. */
  kernel?: string;
}

type ReadAt = (offset: number, size: number) => Promise<Uint8Array<ArrayBuffer> | null>;

/** Reads the wanted sections through `readAt`, which gives null for what is not there; false when one was missing. */
export async function readFeatures(header: PerfHeader, readAt: ReadAt, facts: PerfFacts): Promise<boolean> {
  const table = await readAt(header.dataOffset + header.dataSize, header.features.length * SECTION_BYTES);
  if (table === null) return header.features.length === 0;
  let whole = true;
  const view = new DataView(table.buffer, table.byteOffset, table.byteLength);
  for (const [index, feature] of header.features.entries()) {
    if (feature !== EVENT_DESC && feature !== CLOCK_DATA && feature !== TRACING_DATA && feature !== OS_RELEASE) continue;
    const size = u64(view, index * SECTION_BYTES + 8, header.little);
    if (size > MAX_FEATURE_BYTES) continue;
    const body = await readAt(u64(view, index * SECTION_BYTES, header.little), size);
    if (body === null) whole = false;
    else applyFeature(feature, body, facts);
  }
  return whole;
}

/** Reads features by opening `header`'s file again; `other` when `path` is not that file (stdin, or compressed), `cut` when they are not whole. */
export async function readFeaturesOfFile(path: string, header: PerfHeader, facts: PerfFacts): Promise<'read' | 'cut' | 'other'> {
  if (path === '-') return 'other';
  const handle = await open(path, 'r').catch(() => null);
  if (handle === null) return 'other';
  try {
    const { size: fileSize } = await handle.stat();
    const readAt: ReadAt = async (offset, size) => {
      if (!(offset + size <= fileSize)) return null;
      const { bytesRead, buffer } = await handle.read(new Uint8Array(size), 0, size, offset);
      return bytesRead === size ? buffer : null;
    };
    const head = await readAt(0, header.head.length);
    if (head === null || Buffer.compare(head, header.head) !== 0) return 'other';
    return (await readFeatures(header, readAt, facts)) ? 'read' : 'cut';
  } finally {
    await handle.close();
  }
}

/** Takes over one feature; damaged or unknown ones change nothing. */
export function applyFeature(feature: number, body: Uint8Array<ArrayBuffer>, facts: PerfFacts): void {
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  if (feature === EVENT_DESC) applyEventNames(view, body, facts);
  if (feature === TRACING_DATA) applyTracepointIds(body, facts);
  // u32 length, text, zeros
  if (feature === OS_RELEASE && body.length > 4) facts.kernel = cString(body, 4, body.length);
  // u32 version, u32 clockid, u64 wall clock ns, u64 clock ns
  if (feature === CLOCK_DATA && body.length >= 24) {
    facts.clock = { clockId: view.getUint32(4, facts.little), wallNs: u64(view, 8, facts.little), clockNs: u64(view, 16, facts.little) };
  }
}

/** u32 events, u32 attr size, then per event: attr, u32 ids, u32 length, name, u64 ids[]. */
function applyEventNames(view: DataView, body: Uint8Array, facts: PerfFacts): void {
  const { little, attrs } = facts;
  if (body.length < 8) return;
  const events = view.getUint32(0, little);
  const attrSize = view.getUint32(4, little);
  let at = 8;
  for (let i = 0; i < events && attrSize >= MIN_ATTR_BYTES && at + attrSize + 8 <= body.length; i++) {
    const type = view.getUint32(at, little);
    const config = u64(view, at + 8, little);
    at += attrSize;
    const idCount = view.getUint32(at, little);
    const length = view.getUint32(at + 4, little);
    at += 8;
    if (at + length > body.length) return;
    const name = cString(body, at, at + length);
    at += length;
    const firstId = idCount > 0 && at + 8 <= body.length ? u64(view, at, little) : null;
    at += idCount * 8;
    const attr =
      (firstId === null ? undefined : attrs.find((candidate) => candidate.ids.includes(firstId))) ??
      attrs.find((candidate) => candidate.type === type && candidate.config === config);
    if (attr !== undefined && name !== '') attr.name = name;
  }
}

/** Names tracepoints by the format texts: "name: page_fault_user\nID: 190\n". */
export function applyTracepointIds(body: Uint8Array, facts: PerfFacts): void {
  const unnamed = facts.attrs.filter((attr) => attr.type === EVENT_TYPE.tracepoint && attr.name === `tracepoint ${attr.config}`);
  if (unnamed.length === 0) return;
  const text = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('latin1');
  const byId = new Map<number, string>();
  // the first lines of every events/*/*/format file
  for (const match of text.matchAll(/name: (\w+)\nID: (\d+)\n/g)) byId.set(Number(match[2]), match[1]!);
  for (const attr of unnamed) attr.name = byId.get(attr.config) ?? attr.name;
}
