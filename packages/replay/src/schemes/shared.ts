/** Parameters and traits that several schemes share. */
import { NS_PER_MS, NS_PER_S, type Param } from '@workset/model';

export const interval: Param & { kind: 'duration' } = {
  kind: 'duration',
  default: NS_PER_S,
  min: NS_PER_MS,
  unit: 'ns',
  help: 'time between marking and looking',
  source: 'user space decides; replay --window',
};

export const WRITE_ONLY = { reads: false, writes: true } as const;
