/** `workset info FILE...`: what it is and what it can be used for. */
import type { CommandContext, CommandSpec } from '../command.ts';
import { printCapture } from '../describe/capture.ts';
import { printResults } from '../describe/results.ts';
import { printTrace } from '../describe/trace.ts';
import { kindOf } from '../inputs.ts';

export const info: CommandSpec = {
  name: 'info',
  summary: 'what it is and what it can be used for',
  about: [
    'Format, clock, span, footprint, loss and truth grade of captures, traces and results, and the next command. workset FILE is the same.',
  ],
  positionals: { usage: '<capture|trace|results>...', min: 1, max: Infinity },
  options: [{ name: 'verify', help: 'also recompute every checksum of a trace' }],
  examples: ['workset info gt.vmgt.gz', 'workset vm.trace', 'workset info results --json'],
  async run(args, ctx) {
    const all: unknown[] = [];
    for (const [i, path] of args.positionals.entries()) {
      if (i > 0 && !ctx.json) ctx.out.line();
      all.push(await describe(path, args.flag('verify'), ctx));
    }
    if (ctx.json) ctx.out.json(all.length === 1 ? all[0] : all);
  },
};

/** Prints one input (unless --json) and returns its facts. */
async function describe(path: string, verify: boolean, ctx: CommandContext): Promise<unknown> {
  const kind = kindOf(path);
  if (kind === 'results') return { kind, path, ...(await printResults(path, ctx)) };
  if (kind === 'capture') return { kind, ...(await printCapture(path, ctx)) };
  const { readManifest, verifyTrace } = await import('@workset/store');
  const manifest = verify ? verifyTrace(path) : readManifest(path);
  if (!ctx.json) printTrace(path, manifest, ctx.out);
  if (verify) ctx.out.note('every checksum is right');
  return { kind, path, ...manifest };
}
