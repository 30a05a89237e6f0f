/** A capture file as `info` prints it. */
import type { CaptureInfo } from '@workset/ingest';
import { formatBytes, formatDuration, PAGE_BYTES } from '@workset/model';

import type { CommandContext } from '../command.ts';
import type { Output } from '../output.ts';
import { sanitise } from '../sanitise.ts';
import { compact } from '../values.ts';
import { count } from './trace.ts';

/** Reads the file to its end, prints unless --json, returns the facts. */
export async function printCapture(path: string, ctx: CommandContext, format?: string): Promise<CaptureInfo> {
  const { inspectFile } = await import('@workset/ingest');
  const line = ctx.progress('info');
  try {
    const info = await inspectFile(path, {
      ...compact<{ format?: string }>({ format }),
      signal: ctx.signal,
      onProgress: ({ rawBytes, rawBytesTotal, records }) =>
        line.update({ what: path, done: rawBytes, total: rawBytesTotal ?? 0, unit: 'bytes', events: records }),
    });
    line.end();
    if (!ctx.json) print(info, ctx.out);
    return info;
  } finally {
    line.end();
  }
}

function print(info: CaptureInfo, out: Output): void {
  out.line(`${out.paint('bold', sanitise(info.path))}: ${sanitise(info.title)} (${info.format})`);
  const clock = info.syncedWith === null ? info.clock : `${info.clock}, tied to ${info.syncedWith}`;
  out.fields([
    ['size', `${formatBytes(info.sizeBytes)}${info.compression === 'none' ? '' : `, ${info.compression}`}`],
    ['truth', info.truth],
    ['clock', clock],
    ['span', spanText(info)],
    [
      'records',
      `${count(info.records)} kept, ${count(info.rejected)} rejected, ${info.lost === null ? 'lost unknown' : `${count(info.lost)} lost`}`,
    ],
    ...(info.kernel === null ? [] : [['kernel', sanitise(info.kernel)] as const]),
    ...(info.mappedPages > 0 ? [['mapping', `${count(info.mappedPages)} pages`] as const] : []),
  ]);
  if (info.spaces.length > 0) {
    out.line();
    out.table(
      ['space', 'footprint', 'pages', 'reads', 'writes', 'kernel reads', 'kernel writes'],
      info.spaces.map(({ space, pages, touchesByClass }) => [
        space,
        formatBytes(pages * PAGE_BYTES),
        count(pages),
        ...touchesByClass.map(count),
      ]),
      ['left', 'right', 'right', 'right', 'right', 'right', 'right'],
    );
  }
  if (info.streams.length > 0) {
    out.line('\nreports of real trackers in it:');
    const rows = info.streams.map(({ stream, tracker, space, reports, incomplete }) => [
      `  ${stream}`,
      tracker,
      space,
      count(reports),
      count(incomplete),
    ]);
    out.table(['  stream', 'tracker', 'space', 'reports', 'incomplete'], rows, ['left', 'left', 'left', 'right', 'right']);
  }
  if (info.sizes.length > 0) printSizes(info, out);
  if (info.diagnostics.length > 0) {
    out.line('\ndiagnostics:');
    const place = (each: CaptureInfo['diagnostics'][number]): string =>
      each.line !== null ? `line ${each.line}` : each.byteOffset !== null ? `offset ${each.byteOffset}` : '';
    out.table(
      ['  severity', 'code', 'count', 'first at', 'message'],
      info.diagnostics.map((each) => [`  ${each.severity}`, each.code, count(each.count), place(each), each.message]),
    );
  }
  out.line();
  for (const use of info.usableFor) out.line(`can be used for: ${sanitise(use)}`);
  for (const use of info.notUsableFor) out.line(`not for: ${sanitise(use)}`);
  if (info.nextCommand !== undefined) out.line(`next: ${sanitise(info.nextCommand)}`);
}

function printSizes({ sizes, nSizes }: CaptureInfo, out: Output): void {
  const names = [...new Set(sizes.flatMap(({ values }) => Object.keys(values)))].slice(0, 8);
  out.line('\nsizes it reports:');
  out.table(
    ['  time', 'subject', ...names],
    sizes
      .slice(0, 20)
      .map(({ tNs, subject, values }) => [
        `  ${tNs === null ? '-' : formatDuration(tNs)}`,
        subject,
        ...names.map((name) => (values[name] === undefined ? '-' : count(values[name]))),
      ]),
  );
  if (nSizes > 20) out.line(`  and ${count(nSizes - 20)} more rows (--json has ${sizes.length})`);
}

function spanText({ spanNs, spans, markers }: CaptureInfo): string {
  if (spanNs === null) return 'no times';
  const recorded = spans > 0 ? `, ${spans} recorded spans` : '';
  return `${formatDuration(spanNs[1] - spanNs[0])}${recorded}${markers > 0 ? `, ${markers} markers` : ''}`;
}
