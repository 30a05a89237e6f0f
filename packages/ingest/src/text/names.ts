/** Names of events. */

/** Event names seen so far, so that a line costs a byte comparison and no string. */
export class EventTable<Kind> {
  readonly #classify: (name: string) => Kind;
  readonly #entries: { readonly bytes: Uint8Array; readonly kind: Kind }[] = [];
  #last = 0;

  constructor(classify: (name: string) => Kind) {
    this.#classify = classify;
  }

  kindOf(bytes: Uint8Array, from: number, to: number): Kind {
    const entries = this.#entries;
    for (let i = 0; i < entries.length; i++) {
      const at = (this.#last + i) % entries.length;
      const entry = entries[at]!;
      if (entry.bytes.length === to - from && same(bytes, from, entry.bytes)) {
        this.#last = at;
        return entry.kind;
      }
    }
    const kind = this.#classify(Buffer.from(bytes.subarray(from, to)).toString('latin1'));
    if (entries.length < 64) entries.push({ bytes: new Uint8Array(bytes.subarray(from, to)), kind });
    return kind;
  }
}

/** Compares from the end: event names differ there (page_fault_user, page_fault_kernel). */
function same(bytes: Uint8Array, from: number, name: Uint8Array): boolean {
  for (let i = name.length - 1; i >= 0; i--) if (bytes[from + i] !== name[i]) return false;
  return true;
}

/** `exceptions:page_fault_user` → `page_fault_user`, `page-faults:u` → `page-faults`. */
export function plainEventName(name: string): string {
  // subsystem: name :modifiers
  const match = /^(?:(?:exceptions|kvm|kvmmmu|damon):)?(.*?)(?::[ukhHGDpPSIWeb]+)?$/.exec(name);
  return match?.[1] ?? name;
}
