/** What the assembler keeps of the input that is being read, and of each space. */
import type { SpaceId, TruthGrade } from '@workset/model';
import type { HugePages } from './huge-pages.ts';
import type { InputLog } from './input-log.ts';
import type { Quanta } from './quanta.ts';
import type { RecordedTimes } from './timeline.ts';

/** What has been written to one space so far. */
export interface SpaceState {
  readonly truth: TruthGrade;
  /** Start of the last frame, on the frame clock. */
  lastNs: number;
  /** The input it came from. */
  log: InputLog;
}

/** Said of quanta of one file that another file of the capture covers. */
export const OVERLAPPING =
  'quanta of a time that another exact log covers; they are left out. Logs of two runs do not make one trace: ingest them one by one';

/** Per input: what the batches of this one file need besides its log. */
export interface Reading {
  readonly log: InputLog;
  readonly times: RecordedTimes;
  readonly quanta: Map<SpaceId, Quanta>;
  /** Takes the pieces of the pagemap dump that this file is. */
  dump: ReturnType<HugePages['dump']> | undefined;
  /** Not all of its quanta were taken: what its blocks list says is not what the trace holds. */
  isCut: boolean;
  /** Turned out not to be what its name says. */
  isRefused: boolean;
  /** Pages of a dump with the frame they had in the one before, and with another. */
  stayed: number;
  migrated: number;
  /** The stream's own name → the name and first page it has in the trace; undefined when it was dropped. */
  readonly streams: Map<string, { readonly name: string; readonly basePage: number; readonly space: SpaceId } | undefined>;
}
