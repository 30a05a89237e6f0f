/** `workset convert <trace|capture> -o out.parquet`: in the form another program reads; a part of it; or a trace of longer quanta. */
import type { ConvertFormat, ConvertOptions, ConvertResult } from '@workset/ingest';
import { formatDuration, parseAddressRange, SPACES, UsageError } from '@workset/model';
import type { SpaceId } from '@workset/model';

import type { Args, CommandContext, CommandSpec } from '../command.ts';
import { count, printTrace } from '../describe/trace.ts';
import { refuseOverwrite, tracePath } from '../inputs.ts';
import { compact, countOption, durationOption, named, requireOut, timeRangeOption } from '../values.ts';

const FORMATS = ['parquet', 'arrow', 'csv', 'oracleGeneral', 'damo.json', 'trace'] as const satisfies readonly ConvertFormat[];

export const convert: CommandSpec = {
  name: 'convert',
  summary: 'for other programs: Parquet, Arrow, CSV, oracleGeneral, damo JSON; or a part',
  about: [
    'The ending of --out decides the format: .parquet, .arrow, .csv, .oracleGeneral, .json (damo: the reports), .trace (a part of a trace).',
    'Accesses are written, or the regions of reports when there are no accesses; what the format cannot hold is said on stderr.',
  ],
  positionals: { usage: '<trace|capture>', min: 1, max: 1 },
  options: [
    { name: 'out', alias: 'o', value: 'FILE', help: 'file to write; for a trace a directory' },
    { name: 'format', value: 'FORMAT', help: 'format, whatever the file is called', choices: FORMATS },
    { name: 'time', value: 'A:B', help: 'this stretch only' },
    { name: 'addr', value: 'A-B', help: 'these addresses only, 0xSTART-0xEND or 0xSTART+SIZE' },
    { name: 'pid', value: 'N', help: 'this process only (captures)' },
    { name: 'space', value: 'SPACE', help: 'of this address space', choices: SPACES },
    { name: 'input-format', value: 'ID', help: 'read the capture as this format', completes: 'ingestors' },
    { name: 'compact', value: 'TIME', help: 'to a trace of longer quanta: a page once per quantum; a multiple of its own' },
  ],
  examples: [
    'workset convert vm.trace -o vm.parquet',
    'workset convert vm.trace -o second.trace --time 1s:2s',
    'workset convert vm.trace -o small.trace --compact 10ms',
    'workset convert damon.txt.gz -o damon.json',
  ],
  async run(args, ctx) {
    const path = args.positionals[0]!;
    const out = requireOut(args, `workset convert ${path} -o out.parquet`);
    refuseOverwrite(out, [path]);
    const quantumNs = durationOption(args, 'compact');
    if (quantumNs !== undefined) return compactTo(out, quantumNs, args, ctx);
    const { convertTrace } = await import('@workset/ingest');
    const line = ctx.progress('convert');
    try {
      const result = await convertTrace(path, {
        ...convertOptions(args, out),
        signal: ctx.signal,
        onProgress: (rows) => line.update({ done: rows, unit: 'events' }),
      });
      line.end();
      if (ctx.json) ctx.out.json(result);
      else print(result, ctx);
    } finally {
      line.end();
    }
  },
};

function convertOptions(args: Args, out: string): ConvertOptions {
  return {
    out,
    ...compact<Omit<ConvertOptions, 'out'>>({
      format: args.text('format') as ConvertFormat | undefined,
      time: timeRangeOption(args, 'time'),
      addr: named('addr', args.text('addr'), parseAddressRange),
      pid: countOption(args, 'pid', 0),
      space: args.text('space') as SpaceId | undefined,
      inputFormat: args.text('input-format'),
    }),
  };
}

async function compactTo(out: string, quantumNs: number, args: Args, ctx: CommandContext): Promise<void> {
  const other = ['format', 'time', 'addr', 'pid', 'space', 'input-format'].find((name) => args.text(name) !== undefined);
  if (other !== undefined) throw new UsageError(`--compact and --${other} at once`, 'take the part first, then compact it');
  const { compactTrace } = await import('@workset/ingest');
  const manifest = await compactTrace(tracePath(args.positionals[0]!), { out, quantumNs, argv: ctx.argv, signal: ctx.signal });
  if (ctx.json) ctx.out.json({ trace: out, ...manifest });
  else printTrace(out, manifest, ctx.out);
}

function print({ out, format, content, rows, outside, space, timeUnitNs, lost, diagnostics }: ConvertResult, ctx: CommandContext): void {
  const unit = timeUnitNs === 1 ? 'ns' : formatDuration(timeUnitNs);
  ctx.out.line(
    `${out}: ${format}, ${count(rows)} ${content === 'accesses' ? 'accesses' : 'regions'}${space === null ? '' : ` of ${space}`}, times to ${unit}`,
  );
  if (outside > 0) ctx.out.line(`${count(outside)} rows lie outside what was asked for`);
  for (const text of lost) ctx.out.note(`left out: ${text}`);
  for (const { severity, code, count: n, message } of diagnostics) ctx.out.note(`${severity}: ${message} (${code}, ${count(n)})`);
}
