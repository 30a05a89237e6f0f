/** Where the memory slots of a KVM guest begin: KVM's dirty logs count pages from there. */
import { UsageError, type IngestContext } from '@workset/model';

export interface SlotBases {
  /** First guest frame of a slot. Throws UsageError for one that was not given. */
  of(slot: number): number;
}

export const NO_SLOT_BASE = 'dirty pages are numbered within their memory slot';
export const SLOT_BASE_HINT = 'give its first guest frame: slot-base=0, or slot-base=0:0,1:0x100000';

/** Option `slot-base`: `0x100000` for every slot, or `0:0,1:0x100000`. Undefined without it. @throws UsageError */
export function slotBasesGiven(ctx: IngestContext): SlotBases | undefined {
  const text = ctx.options['slot-base'];
  if (text === undefined) return undefined;
  const bases = new Map<number, number>();
  for (const part of text.split(',')) {
    const match = /^(?:(0x[0-9a-f]+|\d+):)?(0x[0-9a-f]+|\d+)$/i.exec(part);
    if (match === null) throw new UsageError(`slot-base=${text} is not understood`, 'slot-base=GFN or slot-base=SLOT:GFN,SLOT:GFN');
    bases.set(match[1] === undefined ? -1 : Number(match[1]), Number(match[2]));
  }
  return {
    of(slot) {
      const base = bases.get(slot) ?? bases.get(-1);
      if (base === undefined) throw new UsageError(`no base for memory slot ${slot}`, `add ${slot}:GFN to slot-base`);
      return base;
    },
  };
}

/** The same, for files that cannot be read without. */
export function slotBases(ctx: IngestContext): SlotBases {
  const given = slotBasesGiven(ctx);
  if (given === undefined) throw new UsageError(NO_SLOT_BASE, SLOT_BASE_HINT);
  return given;
}
