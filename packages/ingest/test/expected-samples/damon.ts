/** DAMON: damo, its sysfs files, and its tracepoints as text. */
import { read, refused, type Expected } from './expected.ts';

/** Of the shared samples. */
export const SHARED: Readonly<Record<string, Expected>> = {
  'damo/own/damon.data.mem_footprint': refused(
    /this is damo's memory footprint log \(\.mem_footpr/,
    /it holds sizes without pages; give the r/,
  ),
  'damo/own/damon.data.proc_stats': refused(
    /this is damo's log of process statistics \(\.proc_/,
    /it holds no accesses; give the recording/,
  ),
  'damo/own/damon.data.vmas': refused(/this is damo's log of memory maps \(\.vmas\)/, /it holds no accesses; give the recording/),
  'damo/own/damon.small.json': read('damo', 60, { reports: 2, said: { 'guessed-ops': 1 } }),
  'damo/own/damon.small.json_compressed': read('damo', 60, { reports: 2, said: { 'guessed-ops': 1 } }),
  'damo/own/damon_aggr.json_compressed': read('damo', 3858, { reports: 2, said: { 'guessed-ops': 1 } }),
  'damo/own/damon_aggr.perf_script': read('damon-trace', 3858, { reports: 2, said: { 'guessed-ops': 1, 'assumed-aggregation': 1 } }),
  'damo/own/record.v0.bin': refused(/this is binary data of a kind that is not recogn/, /name the format with --format ID \(dumps /),
  'damo/own/record.v0.bin as damo-record': read('damo-record', 80, {
    reports: 2,
    said: { 'guessed-ops': 1 },
    as: 'damo-record',
    options: {},
  }),
  'damo/own/record.v1.bin': read('damo-record', 80, { reports: 2, said: { 'guessed-ops': 1 } }),
  'damo/own/record.v2.bigendian.bin': read('damo-record', 80, { reports: 2, said: { 'guessed-ops': 1 } }),
  'damo/own/record.v2.bin': read('damo-record', 80, { reports: 2, said: { 'guessed-ops': 1 } }),
  'damo/own/record.v2.truncated.bin': read('damo-record', 79, {
    reports: 2,
    incomplete: 1,
    said: { 'damo-truncated': 1, 'guessed-ops': 1 },
  }),
  'damo/own/report.access___input_damon_aggr_json_compressed___raw_number.txt': refused(
    /this is the output of damo report/,
    /a report is a summary; give the recordin/,
  ),
  'damo/own/report.access___input_damon_aggr_json_compressed___style_recency_pe.txt': refused(
    /this is the output of damo report/,
    /a report is a summary; give the recordin/,
  ),
  'damo/own/report.access___input_damon_aggr_json_compressed___style_simple_box.txt': refused(
    /this is the output of damo report/,
    /a report is a summary; give the recordin/,
  ),
  'damo/own/report.heatmap___input_damon_aggr_json_compressed___guide.txt': refused(
    /this is the output of damo report/,
    /a report is a summary; give the recordin/,
  ),
  'damo/own/report.heatmap___input_damon_aggr_json_compressed___output_raw___re.txt': refused(
    /this is the output of damo report/,
    /a report is a summary; give the recordin/,
  ),
  'damo/own/report.heatmap___input_damon_aggr_json_compressed___output_stdout__.txt': refused(
    /this is the output of damo report/,
    /a report is a summary; give the recordin/,
  ),
  'damo/own/report.nr_regions__i_damon_aggr_json_compressed.txt': refused(
    /this is the output of damo report/,
    /a report is a summary; give the recordin/,
  ),
  'damo/own/report.record_info__i_damon_aggr_json_compressed.txt': refused(
    /this is the output of damo report/,
    /a report is a summary; give the recordin/,
  ),
  'damo/own/report.wss__i_damon_aggr_json_compressed.txt': refused(
    /this is the output of damo report/,
    /a report is a summary; give the recordin/,
  ),
  'damon/damon.perf.data': read('perf-data', 978, { reports: 46, said: { 'guessed-ops': 2, 'assumed-aggregation': 1 } }),
  'damon/damon.perf.script.txt': read('damon-trace', 978, { reports: 46, said: { 'guessed-ops': 2, 'assumed-aggregation': 1 } }),
  'damon/damon.tracefs.txt': read('damon-trace', 1226, { reports: 56, said: { 'guessed-ops': 2, 'assumed-aggregation': 1 } }),
  'damon-sysfs/kdamonds.tsv': read('damon-sysfs', 25, { reports: 1, incomplete: 1, said: { 'no-time': 1, 'guessed-ops': 1 } }),
  'damon-sysfs/tried_regions.txt': read('damon-sysfs', 25, { reports: 1, incomplete: 1, said: { 'no-time': 1, 'guessed-ops': 1 } }),
};

/** Of traces/. */
export const FIXTURES: Readonly<Record<string, Expected>> = {
  'damo/damo-human-units.json.gz': read('damo', 60, { reports: 2, said: { 'guessed-ops': 1 } }),
  'damo/damo-truncated.json.gz': read('damo', 29, { reports: 1, incomplete: 1, said: { 'guessed-ops': 1, 'damo-damaged': 1 } }),
  'damo/damo-truncated.json_compressed': read('damo', 60, { reports: 2, said: { 'guessed-ops': 1, 'damo-damaged': 1 } }),
  'damo/damon.small.json.gz': read('damo', 60, { reports: 2, said: { 'guessed-ops': 1 } }),
  'damo/damon.small.json_compressed': read('damo', 60, { reports: 2, said: { 'guessed-ops': 1 } }),
  'damo/damon_aggr.json_compressed': read('damo', 3858, { reports: 2, said: { 'guessed-ops': 1 } }),
  'damo/damon_aggr.perf_script.gz': read('damon-trace', 3858, { reports: 2, said: { 'guessed-ops': 1, 'assumed-aggregation': 1 } }),
  'damo/record.v0.bin': refused(/this is binary data of a kind that is not recogn/, /name the format with --format ID \(dumps /),
  'damo/record.v0.bin as damo-record': read('damo-record', 80, { reports: 2, said: { 'guessed-ops': 1 }, as: 'damo-record', options: {} }),
  'damo/record.v1.bin': read('damo-record', 80, { reports: 2, said: { 'guessed-ops': 1 } }),
  'damo/record.v2.bigendian.bin': read('damo-record', 80, { reports: 2, said: { 'guessed-ops': 1 } }),
  'damo/record.v2.bin': read('damo-record', 80, { reports: 2, said: { 'guessed-ops': 1 } }),
  'damo/record.v2.truncated.bin': read('damo-record', 79, { reports: 2, incomplete: 1, said: { 'damo-truncated': 1, 'guessed-ops': 1 } }),
  'damo/report.heatmap.raw.txt': refused(/this is the output of damo report/, /a report is a summary; give the recordin/),
  'damo/report.access.raw_number.txt': refused(/this is the output of damo report/, /a report is a summary; give the recordin/),
  'damo/report.record_info.txt': refused(/this is the output of damo report/, /a report is a summary; give the recordin/),
  'damo/report.wss.txt': refused(/this is the output of damo report/, /a report is a summary; give the recordin/),
  'damon-sysfs/kdamonds.tsv': read('damon-sysfs', 25, { reports: 1, incomplete: 1, said: { 'no-time': 1, 'guessed-ops': 1 } }),
  'damon-sysfs/tried_regions.txt': read('damon-sysfs', 25, { reports: 1, incomplete: 1, said: { 'no-time': 1, 'guessed-ops': 1 } }),
  'damon-text/damo.perf_script.txt.gz': read('damon-trace', 3858, { reports: 2, said: { 'guessed-ops': 1, 'assumed-aggregation': 1 } }),
  'damon-text/damon.perf.script.txt.gz': read('damon-trace', 978, { reports: 46, said: { 'guessed-ops': 2, 'assumed-aggregation': 1 } }),
  'damon-text/damon.tracefs.txt.gz': read('damon-trace', 1226, { reports: 56, said: { 'guessed-ops': 2, 'assumed-aggregation': 1 } }),
  'damon-text/ftrace.noirqinfo.txt': read('perf-script', 34, {
    reports: 2,
    incomplete: 1,
    said: { 'guessed-ops': 2, 'short-snapshot': 1, 'assumed-aggregation': 1 },
  }),
  'damon-text/ftrace.raw-opt.txt': refused(/this is ftrace text of the trace option raw, whi/, /echo noraw > trace_options, and read tra/),
  'damon-text/ftrace.tgid.txt': read('perf-script', 28, { reports: 1, said: { 'guessed-ops': 1, 'assumed-aggregation': 1 } }),
  'damon-text/ftrace.verbose.txt': read('perf-script', 18, { reports: 1, said: { 'guessed-ops': 1, 'assumed-aggregation': 1 } }),
  'damon-text/phases-pti.C.ftrace.txt.gz': read('damon-trace', 465, { reports: 30, said: { 'guessed-ops': 1, 'assumed-aggregation': 1 } }),
  'damon-text/phases-pti.score.excerpt.txt': refused(
    /this is text of a kind that is not recognised, s/,
    /name the format with --format ID \(one of/,
  ),
  'damon-text/trace-cmd.opt--ts-diff.txt': read('perf-script', 11, {
    reports: 1,
    said: { message: 1, 'guessed-ops': 1, 'assumed-aggregation': 1 },
  }),
  'damon-text/trace-cmd.opt-R.txt': read('perf-script', 11, {
    reports: 1,
    said: { message: 1, 'guessed-ops': 1, 'assumed-aggregation': 1 },
  }),
  'damon-text/trace-cmd.opt-l.txt': read('perf-script', 11, {
    reports: 1,
    said: { message: 1, 'guessed-ops': 1, 'assumed-aggregation': 1 },
  }),
  'damon-text/trace-cmd.opt-t.txt': read('perf-script', 11, {
    reports: 1,
    said: { message: 1, 'guessed-ops': 1, 'assumed-aggregation': 1 },
  }),
  'damon-text/trace-cmd.report.txt.gz': read('damon-trace', 2402, {
    reports: 2,
    said: { message: 1, 'guessed-ops': 2, 'access-event': 113, 'assumed-aggregation': 1 },
  }),
};
