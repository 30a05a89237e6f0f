/** `workset eviction-window <trace>`: reads that pass unseen while cold pages are evicted, under uffd-wp and under RWP. */
import { formatDuration, SPACES } from '@workset/model';
import type { SpaceId } from '@workset/model';

import type { CommandSpec } from '../command.ts';
import { count } from '../describe/trace.ts';
import { tracePath } from '../inputs.ts';
import { durationOption } from '../values.ts';

export const evictionWindow: CommandSpec = {
  name: 'eviction-window',
  summary: 'refaults of reads that uffd-wp does not see during an eviction',
  about: [
    'With perfect knowledge: after every window the pages not touched in it are evicted, all at once, during the next --evict-time.',
    'A page read in that time is evicted all the same under uffd-wp and given back under RWP; a written page is given back by both.',
  ],
  positionals: { usage: '<trace>', min: 1, max: 1 },
  options: [
    { name: 'window', value: 'TIME', help: 'length of a window; default 30s, or a tenth of a shorter trace' },
    { name: 'evict-time', value: 'TIME', help: 'how long an eviction takes; default 5ms' },
    { name: 'space', value: 'SPACE', help: 'address space; default: the one with the most touches', choices: SPACES },
  ],
  examples: ['workset eviction-window vm.trace --window 30s --evict-time 5ms'],
  async run(args, ctx) {
    const [{ openTrace }, { windowExperiment }] = await Promise.all([import('@workset/store'), import('@workset/replay')]);
    const trace = await openTrace(tracePath(args.positionals[0]!));
    try {
      const { spaces, spans } = trace.manifest;
      const most = spaces.toSorted((a, b) => b.nTouches - a.nTouches)[0];
      const space = trace.space((args.text('space') as SpaceId | undefined) ?? most!.id);
      const { n, t0Ns, t1Ns } = space.frames;
      const whole = spans.length > 0 ? spans : [{ label: 'all', t0Ns: n === 0 ? 0 : t0Ns[0]!, t1Ns: n === 0 ? 0 : t1Ns[n - 1]! }];
      const longest = Math.max(...whole.map((span) => span.t1Ns - span.t0Ns));
      const windowNs = durationOption(args, 'window') ?? Math.min(30e9, Math.max(1e6, Math.floor(longest / 1e7) * 1e6));
      const found = windowExperiment({
        space,
        spans: whole,
        windowNs,
        evictNs: durationOption(args, 'evict-time') ?? 5e6,
        signal: ctx.signal,
      });
      if (ctx.json) return ctx.out.json(found);
      ctx.out.line(
        `${count(found.windows)} windows of ${formatDuration(found.windowNs)}, each followed by ${formatDuration(found.evictNs)} of eviction`,
      );
      ctx.out.fields([
        ['pages found cold', count(found.cold)],
        ['read while evicted', `${count(found.readInEviction)}, of them ${count(found.kernelReadInEviction)} by the kernel only`],
        ['written while evicted', count(found.writtenInEviction)],
        ['refaults, uffd-wp', count(found.refaultsWp)],
        ['refaults, RWP', count(found.refaultsRwp)],
        ['of reads unseen', count(found.refaultsUnseenRead)],
      ]);
    } finally {
      trace.close();
    }
  },
};
