/** Event sampling: every n-th touch, whoever asks; cost is per sample, not per touch. */
import type { PageBitmap } from '@workset/model';

interface Sampler {
  readonly period: number;
  readonly out: PageBitmap;
  /** Touches still to pass before the next sample. */
  wait: number;
}

export class Samplers {
  #samplers: Sampler[] = [];

  get active(): boolean {
    return this.#samplers.length > 0;
  }
  /** Replaces the sampler that fills the same set. */
  add(period: number, out: PageBitmap): void {
    this.#samplers = this.#samplers.filter((sampler) => sampler.out !== out);
    this.#samplers.push({ period, out, wait: period - 1 });
  }
  clear(): void {
    this.#samplers = [];
  }
  apply(touches: Int32Array, from: number, to: number, classBits: number): void {
    for (const sampler of this.#samplers) {
      let at = from + sampler.wait;
      for (; at < to; at += sampler.period) sampler.out.add(touches[at]! >>> classBits);
      sampler.wait = at - to;
    }
  }
}
