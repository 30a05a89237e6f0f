/** `workset synth <pattern> -o t.trace`: a trace whose truth is exact by construction. */
import type { SynthOptions } from '@workset/ingest';
import { UsageError } from '@workset/model';

import type { Args, CommandSpec } from '../command.ts';
import { printTrace } from '../describe/trace.ts';
import { compact, countOption, durationOption, named, requireOut } from '../values.ts';

export const synth: CommandSpec = {
  name: 'synth',
  summary: 'make a trace whose truth is exact by construction',
  about: [
    'The patterns: workset list patterns. The same pattern, options and seed give the same trace. Results of it are marked synthetic.',
  ],
  positionals: { usage: '<pattern>', min: 1, max: 1 },
  options: [
    { name: 'out', alias: 'o', value: 'TRACE', help: 'directory to write; an existing trace is replaced' },
    { name: 'pages', value: 'N', help: 'pages of the guest; default 16384 (64 MiB)' },
    { name: 'seconds', value: 'X', help: 'length; default 10' },
    { name: 'rate', value: 'X', help: 'accesses per second; default 1e6' },
    { name: 'theta', value: 'X', help: 'skew of zipf patterns; default 0.99' },
    { name: 'migrations', value: 'X', help: 'pages per second that move to another frame; default 0' },
    { name: 'swaps', value: 'X', help: 'pages per second that go out to swap; default 0' },
    { name: 'quantum', value: 'TIME', help: 'length of the quanta; default 1ms' },
    { name: 'name', value: 'TEXT', help: 'name of the trace; default: the pattern' },
    { name: 'seed', value: 'N', help: 'default 1' },
  ],
  examples: ['workset synth zipf -o t.trace', 'workset synth phase-shift --pages 65536 --seconds 60 --rate 1e7 --seed 7 -o t.trace'],
  async run(args, ctx) {
    const [pattern = ''] = args.positionals;
    const { patterns, synthesise } = await import('@workset/ingest');
    patterns.get(pattern);
    const out = requireOut(args, `workset synth ${pattern} -o t.trace`);
    const options = synthOptions(args);
    ctx.out.note(`seed ${options.seed}`);
    const line = ctx.progress('synth');
    try {
      const onProgress = ({ accesses, accessesTotal }: { accesses: number; accessesTotal: number }): void =>
        line.update({ done: accesses, total: accessesTotal, unit: 'events' });
      const manifest = await synthesise(pattern, { ...options, out, argv: ctx.argv, signal: ctx.signal, onProgress });
      line.end();
      if (ctx.json) ctx.out.json({ trace: out, ...manifest });
      else printTrace(out, manifest, ctx.out);
    } finally {
      line.end();
    }
  },
};

function synthOptions(args: Args): Omit<SynthOptions, 'out'> & { readonly seed: number } {
  return {
    ...compact<Omit<SynthOptions, 'out'>>({
      name: args.text('name'),
      pages: countOption(args, 'pages', 1),
      seconds: named('seconds', args.text('seconds'), positive),
      rate: named('rate', args.text('rate'), positive),
      theta: named('theta', args.text('theta'), positive),
      migrations: named('migrations', args.text('migrations'), positive),
      swaps: named('swaps', args.text('swaps'), positive),
      quantumNs: durationOption(args, 'quantum'),
    }),
    seed: countOption(args, 'seed', 0) ?? 1,
  };
}

function positive(text: string): number {
  const value = Number(text);
  if (!(value > 0 && Number.isFinite(value))) throw new UsageError(`not a number above 0: ${JSON.stringify(text)}`);
  return value;
}
