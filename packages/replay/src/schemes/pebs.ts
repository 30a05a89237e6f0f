/** Hardware event sampling, PEBS or IBS: every N-th event yields an address (kernel-semantics 10.1). */
import { defineScheme } from '../scheme.ts';
import { cycleTracker } from './cycle.ts';
import { interval } from './shared.ts';

export const pebs = defineScheme({
  descriptor: {
    id: 'pebs',
    title: 'hardware event sampling (PEBS/IBS)',
    source: 'Intel SDM vol. 3, PEBS; kernel-semantics 10.1',
    mechanism: 'every N-th event writes a record with its data address',
    sees: { reads: true, writes: true },
    granularity: '4 KiB (a byte address, sampled)',
    domain: 'virtual',
    blindSpots: [
      'a page seen in N events is seen with probability 1 - (1 - 1/N)^events',
      'here an event is a touch of the trace; real events are cache misses, so cache-resident hot pages give fewer',
      'DMA, and guests unless the host may sample them',
    ],
    target: 'touched',
  },
  config: {
    interval,
    period: {
      kind: 'count',
      default: 1000,
      min: 1,
      unit: 'touches',
      help: 'events per sample',
      source: 'estimate: 1e2 to 1e5 are typical (10.1)',
    },
  },
  attach(kernel, config) {
    const seen = kernel.emptySet();
    let counted = kernel.sampleTouches(config.period, seen);
    return cycleTracker(kernel, config.interval, {
      set() {
        seen.clear();
        return undefined;
      },
      read(reported) {
        reported.or(seen);
        const taken = kernel.sampleTouches(config.period, seen);
        kernel.charge('pebs-record', taken - counted);
        counted = taken;
      },
    });
  },
});
