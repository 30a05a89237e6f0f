/** Which pages have shown themselves to the swapper, by a report or by faulting, and how long ago. Never single accesses. */
import { PageBitmap } from '@workset/model';

export class Sightings {
  /** Reports taken in. */
  report = 0;
  /** Pages seen since everything was RW-protected last: the swapper knows that they are not. */
  readonly sinceArmed: PageBitmap;
  /** False when nobody will ask for them. */
  tracksArms = true;
  /** Pages seen since the last report, then pages seen up to each of the last reports, newest first. */
  #recent: PageBitmap[];
  /** Words of the first of them. */
  #newest: Int32Array;

  /** @param coldAge reports for which a page must not have been seen to count as cold, at least 1 */
  constructor(nPages: number, coldAge: number) {
    this.sinceArmed = new PageBitmap(nPages);
    this.#recent = Array.from({ length: coldAge + 1 }, () => new PageBitmap(nPages));
    this.#newest = this.#recent[0]!.words;
  }

  /** The page showed itself by faulting. */
  see(id: number): void {
    const bit = 1 << (id & 31);
    const word = id >>> 5;
    this.#newest[word]! |= bit;
    if (this.tracksArms) this.sinceArmed.words[word]! |= bit;
  }

  get sinceReport(): PageBitmap {
    return this.#recent[0]!;
  }

  takeReport(reported: PageBitmap): void {
    this.report++;
    if (this.tracksArms) this.sinceArmed.or(reported);
    this.#recent[0]!.or(reported);
    const oldest = this.#recent.pop()!;
    oldest.clear();
    this.#recent.unshift(oldest);
    this.#newest = oldest.words;
  }

  /** Leaves of the pages `here` those unseen for `coldAge` reports. Call right after takeReport. */
  cold(here: PageBitmap): PageBitmap {
    for (const seen of this.#recent) here.andNot(seen);
    return here;
  }
}
