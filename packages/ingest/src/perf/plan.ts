/** What to do with the samples of each event. */
import { UsageError } from '@workset/model';
import type { IngestContext, SpaceId, TruthGrade } from '@workset/model';
import { EVENT_TYPE, SAMPLE, isDummyEvent, isFaultEvent } from './attr.ts';
import type { PerfAttr } from './attr.ts';
import { layoutOf } from './layout.ts';
import type { SampleLayout } from './layout.ts';
import { isAccess, tracepointUse } from './tracepoint.ts';
import type { TracepointUse } from './tracepoint.ts';

export type SampleUse = 'address' | 'physical' | TracepointUse;

export interface EventPlan {
  readonly attr: PerfAttr;
  readonly layout: SampleLayout;
  readonly use: SampleUse;
  readonly space: SpaceId;
  /** All wanted fields have fixed places, so the tight loop can read them. */
  readonly fast: boolean;
  /** Why samples of this event are of no use, for the diagnostics. */
  readonly why: string;
  /** An address of 0 means "no address", as in sampled loads and in untranslated physical addresses. */
  readonly zeroIsNone: boolean;
  samples: number;
  ignored: number;
  noAddress: number;
  /** Samples that are no accesses, such as entries that were taken away. */
  noAccess: number;
  damaged: number;
}

/** Options: address=virtual|physical, space=, event= (the tracepoint of a recording that lost its names). */
export function planEvent(attr: PerfAttr, options: IngestContext['options']): EventPlan {
  const layout = layoutOf(attr);
  const [use, why] = useOf(attr, layout, options);
  const space: SpaceId =
    use === 'physical' ? 'pfn' : use !== 'user-fault' && isAccess(use) ? 'gpa' : ((options['space'] as SpaceId | undefined) ?? 'gva');
  // data_src tells reads from writes; behind a callchain its place varies
  const srcFixed = (attr.sampleType & SAMPLE.dataSrc) === 0 || layout.dataSrc >= 0;
  return {
    attr,
    layout,
    use,
    why,
    space,
    fast: use === 'address' && srcFixed && layout.tid >= 0,
    zeroIsNone: use === 'physical' || (use === 'address' && !isFaultEvent(attr)),
    samples: 0,
    ignored: 0,
    noAddress: 0,
    noAccess: 0,
    damaged: 0,
  };
}

/** `faults` when every access is a page fault and none was left out by a sampling period; `observed` when there are only reports. */
export function gradeOf(plans: readonly EventPlan[]): TruthGrade {
  const exactFaults = (plan: EventPlan): boolean => {
    const { attr } = plan;
    const fault = isAccess(plan.use) || isFaultEvent(attr);
    return fault && !attr.freq && attr.samplePeriod <= 1;
  };
  const used = plans.filter((plan) => plan.use !== null && !isDamon(plan.use) && !isDummyEvent(plan.attr));
  if (used.length === 0) return 'observed';
  return used.every(exactFaults) ? 'faults' : 'sampled';
}

export function isDamon(use: SampleUse): use is 'damon_aggregated' | 'damos_before_apply' {
  return use === 'damon_aggregated' || use === 'damos_before_apply';
}

function useOf(attr: PerfAttr, layout: SampleLayout, options: IngestContext['options']): [SampleUse, string] {
  if (layout.time < 0) return [null, 'its samples have no time; record without --no-timestamp'];
  if (attr.type === EVENT_TYPE.tracepoint) {
    const named = attr.name !== `tracepoint ${attr.config}`;
    const use = tracepointUse(named ? attr.name : (options['event'] ?? ''));
    if (use === null)
      return [
        null,
        named
          ? 'this tracepoint tells nothing about memory'
          : 'its name is lost with the end of the file; give it with the option event, such as event=page_fault_user',
      ];
    return (attr.sampleType & SAMPLE.raw) === 0 ? [null, 'it was recorded without raw data'] : [use, ''];
  }
  if (wantsPhysical(options))
    return (attr.sampleType & SAMPLE.physAddr) === 0
      ? [null, 'it was recorded without physical addresses; record with --phys-data']
      : ['physical', ''];
  return layout.addr < 0 ? [null, 'its samples have no data address; record with -d, or with perf mem record'] : ['address', ''];
}

function wantsPhysical(options: IngestContext['options']): boolean {
  const { address } = options;
  if (address === undefined || address === 'virtual') return false;
  if (address === 'physical') return true;
  throw new UsageError(`address is ${JSON.stringify(address)}`, 'one of virtual, physical');
}
