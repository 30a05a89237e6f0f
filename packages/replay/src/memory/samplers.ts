/** Event sampling: every n-th touch, whoever asks; cost is per sample, not per touch. */
import { actorClasses, type PageBitmap } from '@workset/model';

/** Whose accesses are CPU events at the page's own address; GUP hands pages to devices, or copies through the kernel's mapping. */
const SAMPLED = ['user', 'kernel', 'host', 'other'] as const;

interface Sampler {
  readonly period: number;
  readonly out: PageBitmap;
  /** Touches still to pass before the next sample. */
  wait: number;
  taken: number;
}

export class Samplers {
  #samplers: Sampler[] = [];

  get active(): boolean {
    return this.#samplers.length > 0;
  }
  /** Starts filling `out`, unless it is being filled; returns the samples taken into it so far. */
  add(period: number, out: PageBitmap): number {
    const known = this.#samplers.find((sampler) => sampler.out === out);
    if (known !== undefined) return known.taken;
    this.#samplers.push({ period, out, wait: period - 1, taken: 0 });
    return 0;
  }
  clear(): void {
    this.#samplers = [];
  }
  apply(touches: Int32Array, from: number, to: number, classBits: number): void {
    if (classBits > 2) return this.#applyCpu(touches, from, to, classBits);
    for (const sampler of this.#samplers) {
      let at = from + sampler.wait;
      for (; at < to; at += sampler.period) {
        sampler.out.add(touches[at]! >>> classBits);
        sampler.taken++;
      }
      sampler.wait = at - to;
    }
  }

  /** Of touches by CPUs and devices, the CPU's events. */
  #applyCpu(touches: Int32Array, from: number, to: number, classBits: number): void {
    const sampled = actorClasses(classBits, SAMPLED, 'touched');
    const classMask = (1 << classBits) - 1;
    for (const sampler of this.#samplers) {
      for (let at = from; at < to; at++) {
        if (((sampled >>> (touches[at]! & classMask)) & 1) === 0) continue;
        if (sampler.wait-- > 0) continue;
        sampler.out.add(touches[at]! >>> classBits);
        sampler.taken++;
        sampler.wait = sampler.period - 1;
      }
    }
  }
}
