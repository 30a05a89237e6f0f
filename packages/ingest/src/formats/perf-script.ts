/** `perf script` text, and the same events in ftrace and trace-cmd report text: page faults, KVM faults, memory samples. */
import { perfTextIngest } from '../text/perf-text.ts';
import { surveyText } from '../text/survey.ts';
import type { Ingestor } from '@workset/model';

export const perfScriptIngestor: Ingestor<'perf-script'> = {
  descriptor: {
    id: 'perf-script',
    title: 'perf script, ftrace or trace-cmd text with page faults, KVM faults or dirty ring entries',
    source: 'Linux tools/perf/builtin-script.c; arch/x86/include/asm/trace/exceptions.h; arch/x86/kvm/trace.h',
    produces: 'faults',
    space: 'any',
    clock: 'trace',
    truth: 'faults',
    usualNames: ['*.perf.txt', 'perf.script', 'trace.txt'],
  },
  sniff(head) {
    const survey = surveyText(head);
    if (survey.utf16) return 0.1;
    if (survey.samples === 0) return survey.perfMessage ? 0.6 : survey.ftraceHeader ? 0.2 : 0;
    if (survey.samples === survey.damon) return 0.2;
    if (survey.damon > 0) return 0.8;
    return survey.dataSource * 2 > survey.samples ? 0.5 : 0.6 + 0.3 * Math.min(1, (2 * survey.samples) / survey.lines);
  },
  ingest: perfTextIngest,
};
