/** `workset report DIR -o report.html`: input, method, loss and truth first, then every chart with its SQL, in one offline file. */
import type { CommandSpec } from '../command.ts';
import { requireText } from '../values.ts';
import { version } from '../version.ts';
import { asSource, blindSpots, withResults } from '../with-results.ts';
import { writeWhole } from '../write-whole.ts';

export const report: CommandSpec = {
  name: 'report',
  summary: 'everything in one offline HTML file',
  about: ['The file needs no network, prints, and has light and dark colours; every chart shows its SQL and its data as CSV.'],
  positionals: { usage: 'DIR', min: 1, max: 1 },
  options: [
    { name: 'out', alias: 'o', value: 'FILE', help: 'file to write; - is stdout' },
    { name: 'title', value: 'TEXT', help: 'title of the page' },
  ],
  examples: ['workset report results -o report.html'],
  async run(args, ctx) {
    const [dir = ''] = args.positionals;
    const out = requireText(args, 'out', `workset report ${dir} -o report.html`);
    const title = args.text('title');
    const html = await withResults(dir, ctx, async (results) => {
      const { buildReport } = await import('@workset/charts');
      return buildReport(asSource(results), {
        ...(title === undefined ? {} : { title }),
        blindSpots: await blindSpots(),
        meta: { workset: version() },
      });
    });
    if (out === '-') return void ctx.out.streams.stdout.write(html);
    await writeWhole(out, html);
    if (ctx.json) ctx.out.json({ out, bytes: Buffer.byteLength(html) });
    else ctx.out.note(`${out} written`);
  },
};
