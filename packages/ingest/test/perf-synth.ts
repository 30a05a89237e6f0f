/** A writer of perf pipe streams, for shapes that no recording at hand has. */

export interface AttrSpec {
  readonly type: number;
  readonly config: number;
  readonly sampleType: number;
  readonly readFormat?: number;
  readonly period?: number;
  readonly flags?: bigint;
  readonly clockId?: number;
  readonly regsUser?: bigint;
  readonly branchSampleType?: bigint;
  readonly size?: number;
  readonly ids?: readonly number[];
}

type Part = readonly [bytes: 1 | 2 | 4 | 8, value: number | bigint] | Uint8Array;

/** Little- or big-endian bytes of fields in order. */
export function pack(parts: readonly Part[], little = true): Uint8Array {
  const out: number[] = [];
  for (const part of parts) {
    if (part instanceof Uint8Array) {
      out.push(...part);
      continue;
    }
    const [size, value] = part;
    const bytes: number[] = [];
    for (let rest = BigInt.asUintN(64, BigInt(value)), i = 0; i < size; i++, rest >>= 8n) bytes.push(Number(rest & 255n));
    out.push(...(little ? bytes : bytes.reverse()));
  }
  return Uint8Array.from(out);
}

export function record(type: number, body: Uint8Array, misc = 2, size = body.length + 8): Uint8Array {
  return Uint8Array.from([
    ...pack([
      [4, type],
      [2, misc],
      [2, size],
    ]),
    ...body,
  ]);
}

export function attrBytes(spec: AttrSpec): Uint8Array {
  const size = spec.size ?? 128;
  const bytes = new Uint8Array(Math.max(size, 136));
  const view = new DataView(bytes.buffer);
  view.setUint32(0, spec.type, true);
  view.setUint32(4, size, true);
  view.setBigUint64(8, BigInt(spec.config), true);
  view.setBigUint64(16, BigInt(spec.period ?? 1), true);
  view.setBigUint64(24, BigInt(spec.sampleType), true);
  view.setBigUint64(32, BigInt(spec.readFormat ?? 0), true);
  view.setBigUint64(40, (spec.flags ?? 0n) | (spec.clockId === undefined ? 0n : 1n << 25n), true);
  view.setBigUint64(72, spec.branchSampleType ?? 0n, true);
  view.setBigUint64(80, spec.regsUser ?? 0n, true);
  view.setInt32(92, spec.clockId ?? 0, true);
  return bytes.subarray(0, size);
}

/** A pipe-mode stream: header, one HEADER_ATTR per event, then the records. */
export function pipe(attrs: readonly AttrSpec[], records: readonly Uint8Array[]): Uint8Array {
  const head = [new TextEncoder().encode('PERFILE2'), pack([[8, 16]])];
  const attrRecords = attrs.map((spec) =>
    record(64, Uint8Array.from([...attrBytes(spec), ...pack((spec.ids ?? []).map((id): Part => [8, id]))]), 0),
  );
  return Uint8Array.from(Buffer.concat([...head, ...attrRecords, ...records]));
}

/** EVENT_UPDATE with a name. */
export function nameRecord(id: number, name: string): Uint8Array {
  const text = new TextEncoder().encode(name);
  const padded = new Uint8Array(Math.ceil((text.length + 1) / 8) * 8);
  padded.set(text);
  return record(
    78,
    Uint8Array.from([
      ...pack([
        [8, 2],
        [8, id],
      ]),
      ...padded,
    ]),
    0,
  );
}
