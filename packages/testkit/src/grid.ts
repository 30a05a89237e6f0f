/**
 * Traces drawn as text: one row per page, one column per quantum.
 *
 *     grid`p0: R.W. | p7: .r.B`
 *
 * `R` read, `W` write, `B` both, `r` `w` `b` the same by the kernel, `I` a device's write (input), `O` its read, `h` `H` a host thread's
 * read and write, `g` `G` GUP's, `q` `Q` fast GUP's, `x` `X` another process's, `.` nothing. A row `span:` names the recorded span of each
 * column (`.` = a gap, nothing recorded); `+` in a row `split:` gives a column the interval of the one before it.
 */
import { GUP, GUP_FAST, HOST, OTHER, PINNED, WRITE } from '@workset/model';
import { QUANTUM_NS, type PlainFrame, type PlainTouch, type PlainTrace } from './trace.ts';

/** Symbol of each set of classes; bit c of the index = class c touched. */
const SYMBOLS = '.RWBr567w9acbdef';

/** Draws a trace. Throws Error on a symbol or row it does not know. */
export function grid(text: TemplateStringsArray | string, ...values: readonly unknown[]): PlainTrace {
  const source = typeof text === 'string' ? text : String.raw({ raw: text }, ...values);
  const rows = new Map(
    source
      .split(/[|\n]/)
      .filter((row) => row.trim() !== '')
      .map(parseRow),
  );
  const width = Math.max(0, ...[...rows.values()].map((cells) => cells.length));
  const labels = rows.get('span') ?? 'a'.repeat(width);
  const split = rows.get('split') ?? '';
  const pages = [...rows].filter(([name]) => name.startsWith('p')).map(([name, cells]) => ({ page: Number(name.slice(1)), cells }));
  const frames: PlainFrame[] = [];
  const spans: { label: string; t0Ns: number; t1Ns: number }[] = [];
  let column = -1;
  for (let i = 0; i < width; i++) {
    if (split[i] !== '+') column++;
    const t0Ns = column * QUANTUM_NS;
    const t1Ns = t0Ns + QUANTUM_NS;
    const label = labels[i] ?? '.';
    if (label === '.') continue;
    const open = spans.at(-1);
    if (open?.label === label && open.t1Ns >= t0Ns) open.t1Ns = t1Ns;
    else spans.push({ label, t0Ns, t1Ns });
    frames.push({ t0Ns, t1Ns, touches: pages.flatMap(({ page, cells }) => touchesOf(page, cells[i] ?? '.')) });
  }
  const nPages = Math.max(0, ...pages.map(({ page }) => page + 1));
  const highest = Math.max(0, ...frames.flatMap(({ touches }) => touches.map(({ cls }) => cls)));
  return { nPages, classBits: highest >= GUP ? 4 : highest >= PINNED ? 3 : 2, quantumNs: QUANTUM_NS, frames, spans };
}

/** The trace as a grid, with a row of frame intervals when they are not the usual columns. */
export function printGrid(trace: PlainTrace): string {
  const touched = new Set(trace.frames.flatMap(({ touches }) => touches.map(({ page }) => page)));
  const rows = [...touched].sort((a, b) => a - b).map((page) => `p${page}: ${trace.frames.map((frame) => symbolOf(frame, page)).join('')}`);
  const times = trace.frames.map(({ t0Ns, t1Ns }) => `${t0Ns}..${t1Ns}`).join(' ');
  const spans = trace.spans.map(({ label, t0Ns, t1Ns }) => `${label} ${t0Ns}..${t1Ns}`).join(', ');
  return [...rows, `frames: ${times}`, `spans: ${spans}`, `class bits ${trace.classBits}, pages from 0: ${trace.nPages}`].join('\n');
}

function parseRow(row: string): readonly [string, string] {
  const match = /^\s*(span|split|p\d+):\s*(\S*)\s*$/.exec(row);
  if (match === null) throw new Error(`not a grid row: ${JSON.stringify(row)}`);
  return [match[1]!, match[2]!];
}

/** Touches by others than the traced CPUs. */
const OTHERS: Readonly<Record<string, number>> = {
  O: PINNED,
  I: PINNED | WRITE,
  h: HOST,
  H: HOST | WRITE,
  g: GUP,
  G: GUP | WRITE,
  q: GUP_FAST,
  Q: GUP_FAST | WRITE,
  x: OTHER,
  X: OTHER | WRITE,
};

function touchesOf(page: number, symbol: string): PlainTouch[] {
  const other = OTHERS[symbol];
  if (other !== undefined) return [{ page, cls: other }];
  const classes = SYMBOLS.indexOf(symbol);
  if (classes < 0) throw new Error(`not a grid symbol: ${JSON.stringify(symbol)}`);
  return [0, 1, 2, 3].filter((cls) => ((classes >> cls) & 1) === 1).map((cls) => ({ page, cls }));
}

/** Where others and the traced CPUs touch the page in one frame, the others. */
function symbolOf(frame: PlainFrame, page: number): string {
  const classes = frame.touches.filter((touch) => touch.page === page).map(({ cls }) => cls);
  const other = Object.entries(OTHERS).find(([, cls]) => classes.includes(cls));
  return other?.[0] ?? SYMBOLS[classes.reduce((set, cls) => set | (1 << cls), 0)]!;
}
