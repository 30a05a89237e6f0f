/**
 * The TLB's loop as WebAssembly: the ways of a set are compared at once, and moved at once, without a branch that depends on data.
 *
 * A set of `4 * vectors` tags lies most recent way first. With `h` the comparison results, way i takes the tag of way i - 1 unless a
 * way before it has hit; way 0 takes the new tag:
 *
 *     tags   a  b  c  d        hit in way 2
 *     h      .  .  1  .
 *     kept   .  .  .  1        an earlier way has hit: stays
 *     new    c' a  b  d
 */
import {
  ADD,
  AND,
  ANY,
  CHOOSE,
  constant,
  EQUAL,
  EQZ,
  get,
  I32,
  lanes,
  LEAVE_IF,
  load,
  load32,
  loop,
  OR,
  replaceLane,
  SELECT,
  seq,
  set,
  SHL,
  SHR,
  SPLAT,
  store,
  STORE_32,
  tee,
  V128,
  V_AND,
  V_OR,
  XOR,
  ZERO,
  advance,
  block,
  type Code,
  type Func,
} from '@workset/model/wasm';

/** Most vectors of four ways that a set can have. */
export const MAX_TLB_VECTORS = 4;

/** Int32 words before the first set: the mask of ways that exist in the last vector, and a place for stores that are not wanted. */
export const TLB_HEADER_WORDS = 8;

/** Moves the kernel bit of a touch above every page number: the kernel's own mapping is another translation of the same page. */
export const KERNEL_TAG_SHIFT = 27;

const PARAMS = ['touches', 'n', 'stamps', 'stamp', 'classBits', 'writeBit', 'kernelBit', 'header', 'setMask'] as const;
const MIXED_PARAMS = ['strangers', 'huge', 'hugeHeader', 'hugeMask'] as const;
const SCALARS = ['touch', 'entry', 'tag', 'set', 'dirty', 'isHuge', 'any', 'found'] as const;
const VECTORS = ['wanted', 'one', 'hits', 'kept', 'carry', 'old', 'before', 'lastWays'] as const;

/**
 * `tlb<vectors>` for memory in 4 KiB pages, `tlbMixed<vectors>` with 2 MiB pages and other actors. Stamps the touches that miss.
 * Addresses: touches, stamps (slots of the touches), header (of the 4 KiB sets, with the sets behind it); n >= 1.
 */
export const TLB_FUNCTIONS: readonly Func[] = Array.from({ length: MAX_TLB_VECTORS }, (_, i) => [
  tlb(i + 1, false),
  tlb(i + 1, true),
]).flat();

function tlb(vectors: number, mixed: boolean): Func {
  const names: readonly string[] = [...PARAMS, ...(mixed ? MIXED_PARAMS : []), ...SCALARS, ...VECTORS];
  const at = (name: string): number => names.indexOf(name);
  const take = (name: string): Code => get(at(name));
  const put = (name: string, ...code: readonly Code[]): Code => seq(...code, set(at(name)));
  const shift = constant(4 + Math.log2(ceilPowerOfTwo(vectors)));
  const setOf = (header: string, mask: string): Code =>
    seq(take('entry'), take(mask), AND, shift, SHL, take(header), ADD, constant(TLB_HEADER_WORDS * 4), ADD);

  const small = seq(put('set', setOf('header', 'setMask')));
  const eitherSize = seq(
    // The page number, or that of its 2 MiB block.
    put('found', take('entry'), constant(9), SHR),
    put('isHuge', load32(seq(take('huge'), take('found'), constant(5), SHR, constant(2), SHL, ADD)), take('found'), SHR, constant(1), AND),
    put('entry', take('found'), take('entry'), take('isHuge'), CHOOSE),
    put('set', setOf('hugeHeader', 'hugeMask'), setOf('header', 'setMask'), take('isHuge'), CHOOSE),
  );
  const lookup = seq(
    put('touch', load32(take('touches'))),
    put('entry', take('touch'), take('classBits'), SHR),
    put('dirty', take('touch'), take('writeBit'), AND),
    mixed ? eitherSize : small,
    put(
      'tag',
      seq(take('touch'), take('kernelBit'), AND, constant(KERNEL_TAG_SHIFT), SHL, take('entry'), ADD, constant(1), ADD),
      constant(1),
      SHL,
      take('dirty'),
      OR,
    ),
    put('wanted', take('tag'), SPLAT, take('one'), V_OR),
    put('carry', ZERO),
    put('any', constant(0)),
    put('found', constant(0)),
    ...Array.from({ length: vectors }, (_, v) => compare(v)),
    ...Array.from({ length: vectors }, (_, v) => move(v)),
    stampIfWalked(),
  );
  /** First pass over the set: is it there, and cached dirty? */
  function compare(v: number): Code {
    return seq(
      put('hits', hitsIn(v)),
      put('any', take('any'), take('hits'), ANY, OR),
      put('found', take('found'), take('hits'), load(at('set'), v * 16), V_AND, take('one'), V_AND, ANY, OR),
    );
  }
  function hitsIn(v: number): Code {
    return seq(load(at('set'), v * 16), take('one'), V_OR, take('wanted'), EQUAL);
  }
  /** Second pass: every way up to the hit (or the end) moves one back. */
  function move(v: number): Code {
    const isLast = v === vectors - 1;
    const moved =
      v === 0
        ? seq(take('old'), take('old'), lanes(0, 0, 1, 2), take('tag'), take('found'), OR, replaceLane(0))
        : seq(take('before'), take('old'), lanes(3, 4, 5, 6));
    return seq(
      put('old', load(at('set'), v * 16)),
      ...(vectors > 1 || v > 0 ? [put('hits', hitsIn(v))] : []),
      // Ways behind a hit of this vector, then those behind a hit of an earlier one.
      put('kept', ZERO, take('hits'), lanes(3, 4, 5, 6)),
      put('kept', take('kept'), ZERO, take('kept'), lanes(3, 4, 5, 6), V_OR),
      put('kept', take('kept'), ZERO, take('kept'), lanes(2, 3, 4, 5), V_OR),
      ...(v > 0 ? [put('kept', take('kept'), take('carry'), V_OR)] : []),
      ...(isLast ? [] : [put('carry', take('kept'), take('hits'), V_OR, tee(at('carry')), take('carry'), lanes(3, 3, 3, 3))]),
      seq(take('set'), take('old'), moved, take('kept'), SELECT, ...(isLast ? [take('lastWays'), V_AND] : []), store(v * 16)),
      ...(isLast ? [] : [put('before', take('old'))]),
    );
  }
  /** Walks: a miss, or a store through an entry cached clean. */
  function stampIfWalked(): Code {
    return seq(
      seq(take('stamps'), take('touch'), constant(2), SHL, ADD, take('header'), constant(16), ADD),
      seq(take('any'), EQZ, take('dirty'), take('found'), constant(1), XOR, AND, OR),
      CHOOSE,
      take('stamp'),
      STORE_32,
    );
  }

  const cpuOnly = block(seq(load32(take('touches')), take('strangers'), AND, LEAVE_IF, lookup));
  const body = seq(
    put('one', constant(1), SPLAT),
    put('lastWays', load(at('header'), 0)),
    loop(at('n'), seq(mixed ? cpuOnly : lookup, advance(at('touches'), 4))),
  );
  const locals = [...SCALARS.map(() => I32), ...VECTORS.map(() => V128)];
  return {
    name: `${mixed ? 'tlbMixed' : 'tlb'}${vectors}`,
    params: PARAMS.length + (mixed ? MIXED_PARAMS.length : 0),
    result: false,
    locals,
    body,
  };
}

export function ceilPowerOfTwo(n: number): number {
  return 2 ** Math.ceil(Math.log2(n));
}
