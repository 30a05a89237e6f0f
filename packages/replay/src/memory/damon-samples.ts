/** DAMON's access checks of one page per region (kernel-semantics 8.1), a whole sampling interval at a time. */
import type { SpaceReader } from '@workset/store';
import type { DamonWalk, PageRange } from '../scheme.ts';
import { BOTH, RMAP } from './access-bits.ts';
import type { Desk } from './desk.ts';
import * as folio from './folio-ops.ts';

export class DamonSamples {
  readonly #desk: Desk;
  readonly #space: SpaceReader;
  readonly #range: PageRange;
  /** Dense ids of the pages taken; -1 = not looked at, or there is no such page. */
  #ids = new Int32Array(0);
  #last = new Int32Array(0);
  #n = 0;
  /** Of them, those looked at: each is charged once. */
  #looks = 0;

  constructor(desk: Desk, space: SpaceReader, range: PageRange) {
    this.#desk = desk;
    this.#space = space;
    this.#range = range;
  }

  take(pages: Float64Array, n: number, { skipsTails }: DamonWalk): this {
    if (this.#ids.length < n) {
      this.#ids = new Int32Array(2 * n);
      this.#last = new Int32Array(2 * n);
    }
    const { from, to } = this.#range;
    const { folios } = this.#desk.world;
    this.#n = n;
    this.#looks = n;
    for (let i = 0; i < n; i++) {
      const id = this.#space.idOf(pages[i]!);
      this.#ids[i] = id >= from && id < to ? id : -1;
      if (!skipsTails || this.#ids[i]! < 0 || !folios.isTail(id)) continue;
      this.#ids[i] = -1;
      this.#looks--;
    }
    return this;
  }

  makeOld(rmap: boolean): void {
    const { world } = this.#desk;
    const ids = this.#ids;
    if (!world.folios.areSmall) {
      for (let i = 0; i < this.#n; i++) if (ids[i]! >= 0) folio.damonMkold(this.#desk, ids[i]!, rmap);
      return;
    }
    this.#dropUnmapped(rmap);
    const young = world.flag('young');
    const idle = world.flag('idle');
    const which = rmap ? RMAP : BOTH;
    const wasYoung = this.#last;
    world.accessBits.makeOldAll(ids, this.#n, which, wasYoung);
    for (let i = 0; i < this.#n; i++) {
      if (ids[i]! < 0) continue;
      if (wasYoung[i]! > 0) young.add(ids[i]!);
      idle.add(ids[i]!);
    }
  }

  areYoung(rmap: boolean, out: Uint8Array): void {
    const { world } = this.#desk;
    const ids = this.#ids;
    if (!world.folios.areSmall) {
      for (let i = 0; i < this.#n; i++) out[i] = Number(ids[i]! >= 0 && folio.isYoung(world, ids[i]!, rmap));
    } else {
      this.#dropUnmapped(rmap);
      const idle = world.flag('idle');
      const young = this.#last;
      world.accessBits.areYoung(ids, this.#n, rmap ? RMAP : BOTH, young);
      for (let i = 0; i < this.#n; i++) out[i] = Number(ids[i]! >= 0 && (young[i]! > 0 || !idle.has(ids[i]!)));
    }
    this.#desk.charge('damon-sample', this.#looks);
  }

  #dropUnmapped(rmap: boolean): void {
    const ids = this.#ids;
    this.#desk.world.lastFaultable(ids, this.#n, rmap, this.#last);
    for (let i = 0; i < this.#n; i++) if (this.#last[i] === 0) ids[i] = -1;
  }
}
