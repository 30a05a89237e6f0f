/** Files people give by mistake, or that have a known way round: what they are, and what to do. */
import { startsWith } from './byte-source.ts';

export interface Foreign {
  readonly what: string;
  readonly hint: string;
}

const MAGIC: readonly (Foreign & { readonly magic: string | readonly number[]; readonly at?: number })[] = [
  { magic: 'PAR1', what: 'a Parquet file, perhaps a table of workset results', hint: 'for results: workset info DIR, workset sql DIR' },
  {
    magic: 'DUCK',
    at: 8,
    what: 'a DuckDB database, perhaps exported results',
    hint: 'open it with duckdb, or ask the results directory: workset sql DIR',
  },
  {
    magic: 'ARROW1',
    what: 'an Arrow file, perhaps a column of a workset trace',
    hint: 'a trace is a directory and needs no ingest: workset info DIR',
  },
  { magic: [0x7f, 0x45, 0x4c, 0x46], what: 'an ELF program or core dump', hint: 'give the capture that was recorded from it' },
  { magic: [0x89, 0x50, 0x4e, 0x47], what: 'a PNG picture', hint: 'give the capture it was drawn from' },
  {
    magic: [0x50, 0x4b, 0x03, 0x04],
    what: 'a zip archive',
    hint: 'unpack it and give the files in it; of drmemtrace archives, the output of its view tool',
  },
  { magic: 'ustar', at: 257, what: 'a tar archive', hint: 'unpack it and give the directory' },
  { magic: [0x1f, 0x8b], what: 'gzip inside another compression', hint: 'decompress it once by hand' },
  { magic: [0x28, 0xb5, 0x2f, 0xfd], what: 'zstd inside another compression', hint: 'decompress it once by hand' },
  { magic: [0xfd, 0x37, 0x7a, 0x58, 0x5a], what: 'xz inside another compression', hint: 'decompress it once by hand' },
  { magic: '%PDF', what: 'a PDF document', hint: 'give the capture itself' },
  {
    magic: [0x17, 0x08, 0x44, 0x74, 0x72, 0x61, 0x63, 0x69, 0x6e, 0x67],
    what: 'a binary trace.dat of trace-cmd',
    hint: 'give its text: trace-cmd report -t trace.dat | workset ingest - -o out.trace',
  },
  { magic: [0xc1, 0x1f, 0xfc, 0xc1], what: 'a CTF stream', hint: 'CTF of perf has no data addresses; give the perf.data it was made from' },
  {
    magic: '/* CTF ',
    what: 'the metadata of a CTF recording',
    hint: 'CTF of perf has no data addresses; give the perf.data it was made from',
  },
  {
    magic: [0xf0, 0xde, 0xbc, 0x9a, 0x78, 0x56, 0x34, 0x12],
    what: 'a libCacheSim LCS trace',
    hint: 'convert it with libCacheSim: traceConv --output-format oracleGeneral',
  },
  {
    magic: [0x19, 0x43, 0x56, 0x54, 0x25, 0x40, 0x08, 0x56],
    what: 'a CRIU pagemap image',
    hint: 'it says which pages are present, not which were accessed; record /proc/PID/pagemap instead',
  },
];

const TEXT: readonly (Foreign & { readonly text: RegExp })[] = [
  {
    text: /^\s*\{[^]{0,400}"linux-perf-json-version"/,
    what: 'JSON of perf data convert',
    hint: 'it has no data addresses; give the perf.data it was made from',
  },
  {
    text: /^\s*\[[^]*"footprints"/,
    what: "damo's memory footprint log (.mem_footprint)",
    hint: 'it holds sizes without pages; give the recording itself, damon.data',
  },
  {
    text: /^\s*\[[^]*"procvmas"/,
    what: "damo's log of memory maps (.vmas)",
    hint: 'it holds no accesses; give the recording itself, damon.data',
  },
  {
    text: /^\s*\[[^]*"proc_stats"/,
    what: "damo's log of process statistics (.proc_stats)",
    hint: 'it holds no accesses; give the recording itself, damon.data',
  },
  {
    text: /^(?:some records lack the intervals information|target_id:|# target_id\t|# <percentile> |\d+\t\d+\t[\d.]+(?:e-?\d+)?\r?\n|base_time_absolute:|(?:\x1b\[[\d;]*m?\s*)+)/,
    what: 'the output of damo report',
    hint: 'a report is a summary; give the recording it was made from (damon.data)',
  },
  {
    text: /^# To display the perf\.data header info/,
    what: 'a histogram of perf report or perf mem report',
    hint: 'it has no single accesses: perf mem report -D -x , or perf script -F comm,pid,tid,cpu,time,event,addr,data_src --ns',
  },
  {
    text: /^\tfield: u64 timestamp;\toffset:0;/,
    what: 'the description of a ring-buffer page (events/header_page)',
    hint: 'give the text of tracefs trace or trace_pipe',
  },
  {
    text: /^#[^]*\n\s*\d+\s+\d+\s+\d+\s+type: \d+/,
    what: 'ftrace text of the trace option raw, which leaves out names and fields',
    hint: 'echo noraw > trace_options, and read trace again',
  },
  {
    text: /^(?:#.*\n)*\s*\S.*-\d+\s+(?:\([ \d-]+\) )?\[\d+\]\s+(?:[.\w]{4,5}\s+)?\d+: [a-z_]\w+: /,
    what: 'ftrace text with a trace_clock that counts events or cycles (counter, x86-tsc): it has no times',
    hint: 'record again after: echo mono > trace_clock',
  },
  {
    text: /^[0-9a-f]{4,16}-[0-9a-f]{4,16} [r-][w-][x-][sp] [0-9a-f]+ [0-9a-f]+:[0-9a-f]+ \d+/,
    what: 'the memory map of a process (/proc/PID/maps)',
    hint: 'it holds no accesses; with a raw pagemap dump give its ranges: --format pagemap --set vaddr=0xSTART',
  },
  { text: /^\s*$/, what: 'a text of blank lines only', hint: 'the capture tool wrote nothing: check that it ran to its end' },
  { text: /^PERFILE/, what: 'perhaps a damaged perf.data', hint: 'copy the recording again' },
];

/** What a file of no known format seems to be; undefined when nothing is known of it either. */
export function foreignOf(head: Uint8Array, path: string): Foreign | undefined {
  const magic = MAGIC.find((each) => startsWith(head.subarray(each.at ?? 0), each.magic));
  if (magic !== undefined) return magic;
  const text = Buffer.from(head.buffer, head.byteOffset, Math.min(head.length, 8192))
    .toString('latin1')
    .replace(/^\u00ef\u00bb\u00bf/, '');
  const known = TEXT.find((each) => each.text.test(text));
  if (known !== undefined) return known;
  if (/(^|\/)data\.\d+$/.test(path))
    return {
      what: 'perhaps a part of a perf recording in a directory',
      hint: 'give the directory itself, which has the file "data" with the descriptions of its events',
    };
  return undefined;
}
