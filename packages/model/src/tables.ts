/** The results schema: the contract between replay (writes) and analyze (reads). Every column has a unit or a meaning. */

export type SqlType = 'VARCHAR' | 'BIGINT' | 'UBIGINT' | 'INTEGER' | 'DOUBLE' | 'BOOLEAN' | 'BLOB';

export interface ColumnSpec {
  readonly name: string;
  readonly type: SqlType;
  /** ns, bytes, pages, page (a page number: address >> 12), count, ratio, or '' for names and flags. */
  readonly unit: string;
  readonly comment: string;
  /** True where NULL means "unknown" or "not applicable". */
  readonly nullable?: boolean;
}
export interface TableSpec {
  readonly id: string;
  readonly comment: string;
  readonly columns: readonly ColumnSpec[];
  /** Columns that order the rows of one part. */
  readonly key: readonly string[];
}

const text = (name: string, comment: string, nullable = false): ColumnSpec => ({ name, type: 'VARCHAR', unit: '', comment, nullable });
const ns = (name: string, comment: string, nullable = false): ColumnSpec => ({ name, type: 'BIGINT', unit: 'ns', comment, nullable });
const int = (name: string, unit: string, comment: string, nullable = false): ColumnSpec => ({
  name,
  type: 'BIGINT',
  unit,
  comment,
  nullable,
});
const ratio = (name: string, comment: string): ColumnSpec => ({ name, type: 'DOUBLE', unit: 'ratio', comment, nullable: true });
const flag = (name: string, comment: string): ColumnSpec => ({ name, type: 'BOOLEAN', unit: '', comment });
const run = text('run_id', 'hash of input, scheme, parameters, seed and world');
const w = int('w', 'index', 'window number within the run, from 0');

export const TABLES = {
  inputs: {
    id: 'inputs',
    comment: 'the files a trace was made from, one row each',
    key: ['input_id'],
    columns: [
      text('input_id', 'hash of the file content and format'),
      text('trace_id', 'hash of the trace that holds it'),
      text('path', 'path as given on the command line'),
      text('sha256', 'of the file as given (before decompression)'),
      int('size_bytes', 'bytes', 'of the file as given'),
      text('format', 'ingestor id'),
      text('truth', 'grade: exact, sampled, faults or observed'),
      text('space', 'address space of its pages: gpa, gva, hva, pfn, object', true),
      text('clock', 'the clock its times were on'),
      ns('t_first_ns', 'first event, trace clock', true),
      ns('t_last_ns', 'last event, trace clock', true),
      int('n_events', 'count', 'records kept'),
      int('n_lost', 'count', 'records the capture tool says it lost; NULL = unknown', true),
      int('n_rejected', 'count', 'records refused by the reader (see diagnostics)'),
      int('page_bytes', 'bytes', 'page size'),
      int('vcpus', 'count', 'virtual CPUs recorded; NULL = unknown', true),
    ],
  },
  diagnostics: {
    id: 'diagnostics',
    comment: 'everything that was dropped, reordered, guessed or lost, counted by reason',
    key: ['input_id', 'code'],
    columns: [
      text('input_id', 'input it is about; empty = the whole trace or run'),
      text('severity', 'info, warning or error'),
      text('code', 'stable reason code'),
      int('line', 'line', 'first line it was seen on', true),
      int('byte_offset', 'bytes', 'first offset it was seen at', true),
      int('count', 'count', 'how often'),
      text('message', 'what it means'),
    ],
  },
  runs: {
    id: 'runs',
    comment: 'one row per tracker on one trace: simulated or observed (a real report from the capture)',
    key: ['run_id'],
    columns: [
      run,
      text('trace_id', 'hash of the trace'),
      text('trace', 'name of the trace'),
      text('scheme', 'tracking scheme id, observed:<id> for a real report, truth for the reference'),
      text('kind', 'simulated or observed'),
      text('stream', 'capture stream the report or the schedule came from', true),
      text('params', 'parameters as JSON'),
      int('seed', '', 'seed of the run'),
      text('world', 'schemes that share one kernel; equal run_id prefix when isolated', true),
      text('space', 'address space of its pages'),
      text('truth', 'grade of the accesses it was scored against'),
      text('scope', 'scope that the scheme can see at best: any or mapped'),
      text('target', 'what the scheme claims: touched or written'),
      text('cost_profile', 'names the prices in costs'),
      text('status', 'ok, failed or incomplete'),
      text('error', 'why it failed', true),
      int('n_windows', 'count', 'windows reported'),
      int('n_pages', 'pages', 'tracked pages'),
      ns('duration_ns', 'replayed time'),
      int('vcpus', 'count', 'virtual CPUs of the trace'),
      text('version', 'workset version'),
    ],
  },
  windows: {
    id: 'windows',
    comment:
      'claim windows: marks set during [outer_t0, claim_t0], read during [claim_t1, outer_t1], so the report claims (claim_t0, claim_t1]',
    key: ['run_id', 'w'],
    columns: [
      run,
      w,
      ns('claim_t0_ns', 'end of setting marks'),
      ns('claim_t1_ns', 'start of reading them'),
      ns('outer_t0_ns', 'start of setting marks'),
      ns('outer_t1_ns', 'end of reading them'),
      ns('report_ns', 'when the report was complete'),
      int('span', 'index', 'recorded span of the trace it lies in; -1 = crosses a gap'),
      flag('warmup', 'true: carries no information by construction (first cycle, settling regions); left out of summaries'),
      flag('scored', 'true: accesses were recorded over the whole outer window'),
      int('n_pages', 'pages', 'tracked pages N'),
    ],
  },
  page_sets: {
    id: 'page_sets',
    comment: 'page sets as bitmap chunks; all-zero chunks are left out',
    key: ['run_id', 'w', 'kind', 'scope', 'chunk'],
    columns: [
      run,
      w,
      text('kind', 'reported, eligible, cold; truth and edge (touched), truth_writes and edge_writes (written)'),
      text('scope', 'any or mapped for truth and edge kinds; empty for reported, eligible, cold'),
      int('chunk', 'index', 'page number >> 16'),
      { name: 'bits', type: 'BLOB', unit: '', comment: '8192 bytes; page chunk*65536+i is bit i%8 (LSB first) of byte i/8' },
    ],
  },
  regions: {
    id: 'regions',
    comment: 'scored regions reported by region trackers (DAMON)',
    key: ['run_id', 'w', 'start_page'],
    columns: [
      run,
      w,
      int('start_page', 'page', 'first page number'),
      int('n_pages', 'pages', 'length'),
      { name: 'score', type: 'DOUBLE', unit: '', comment: 'nr_accesses: sampling checks that found it accessed' },
      ns('age_ns', 'time since its pattern changed; NULL = unknown', true),
    ],
  },
  scores: {
    id: 'scores',
    comment: 'reported sets against exact truth, one row per run, window, scope and target',
    key: ['run_id', 'w', 'scope', 'target'],
    columns: [
      run,
      w,
      text('scope', 'any or mapped'),
      text('target', 'touched or written'),
      int('truth', 'pages', '|T|: surely touched in the claim window'),
      int('truth_eligible', 'pages', '|T| within eligible pages'),
      int('edge_truth', 'pages', 'touched only while marks were set or read, or in a quantum cut by an edge'),
      int('reported', 'pages', '|D|: pages the tracker reported'),
      int('tp', 'pages', 'reported and in truth (hit)'),
      int('tp_eligible', 'pages', 'hit within eligible pages'),
      int('fn', 'pages', 'in truth, not reported (missed)'),
      int('fp', 'pages', 'reported, not touched even in the outer window (extra)'),
      int('edge', 'pages', 'reported and only edge: neither right nor wrong'),
      int('tn', 'pages', 'neither reported nor touched nor edge'),
      int('eligible', 'pages', 'pages the tracker could hold'),
      int('wss_true_bytes', 'bytes', '4096·|T|'),
      int('wss_bytes', 'bytes', '4096·|D|'),
      ratio('precision', 'tp/(tp+fp); edge pages left out; NULL when nothing was reported'),
      ratio('recall', 'tp/truth; NULL when truth is empty'),
      ratio('recall_eligible', 'tp_eligible/truth_eligible'),
      ratio('f1', 'harmonic mean of precision and recall'),
      ratio('jaccard', 'tp/(tp+fp+fn); 1 when both are empty'),
      ratio('wss_error', '(|D|-|T|)/|T|; NULL when truth is empty'),
      ratio('false_cold_rate', 'fn/truth: hot pages declared cold'),
      ratio('false_hot_rate', 'fp/(fp+tn): cold pages kept'),
      ratio('mcc', 'Matthews correlation; NULL when a margin is 0'),
    ],
  },
  costs: {
    id: 'costs',
    comment: 'operations counted per window, and priced by the cost profile of the run',
    key: ['run_id', 'w', 'op'],
    columns: [
      run,
      int('w', 'index', 'window number; -1 = after the last report of the run'),
      text('op', 'operation id (workset list profiles)'),
      int('count', 'count', 'operations'),
      { name: 'vcpu_ns', type: 'DOUBLE', unit: 'ns', comment: 'stall inflicted on the workload' },
      { name: 'tracker_ns', type: 'DOUBLE', unit: 'ns', comment: 'CPU time spent by the tracker' },
    ],
  },
  evictions: {
    id: 'evictions',
    comment: 'eviction replay: one row per page handed to an eviction primitive',
    key: ['run_id', 'n'],
    columns: [
      run,
      int('n', 'index', 'order of the evictions within the run, by the time they ended'),
      text('policy', 'cold, limit, hysteresis or oldest-fault-in'),
      text('primitive', 'eviction primitive id (workset list primitives)'),
      ns('t_ns', 'first kernel step'),
      int('page', 'page', 'page number'),
      text('outcome', 'done, lost-write, aborted-<reason>, or unfinished when the recording ended first'),
      flag('direct', 'a fault over the limit waited for it'),
      ns('latency_ns', 'from the first step to the drop, or to giving up'),
      int('reads', 'count', 'reads of the page inside the eviction window that went through'),
      int('writes', 'count', 'writes of the page inside the eviction window that went through'),
      int('lost_writes', 'count', 'writes discarded with the page'),
      ns('blocked_ns', 'time that accesses to the page waited for its eviction'),
    ],
  },
  refaults: {
    id: 'refaults',
    comment: 'eviction replay: one row per access that had to bring an evicted page back',
    key: ['run_id', 'n'],
    columns: [
      run,
      int('n', 'index', 'order within the run'),
      text('policy', 'cold, limit, hysteresis or oldest-fault-in'),
      text('primitive', 'eviction primitive id'),
      ns('t_ns', 'the access'),
      int('page', 'page', 'page number'),
      text('access', 'read, write, kernel read or kernel write'),
      ns('away_ns', 'since the page was dropped; 0 when the access had waited for the drop'),
      ns('wait_ns', 'until the page was back'),
      flag('window_read', 'true: its eviction let a read through unseen, so the page had just become hot'),
      flag('stale', 'true: the contents that came back miss a lost write'),
    ],
  },
  eviction_runs: {
    id: 'eviction_runs',
    comment: 'eviction replay: one row per run, with LRU and OPT on the same accesses with the same memory',
    key: ['run_id'],
    columns: [
      run,
      text('policy', 'cold, limit, hysteresis or oldest-fault-in'),
      text('primitive', 'eviction primitive id'),
      text('backing', 'anon, shmem or hugetlb'),
      text('spec', 'primitive and parameters as given to --evict'),
      int('limit_pages', 'pages', 'memory limit; NULL = none', true),
      int('memory_pages', 'pages', 'memory of the references: the limit, or the most that was resident'),
      int('peak_pages', 'pages', 'most pages resident at once'),
      { name: 'mean_pages', type: 'DOUBLE', unit: 'pages', comment: 'resident pages, mean over recorded time', nullable: true },
      int('touches', 'count', 'touches of tracked pages replayed'),
      int('first_touches', 'count', 'pages touched at all'),
      int('evictions', 'count', 'pages dropped'),
      int('evicted_bytes', 'bytes', '4096·evictions, written to the store'),
      int('aborted', 'count', 'evictions given up'),
      int('unfinished', 'count', 'evictions that the end of the recording cut off'),
      int('refaults', 'count', 'accesses that brought an evicted page back'),
      int('refaulted_bytes', 'bytes', '4096·refaults, read from the store'),
      ratio('refault_ratio', 'refaults/evictions; NULL without evictions'),
      int('lost_writes', 'count', 'writes discarded with their page'),
      int('stale_reads', 'count', 'refaults by a read whose contents miss a lost write'),
      int('window_reads', 'count', 'reads inside the eviction window of their page that went through'),
      int('window_writes', 'count', 'writes inside the eviction window of their page that went through'),
      int('blocked_reads', 'count', 'reads that waited inside an eviction window'),
      int('blocked_writes', 'count', 'writes that waited inside an eviction window'),
      int('refaults_window_read', 'count', 'refaults of pages that were read unseen inside their eviction window'),
      ns('blocked_user_ns', 'time accesses through user mappings waited: for evictions, refaults and direct evictions'),
      ns('blocked_kernel_ns', 'the same for kernel accesses and DMA'),
      int('flushes', 'count', 'TLB flushes by the primitive'),
      int('pte_writes', 'count', 'page-table entries written by the primitive'),
      ns('latency_p50_ns', 'of completed evictions, first step to drop', true),
      ns('latency_p99_ns', 'of completed evictions, first step to drop', true),
      int('lru_refaults', 'count', 'refaults of exact LRU; NULL = not computed', true),
      int('opt_refaults', 'count', "refaults of Belady's OPT; NULL = not computed", true),
      int('regret_lru', 'count', 'refaults - lru_refaults', true),
      int('regret_opt', 'count', 'refaults - opt_refaults; never negative', true),
    ],
  },
  latencies: {
    id: 'latencies',
    comment:
      'how long pages waited for a tracker, in the scope and target the run claims; computed from the page sets when a query first asks for it. Touch times are known to a window only, so each latency is a pair of bounds; scored windows without warm-up',
    key: ['run_id', 'what', 'edge_lo_ns', 'edge_hi_ns'],
    columns: [
      run,
      text('scope', 'any or mapped'),
      text('target', 'touched or written'),
      text(
        'what',
        'detection: from the first touch after a window without one to the first report that holds the page; cold: from the last touch to the first report without it; detection_never and cold_never: the recording ended, or the page was touched again, first',
      ),
      ns('edge_lo_ns', 'lower bound'),
      ns('edge_hi_ns', 'upper bound; NULL for never', true),
      int('n', 'count', 'pages that waited so long, each time counted'),
    ],
  },
  curves: {
    id: 'curves',
    comment: 'curves of a trace, whatever tracks it: one row per point (workset curve TRACE -o DIR)',
    key: ['trace_id', 'space', 'kind', 'method', 'rate', 'seed', 'x'],
    columns: [
      text('trace_id', 'hash of the trace'),
      text('trace', 'name of the trace'),
      text('space', 'address space of its pages'),
      text('truth', 'grade of the accesses'),
      text('kind', 'miss-ratio: share of touches that miss under LRU with x of memory; working-set: pages that a window of length x holds'),
      text('method', 'exact, or sampled: a share of the pages was followed'),
      { name: 'rate', type: 'DOUBLE', unit: 'ratio', comment: 'share of the pages followed; 1 when exact' },
      int('seed', '', 'which pages were sampled; NULL when exact', true),
      int('x', '', 'memory, or length of the window, in x_unit'),
      text('x_unit', 'pages of memory; ns of the window, or frames where the trace has no fixed quantum'),
      { name: 'value', type: 'DOUBLE', unit: '', comment: 'miss ratio, or mean number of pages in the window, in value_unit' },
      text('value_unit', 'ratio or pages'),
      { name: 'error', type: 'DOUBLE', unit: '', comment: 'two standard errors of value, in value_unit; 0 when exact' },
      int('touches', 'count', 'touches of the space: pages times quanta'),
      int('pages', 'pages', 'touched at all; NULL = not counted (working-set)', true),
      text('version', 'workset version'),
    ],
  },
} as const satisfies Record<string, TableSpec>;

export type TableId = keyof typeof TABLES;
export const TABLE_IDS = Object.keys(TABLES) as TableId[];

/** One row of a results table, as plain values: BIGINT and DOUBLE are numbers (exact to 2^53), BLOB is bytes. */
export type Row = Readonly<Record<string, string | number | boolean | null | Uint8Array>>;
