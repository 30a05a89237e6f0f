/** Where the workload's arena lies in each segment of a capture: what arena-relative reports count from. */
import { dirname } from 'node:path';
import type { CaptureInput } from './inputs.ts';

export class Arenas {
  /** By directory and segment, and by segment alone; undefined when two files disagree about the latter. */
  readonly #exact = new Map<string, number>();
  readonly #bySegment = new Map<string, number | undefined>();

  /** Notes an arena's first page. False when the segment has another one already, which then stays. */
  add(input: CaptureInput, page: number): boolean {
    const key = keyOf(input);
    const known = this.#exact.get(key);
    if (known !== undefined) return known === page;
    this.#exact.set(key, page);
    const { segment } = input;
    this.#bySegment.set(segment, this.#bySegment.has(segment) && this.#bySegment.get(segment) !== page ? undefined : page);
    return true;
  }

  /** First page of the arena that an input's reports count from, undefined when nothing tells. */
  pageFor(input: CaptureInput): number | undefined {
    return input.arenaPage ?? this.#exact.get(keyOf(input)) ?? this.#bySegment.get(input.segment);
  }
}

function keyOf({ path, segment }: CaptureInput): string {
  return `${dirname(path)}\0${segment}`;
}
