/** `workset chart DIR NAME -o x.svg`: draw one chart. */
import { SCOPES, TARGETS, UsageError } from '@workset/model';
import type { Scope, Target } from '@workset/model';

import type { Args, CommandContext, CommandSpec } from '../command.ts';
import { listItems } from '../listing.ts';
import { countOption, requireText } from '../values.ts';
import { asSource, blindSpots, withResults } from '../with-results.ts';
import { writeWhole } from '../write-whole.ts';

export const chart: CommandSpec = {
  name: 'chart',
  summary: 'draw one chart: svg, png, html or vl.json',
  about: ['The ending of the file decides the format; - writes svg (or --format) to stdout. The charts: workset chart --list.'],
  positionals: { usage: 'DIR NAME', min: 0, max: 2 },
  options: [
    { name: 'out', alias: 'o', value: 'FILE', help: 'file to write, .svg .png .html or .vl.json; - is stdout' },
    { name: 'format', value: 'FORMAT', help: 'format, whatever the file is called', choices: ['svg', 'png', 'html', 'vl.json'] },
    { name: 'list', help: 'the charts there are' },
    { name: 'trace', value: 'NAME', help: 'of this trace; default: the one with the most runs' },
    { name: 'run', value: 'ID', many: true, help: 'of these schemes or runs only' },
    { name: 'scope', value: 'SCOPE', help: 'truth to compare with; default any', choices: SCOPES },
    { name: 'target', value: 'TARGET', help: 'touches or writes; default touched', choices: TARGETS },
    { name: 'width', value: 'PX', help: 'width of the whole chart; default 960' },
    { name: 'dark', help: 'dark background' },
  ],
  examples: ['workset chart results wss-over-time -o wss.svg', 'workset chart --list'],
  async run(args, ctx) {
    if (args.flag('list')) return printCharts(ctx);
    const [dir, name] = args.positionals;
    if (dir === undefined || name === undefined) throw new UsageError('chart needs DIR NAME', 'workset chart --list shows the names');
    const { CHARTS, renderChart } = await import('@workset/charts');
    CHARTS.get(name);
    const out = requireText(args, 'out', `workset chart ${dir} ${name} -o ${name}.svg`);
    const format = chartFormat(out, args.text('format'));
    const spots = await blindSpots();
    const content = await withResults(dir, ctx, (results) =>
      renderChart(asSource(results), name, {
        format,
        blindSpots: spots,
        ...renderOptions(args),
        onWarning: (message) => ctx.out.note(`workset: ${message}`),
      }),
    );
    if (out === '-') return void ctx.out.streams.stdout.write(content);
    await writeWhole(out, content);
    if (ctx.json) ctx.out.json({ chart: name, out, format, bytes: content.length });
    else ctx.out.note(`${out} written`);
  },
};

const FORMATS = ['svg', 'png', 'html', 'vl.json'] as const;

function chartFormat(out: string, given: string | undefined): (typeof FORMATS)[number] {
  const format = FORMATS.find((each) => (given === undefined ? out.endsWith(`.${each}`) : each === given));
  if (format !== undefined) return format;
  if (out === '-') return 'svg';
  throw new UsageError(`cannot tell the format from ${JSON.stringify(out)}`, 'name it .svg, .png, .html or .vl.json, or give --format');
}

function renderOptions(args: Args) {
  const width = countOption(args, 'width', 100);
  const [trace, scope, target] = [args.text('trace'), args.text('scope'), args.text('target')];
  return {
    ...(width === undefined ? {} : { width }),
    ...(args.flag('dark') ? { dark: true } : {}),
    params: {
      ...(trace === undefined ? {} : { trace }),
      ...(args.list('run').length === 0 ? {} : { runs: args.list('run') }),
      ...(scope === undefined ? {} : { scope: scope as Scope }),
      ...(target === undefined ? {} : { target: target as Target }),
    },
  };
}

async function printCharts(ctx: CommandContext): Promise<void> {
  const items = await listItems('charts');
  if (ctx.json) ctx.out.json(items);
  else
    ctx.out.table(
      ['chart', 'answers'],
      items.map(({ id, title }) => [id, title]),
    );
}
