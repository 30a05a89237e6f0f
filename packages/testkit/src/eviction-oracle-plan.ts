/** What the eviction oracle is told, and what it answers. */

export interface OracleStep {
  readonly name: string;
  /** How long it takes on so many pages. */
  readonly ns: (pages: number) => number;
}
export interface OracleSwapper {
  /** Key of ORACLE_PRIMITIVES. */
  readonly primitive: string;
  readonly open: readonly OracleStep[];
  /** The same when pages must be armed first. */
  readonly openArming: readonly OracleStep[];
  readonly evict: readonly OracleStep[];
  readonly close: readonly OracleStep[];
  /** Page frames; undefined = no limit. */
  readonly limit?: number | undefined;
  /** Above the first the swapper evicts in the background down to the second. */
  readonly high: number;
  readonly low: number;
  /** Pages evicted at once when a fault finds no frame. */
  readonly direct: number;
  readonly cold: number;
  readonly byFaultIn: boolean;
  /** File memory, which other processes can map. */
  readonly isFile: boolean;
  readonly rescue: boolean;
  readonly batch: number;
  /** True when the tracker leaves pages RW-protected. */
  readonly armed: boolean;
  readonly messageNs: number;
  readonly refaultNs: number;
}
/** Pages a report names, and after how many frames it is made. */
export interface OracleSightings {
  readonly after: number;
  readonly pages: readonly number[];
}

export interface OracleEvictions {
  readonly evictions: object[];
  readonly refaults: object[];
  readonly blocked: { user: number; kernel: number; reads: number; writes: number };
  lost: number;
  readonly peak: number;
}
