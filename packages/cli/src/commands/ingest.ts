/** `workset ingest <capture>... -o vm.trace`: one capture set, normalised into a trace. */
import { formatBytes, UsageError } from '@workset/model';

import type { Args, CommandSpec } from '../command.ts';
import { refuseOverwrite } from '../inputs.ts';
import { printTrace } from '../describe/trace.ts';
import { ingestProgress } from '../progress-events.ts';
import { requireText, timeRangeOption } from '../values.ts';

export const ingest: CommandSpec = {
  name: 'ingest',
  summary: 'normalise one capture set into a trace',
  about: [
    'The files of one recording: an exact access log, what real trackers reported beside it, and address maps.',
    'Formats are recognised by content (workset list ingestors); gzip and zstd are unpacked on the way; - is stdin.',
  ],
  positionals: { usage: '<capture>...', min: 1, max: Infinity },
  options: [
    { name: 'out', alias: 'o', value: 'TRACE', help: 'directory to write; an existing trace is replaced' },
    { name: 'format', value: 'ID', help: 'read every file as this format', completes: 'ingestors' },
    { name: 'set', value: 'KEY=VALUE', many: true, help: 'an option of the format, e.g. fields=time,addr' },
    { name: 'fields', value: 'LIST', help: 'meaning of the columns of a text log, e.g. time,addr,rw' },
    { name: 'space', value: 'SPACE', help: 'address space of logs that do not say', choices: ['gpa', 'gva', 'hva', 'pfn', 'object'] },
    { name: 'time', value: 'A:B', help: 'keep this stretch only' },
    { name: 'clock-offset', value: 'TIME', help: 'added to the times of the files, to align their clocks' },
    { name: 'manifest', value: 'FILE', help: 'YAML that names the files and their options' },
    { name: 'name', value: 'TEXT', help: 'name of the trace in tables and charts; default: its file name' },
    { name: 'strict', help: 'the first damaged record ends the ingest with exit code 1' },
  ],
  examples: ['workset ingest gt.vmgt.gz A.rwp.bin.gz A.pagemap.bin.gz -o vm.trace', 'perf script -F comm,pid,cpu,time,event,addr | workset ingest - -o vm.trace'],
  async run(args, ctx) {
    const out = requireText(args, 'out', 'workset ingest gt.vmgt.gz -o vm.trace');
    refuseOverwrite(out, args.positionals);
    const { ingestCapture } = await import('@workset/ingest');
    const progress = ctx.progress('ingest');
    try {
      const manifest = await ingestCapture(args.positionals, { out, ...ingestOptions(args), argv: ctx.argv, signal: ctx.signal, onProgress: ingestProgress(progress) });
      progress.end();
      if (ctx.json) ctx.out.json({ trace: out, ...manifest });
      else printTrace(out, manifest, ctx.out);
    } finally {
      progress.end();
    }
  },
};

