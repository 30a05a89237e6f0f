/** `workset ingest <capture>... -o vm.trace`: one capture set, normalised into a trace. */
import type { CaptureOptions, CaptureProgress } from '@workset/ingest';
import { parseDuration, SPACES, UsageError } from '@workset/model';
import type { SpaceId } from '@workset/model';

import type { Args, CommandSpec } from '../command.ts';
import { printTrace } from '../describe/trace.ts';
import { refuseOverwrite } from '../inputs.ts';
import type { ProgressLine } from '../progress.ts';
import { compact, durationOption, named, requireOut, timeRangeOption } from '../values.ts';

export const ingest: CommandSpec = {
  name: 'ingest',
  summary: 'normalise one capture set into a trace',
  about: [
    'The files of one recording, or its directory: an exact access log, what real trackers reported beside it, and address maps.',
    'Formats are recognised by content (workset list ingestors); gzip and zstd are unpacked on the way; - is stdin.',
  ],
  positionals: { usage: '<capture>...', min: 1, max: Infinity },
  options: [
    { name: 'out', alias: 'o', value: 'TRACE', help: 'directory to write; an existing trace is replaced' },
    { name: 'format', value: 'ID', help: 'read every file as this format', completes: 'ingestors' },
    { name: 'set', value: 'KEY=VALUE', many: true, help: 'an option of the format, e.g. fields=time,addr' },
    { name: 'fields', value: 'LIST', help: 'meaning of the columns of a text log, e.g. time,addr,rw' },
    { name: 'space', value: 'SPACE', help: 'address space of logs that do not say', choices: SPACES },
    { name: 'time', value: 'A:B', help: 'keep this stretch only' },
    { name: 'clock-offset', value: 'TIME', help: 'added to the times of the files, to align their clocks' },
    { name: 'quantum', value: 'TIME', help: 'single accesses are grouped into quanta of this length; default 1ms' },
    { name: 'manifest', value: 'FILE', help: 'YAML that names the files and their options' },
    { name: 'name', value: 'TEXT', help: 'name of the trace in tables and charts; default: its file name' },
    { name: 'strict', help: 'the first damaged record ends the ingest with exit code 1' },
  ],
  examples: [
    'workset ingest gt.vmgt.gz A.rwp.bin.gz A.pagemap.bin.gz -o vm.trace',
    'workset ingest captures/redis -o redis.trace',
    'perf script -F comm,pid,tid,cpu,time,event,addr,ip --ns | workset ingest - -o vm.trace',
  ],
  async run(args, ctx) {
    const out = requireOut(args, 'workset ingest gt.vmgt.gz -o vm.trace');
    refuseOverwrite(out, args.positionals);
    const { ingestCapture } = await import('@workset/ingest');
    const progress = ctx.progress('ingest');
    try {
      const manifest = await ingestCapture(args.positionals, {
        ...ingestOptions(args),
        out,
        argv: ctx.argv,
        signal: ctx.signal,
        onProgress: reportTo(progress),
      });
      progress.end();
      if (ctx.json) ctx.out.json({ trace: out, ...manifest });
      else printTrace(out, manifest, ctx.out);
    } finally {
      progress.end();
    }
  },
};

function ingestOptions(args: Args): Omit<CaptureOptions, 'out'> {
  const fields = args.text('fields');
  const pairs = args.list('set').map(keyValue);
  return compact({
    name: args.text('name'),
    format: args.text('format'),
    space: args.text('space') as SpaceId | undefined,
    timeRange: timeRangeOption(args, 'time'),
    clockOffsetNs: named('clock-offset', args.text('clock-offset'), signedDuration),
    manifest: args.text('manifest'),
    strict: args.flag('strict'),
    quantumNs: durationOption(args, 'quantum'),
    options: Object.fromEntries([...pairs, ...(fields === undefined ? [] : [['fields', fields] as const])]),
  });
}

function keyValue(text: string): readonly [string, string] {
  const at = text.indexOf('=');
  if (at < 1) throw new UsageError(`--set ${JSON.stringify(text)} is not KEY=VALUE`);
  return [text.slice(0, at), text.slice(at + 1)];
}

/** `-2ms`: the file's clock is ahead of the trace's. */
function signedDuration(text: string): number {
  return text.startsWith('-') ? -parseDuration(text.slice(1)) : parseDuration(text);
}

function reportTo(line: ProgressLine): (progress: CaptureProgress) => void {
  return ({ path, inputsDone, nInputs, rawBytes, rawBytesTotal, records }) =>
    line.update({
      what: `${path} (${inputsDone + 1}/${nInputs})`,
      done: rawBytes,
      total: rawBytesTotal ?? 0,
      unit: 'bytes',
      events: records,
    });
}
