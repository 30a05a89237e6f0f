/** A look at the head of a text for sniffing: how many lines of which kind. */
import { looksUtf16 } from '../lines.ts';
import { damonKind, NOT_DAMON } from './damon-text.ts';
import { HEAD_OK, HEAD_SIDE_BAND, HeadReader } from './head.ts';
import { carriesAccess } from './fault-body.ts';
import { EventTable } from './names.ts';
import { ascii, find, startsWith } from './numbers.ts';

export interface TextSurvey {
  /** Lines with a time and an event or body. */
  readonly samples: number;
  readonly damon: number;
  /** Events that name an address, whatever else they are. */
  readonly accesses: number;
  /** Lines with perf's decoded data source (`|OP LOAD|LVL ...`). */
  readonly dataSource: number;
  readonly lines: number;
  /** `# tracer:` or `cpus=` at the top. */
  readonly ftraceHeader: boolean;
  /** perf's own complaint in place of samples. */
  readonly perfMessage: boolean;
  readonly utf16: boolean;
}

const TRACER = ascii('# tracer:');
const CPUS = ascii('cpus=');
const PERF_HEADER = ascii('# ========');
const COMPLAINT = ascii("Samples for '");
const OP = ascii('|OP ');
const MAX_LINES = 1024;

export function surveyText(head: Uint8Array): TextSurvey {
  const reader = new HeadReader();
  const kinds = new EventTable((name) => (damonKind(name) !== NOT_DAMON ? 'damon' : carriesAccess(name) ? 'access' : 'other'));
  let from = head[0] === 0xef && head[1] === 0xbb && head[2] === 0xbf ? 3 : 0;
  const at = from;
  let [samples, damon, accesses, dataSource, lines] = [0, 0, 0, 0, 0];
  while (from < head.length && lines < MAX_LINES) {
    let to = head.indexOf(10, from);
    if (to < 0) to = head.length;
    const end = to > from && head[to - 1] === 13 ? to - 1 : to;
    lines++;
    const verdict = end > from && head[from] !== 35 ? reader.read(head, from, end) : -1;
    if (verdict === HEAD_OK || verdict === HEAD_SIDE_BAND) samples++;
    if (verdict === HEAD_OK) {
      const kind = kinds.kindOf(head, reader.eventFrom, reader.eventTo);
      if (kind === 'damon') damon++;
      if (kind === 'access') accesses++;
      if (kind !== 'damon' && find(head, reader.body, end, OP) >= 0) dataSource++;
    }
    from = to + 1;
  }
  return {
    samples,
    damon,
    accesses,
    dataSource,
    lines,
    ftraceHeader: startsWith(head, at, head.length, TRACER) || startsWith(head, at, head.length, CPUS),
    perfMessage: startsWith(head, at, head.length, COMPLAINT) || startsWith(head, at, head.length, PERF_HEADER),
    utf16: looksUtf16(head),
  };
}
