/** Reads indices into a dictionary, as the data pages of our own writer hold them: bit-packed runs of the encoding RLE_DICTIONARY. */

/** Decodes as many indices as `into` takes. Throws RangeError when one is not below `nValues`, or there are too few. */
export function codesOf(bytes: Uint8Array, into: Int32Array, nValues: number): void {
  const width = bytes[0] ?? 0;
  if (width < 1 || width > 31) throw new RangeError(`indices of ${width} bits`);
  let at = 1;
  for (let n = 0; n < into.length;) {
    let header = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = bytes[at++];
      if (byte === undefined) throw new RangeError(`${n} indices, not ${into.length}`);
      header += (byte & 127) * scale;
      if (byte < 128) break;
    }
    // Groups of eight, one bit up.
    if (header % 2 === 0) throw new RangeError('a run of one index');
    const groups = (header - 1) / 2;
    if (groups === 0 || at + groups * width > bytes.length) throw new RangeError('a run of indices behind the end');
    const end = Math.min(into.length, n + groups * 8);
    unpack(bytes, at, width, into, n, end);
    n = end;
    at += groups * width;
  }
  for (const code of into) if (code >= nValues) throw new RangeError(`index ${code} into ${nValues} values`);
}

/** Least significant bit first. */
function unpack(bytes: Uint8Array, from: number, width: number, into: Int32Array, n: number, end: number): void {
  let at = from;
  let used = 0;
  for (let i = n; i < end; i++) {
    let code = 0;
    for (let have = 0; have < width;) {
      const take = Math.min(8 - used, width - have);
      code |= ((bytes[at]! >>> used) & ((1 << take) - 1)) << have;
      have += take;
      used += take;
      if (used < 8) continue;
      used = 0;
      at++;
    }
    into[i] = code;
  }
}
