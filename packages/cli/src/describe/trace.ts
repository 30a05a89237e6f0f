/** A trace as `info` and `ingest` print it. */
import { ACTORS, formatBytes, formatDuration, PAGE_BYTES } from '@workset/model';
import type { SpaceInfo, TraceInput } from '@workset/model';
import type { TraceManifest } from '@workset/store';

import type { Output } from '../output.ts';
import { sanitise } from '../sanitise.ts';
import { shellQuote } from '../shell-quote.ts';

export function printTrace(path: string, trace: TraceManifest, out: Output): void {
  out.line(`${out.paint('bold', sanitise(path))}: workset trace ${sanitise(trace.name)} (${trace.traceId})`);
  out.fields([
    ['truth', `${trace.truth}${trace.synthetic ? ', synthetic' : ''}: ${claimOf(trace)}`],
    ['span', spanText(trace)],
    ['clock', `${trace.clock}${trace.quantumNs === null ? '' : `, quantum ${formatDuration(trace.quantumNs)}`}`],
    ['vcpus', trace.vcpus === null ? 'unknown' : String(trace.vcpus)],
    ...(trace.notes['kernel'] === undefined ? [] : [['kernel', sanitise(String(trace.notes['kernel']))] as const]),
    ['loss', lossText(trace.inputs)],
  ]);
  out.line();
  out.table(['space', 'footprint', 'pages', 'touches', 'accesses', 'frames', 'told apart', 'truth'], trace.spaces.map(spaceRow), [
    'left',
    'right',
    'right',
    'right',
    'right',
    'right',
  ]);
  for (const { id, nRemaps } of trace.spaces) {
    if (nRemaps !== undefined && nRemaps > 0) out.line(`${id}: ${count(nRemaps)} pages were mapped anew, unmapped or moved within it`);
  }
  if (trace.streams.length > 0) {
    out.line('\nreports of real trackers in it:');
    out.table(
      ['  stream', 'tracker', 'space', 'claims'],
      trace.streams.map((stream) => [`  ${stream.stream}`, stream.tracker, stream.space, stream.target]),
    );
  }
  if (trace.diagnostics.length > 0) {
    out.line('\ndiagnostics:');
    out.table(
      ['  severity', 'code', 'count', 'message'],
      trace.diagnostics.map((each) => [`  ${each.severity}`, each.code, count(each.count), each.message]),
    );
  }
  out.line(`\nnext: workset replay ${sanitise(shellQuote(path))} -o results`);
}

function claimOf(trace: TraceManifest): string {
  switch (trace.truth) {
    case 'exact':
      return 'precision, recall and errors can be claimed';
    case 'sampled':
      return 'one access in N was logged: a lower bound; recall against the sample only';
    case 'faults':
      return 'first touches only';
    case 'observed':
      return 'no accesses: agreement between trackers only';
  }
}

function spanText(trace: TraceManifest): string {
  if (trace.spans.length === 0) return 'nothing recorded';
  const total = trace.spans.reduce((sum, span) => sum + span.t1Ns - span.t0Ns, 0);
  const parts = trace.spans.length === 1 ? '' : ` in ${trace.spans.length} recorded spans`;
  return `${formatDuration(total)}${parts}, ${trace.markers.length} markers`;
}

function lossText(inputs: readonly TraceInput[]): string {
  const rejected = inputs.reduce((sum, input) => sum + input.nRejected, 0);
  const unknown = inputs.filter((input) => input.nLost === null).length;
  const lost = inputs.reduce((sum, input) => sum + (input.nLost ?? 0), 0);
  const lostText =
    unknown === inputs.length
      ? 'lost unknown'
      : `${count(lost)} lost${unknown > 0 ? ` (unknown for ${unknown} of ${inputs.length} inputs)` : ''}`;
  return `${lostText}, ${count(rejected)} rejected, of ${count(inputs.reduce((sum, input) => sum + input.nEvents, 0))} kept in ${inputs.length} inputs`;
}

function spaceRow(space: SpaceInfo): string[] {
  const told = ['nothing', 'reads and writes', 'reads, writes, kernel'][space.classBits] ?? `reads, writes, ${actorsOf(space).join(', ')}`;
  return [
    space.id,
    formatBytes(space.nPages * PAGE_BYTES),
    count(space.nPages),
    count(space.nTouches),
    count(space.nAccesses),
    count(space.nFrames),
    told,
    space.truth,
  ];
}

/** Who the classes of a space can tell from the user. */
function actorsOf({ classBits }: SpaceInfo): readonly string[] {
  return ACTORS.slice(1, 2 ** (classBits - 1));
}

/** 1,234,567 */
export function count(n: number): string {
  return n.toLocaleString('en-US');
}
