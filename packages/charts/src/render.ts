/** A chart as SVG, PNG, a self-contained HTML page, or vega-lite JSON. Vega is loaded on first use (it takes 170 ms). */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { BlindSpots } from './blind-spots.ts';
import type { Chart, ChartContext, ChartParams, QuerySource, Spec } from './chart.ts';
import { loadContext } from './context.ts';
import { emptySpec } from './frame.ts';
import { CHARTS } from './registry.ts';
import { inlineScript, scriptJson, escapeHtml } from './escape.ts';
import { DARK, LIGHT } from './style.ts';
import type { Theme } from './style.ts';
import { textWidth } from './text-width.ts';

export const CHART_FORMATS = ['svg', 'png', 'html', 'vl.json'] as const;
export type ChartFormat = (typeof CHART_FORMATS)[number];

export interface RenderOptions {
  readonly format: ChartFormat;
  /** Whole chart, px; default 960. */
  readonly width?: number;
  readonly dark?: boolean;
  readonly params?: ChartParams;
  /** What schemes cannot see, by id, for the caption. */
  readonly blindSpots?: BlindSpots;
  /** Called for each warning of the vega compilers; there should be none. */
  readonly onWarning?: (message: string) => void;
}

export interface DrawOptions extends Pick<RenderOptions, 'width' | 'dark' | 'params' | 'blindSpots'> {
  /** Instead of the light or dark one. */
  readonly theme?: Theme;
}

/** Specification, the query behind it and its answer. */
export interface DrawnChart {
  readonly chart: Chart;
  readonly sql: string;
  readonly spec: Spec;
  /** 0 when the chart is a text that says why there is none. */
  readonly nRows: number;
  readonly context: ChartContext;
}

/**
 * Renders the chart `id`. Returns text for svg, html and vl.json, bytes for png.
 * Throws UsageError for an unknown id; a source without the data gives a chart that says so.
 */
export async function renderChart(source: QuerySource, id: string, options: RenderOptions): Promise<Uint8Array | string> {
  const drawn = await drawChart(source, id, options);
  const warn = options.onWarning;
  switch (options.format) {
    case 'vl.json':
      return `${JSON.stringify(drawn.spec, null, 1)}\n`;
    case 'svg':
      return specToSvg(drawn.spec, warn);
    case 'png':
      return svgToPng(await specToSvg(drawn.spec, warn));
    case 'html':
      return specToHtml(drawn.spec, drawn.chart.descriptor.title, options.dark ?? false);
  }
}

/** Queries the source and builds the specification. */
export async function drawChart(source: QuerySource, id: string, options: DrawOptions = {}): Promise<DrawnChart> {
  const chart = CHARTS.get(id);
  const look = {
    theme: options.theme ?? (options.dark === true ? DARK : LIGHT),
    width: options.width ?? 960,
    oneSpace: chart.descriptor.oneSpace === true,
    ofCurves: chart.descriptor.ofCurves === true,
    blindSpots: options.blindSpots ?? {},
  };
  const context = await loadContext(source, options.params ?? {}, look);
  const missing = chart.descriptor.reads.filter((name) => !context.tables.has(name));
  const nothing = (why: string, sql: string): DrawnChart => ({ chart, sql, spec: emptySpec(chart, context, why), nRows: 0, context });
  if (missing.length > 0) return nothing(`No data: these results have no table ${missing.join(', ')}.`, '');
  if (context.runs.length === 0 && chart.descriptor.ofCurves !== true)
    return nothing('No data: these results hold no finished run that was asked for.', '');
  const sql = chart.sql(context);
  const { rows } = await source.query(sql);
  if (rows.length === 0) return nothing(`No data: nothing in ${chart.descriptor.reads.join(', ')} answers this question.`, sql);
  return { chart, sql, spec: chart.spec(rows, context), nRows: rows.length, context };
}

/** Compiles to vega and draws; text is laid out with estimated widths (no canvas needed). */
export async function specToSvg(spec: Spec, onWarning: (message: string) => void = () => {}): Promise<string> {
  const [vega, vegaLite] = await Promise.all([import('vega'), import('vega-lite')]);
  const logger = collectingLogger(onWarning);
  measureWithBundledFont((vega as unknown as { textMetrics: { width: unknown } }).textMetrics);
  const compiled = vegaLite.compile(spec as never, { logger });
  const view = new vega.View(vega.parse(compiled.spec), { renderer: 'none', logger });
  try {
    return renumberIds(await view.toSVG());
  } finally {
    view.finalize();
  }
}

/** Vega's own estimate (0.8 em per character) leaves wide blanks; its metrics are process-wide. */
function measureWithBundledFont(metrics: { width: unknown }): void {
  metrics.width = (item: { fontSize?: number; fontWeight?: string | number }, line: unknown): number =>
    textWidth(
      line === null || line === undefined ? '' : String(line).trim(),
      item.fontSize ?? 11,
      item.fontWeight === 'bold' || Number(item.fontWeight) >= 600,
    );
}

/** Vega numbers clip paths and gradients through the life of the process; the same chart should be the same text. */
function renumberIds(svg: string): string {
  const numbers = new Map<string, number>();
  return svg.replace(/( id="|url\(#)(clip|gradient_)(\d+)/g, (_, before: string, kind: string, id: string) => {
    const key = kind + id;
    const number = numbers.get(key) ?? numbers.size;
    numbers.set(key, number);
    return `${before}${kind}${number}`;
  });
}

interface Logger {
  level(value: number): Logger;
  level(): number;
  error(...args: readonly unknown[]): Logger;
  warn(...args: readonly unknown[]): Logger;
  info(...args: readonly unknown[]): Logger;
  debug(...args: readonly unknown[]): Logger;
}

function collectingLogger(onWarning: (message: string) => void): Logger {
  const say = (...args: readonly unknown[]): Logger => {
    onWarning(args.map(String).join(' '));
    return logger;
  };
  function level(value: number): Logger;
  function level(): number;
  function level(value?: number): Logger | number {
    return value === undefined ? 2 : logger;
  }
  const logger: Logger = { level, error: say, warn: say, info: () => logger, debug: () => logger };
  return logger;
}

/** Twice the SVG's size, with the bundled font, so that it looks the same on every machine. */
export async function svgToPng(svg: string): Promise<Uint8Array> {
  const { Resvg } = await import('@resvg/resvg-js');
  const require = createRequire(import.meta.url);
  const fontFiles = ['DejaVuSans.ttf', 'DejaVuSans-Bold.ttf'].map((file) => require.resolve(`dejavu-fonts-ttf/ttf/${file}`));
  const image = new Resvg(svg, {
    fitTo: { mode: 'zoom', value: 2 },
    font: { fontFiles, loadSystemFonts: false, defaultFontFamily: 'DejaVu Sans' },
  }).render();
  return image.asPng();
}

/** One offline page: vega, vega-lite and vega-embed are inlined. */
export async function specToHtml(spec: Spec, title: string, dark: boolean): Promise<string> {
  const require = createRequire(import.meta.url);
  const scripts = await Promise.all(['vega', 'vega-lite', 'vega-embed'].map(async (name) => readFile(browserBuild(require, name), 'utf8')));
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${escapeHtml(title)}</title>
<style>html{color-scheme:${dark ? 'dark' : 'light'};background:${dark ? DARK.background : LIGHT.background}}body{margin:1rem}</style>
${scripts.map((script) => `<script>${inlineScript(script)}</script>`).join('\n')}
</head><body><main id="chart"></main>
<script>vegaEmbed('#chart', ${scriptJson(spec)}, {renderer: 'svg', actions: {export: true, source: false, compiled: false, editor: false}});</script>
</body></html>
`;
}

function browserBuild(require: NodeJS.Require, name: string): string {
  return join(dirname(require.resolve(name)), `${name}.min.js`);
}
