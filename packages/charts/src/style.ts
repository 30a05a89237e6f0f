/** Colours, dashes, ticks and the vega config: the same scheme looks the same in every chart. */

export interface Theme {
  readonly background: string;
  readonly ink: string;
  readonly muted: string;
  readonly grid: string;
  readonly truth: string;
  /** How the text calls the colour of truth. */
  readonly truthName: string;
  readonly frame: string;
  /** Sequential ramp for densities, low to high. */
  readonly ramp: readonly string[];
}

export const LIGHT: Theme = {
  background: '#fffffe',
  ink: '#1a1c1f',
  muted: '#5a5f66',
  grid: '#e4e6e9',
  truth: '#000000',
  truthName: 'Black',
  frame: '#c4c8ce',
  ramp: ['#dde8f1', '#bfd6e6', '#99c0da', '#70a7cb', '#4a8cb9', '#2b70a2', '#175486', '#0a3a66'],
};
export const DARK: Theme = {
  background: '#14171a',
  ink: '#e7e9ec',
  muted: '#a2a9b2',
  grid: '#2b3036',
  truth: '#ffffff',
  truthName: 'White',
  frame: '#454c55',
  ramp: ['#1f3244', '#22425c', '#275575', '#2f6b90', '#3f85ad', '#5ba1c6', '#86c0dc', '#c2e2f2'],
};

/** What a reader elsewhere most likely has; the first one is bundled for PNG. */
export const FONT = 'DejaVu Sans, Verdana, Helvetica, Arial, sans-serif';

export interface SeriesStyle {
  readonly color: string;
  readonly dash: readonly number[];
  readonly shape: string;
}

const SOLID: readonly number[] = [];
const DASHED: readonly number[] = [8, 3];
const DOTTED: readonly number[] = [2, 3];
const BLUE = '#0072b2';
const VERMILION = '#d55e00';
const GREEN = '#009e73';
const PURPLE = '#cc79a7';
const ORANGE = '#e69f00';
const SKY = '#56b4e9';
const BROWN = '#8a6d3b';
const GREY = '#6f7f8c';

/**
 * Okabe–Ito without its yellow and black (unreadable on white, and reserved), with a brown and a grey, fixed per scheme.
 * Hue = mechanism: blue RWP, vermilion young bits of an mm, green idle flags, purple DAMON, orange write protection, brown dirty logs, sky LRU, grey samples.
 */
const STYLES: Readonly<Record<string, SeriesStyle>> = {
  'uffd-rwp': { color: BLUE, dash: SOLID, shape: 'circle' },
  'uffd-rwp-sync': { color: BLUE, dash: DASHED, shape: 'square' },
  'mm-young': { color: VERMILION, dash: SOLID, shape: 'square' },
  'ept-young': { color: VERMILION, dash: DASHED, shape: 'triangle-down' },
  'idle-page': { color: GREEN, dash: SOLID, shape: 'triangle-up' },
  'clear-refs': { color: GREEN, dash: DASHED, shape: 'triangle-right' },
  'damon-paddr': { color: PURPLE, dash: SOLID, shape: 'diamond' },
  'damon-vaddr': { color: PURPLE, dash: DASHED, shape: 'triangle-down' },
  'uffd-wp': { color: ORANGE, dash: SOLID, shape: 'cross' },
  'uffd-wp-sync': { color: ORANGE, dash: DASHED, shape: 'diamond' },
  'soft-dirty': { color: ORANGE, dash: DOTTED, shape: 'triangle-left' },
  'kvm-dirty-log': { color: BROWN, dash: SOLID, shape: 'square' },
  'kvm-dirty-ring': { color: BROWN, dash: DASHED, shape: 'circle' },
  pml: { color: BROWN, dash: DOTTED, shape: 'cross' },
  mglru: { color: SKY, dash: SOLID, shape: 'triangle-right' },
  'numa-hint': { color: SKY, dash: DASHED, shape: 'diamond' },
  pebs: { color: GREY, dash: SOLID, shape: 'circle' },
};
const HUES = [BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, BROWN, GREY];
const DASHES: readonly (readonly number[])[] = [
  [8, 3],
  [2, 3],
  [10, 3, 2, 3],
];
const SHAPES = ['circle', 'square', 'triangle-up', 'diamond', 'triangle-down', 'cross', 'triangle-left', 'triangle-right'];

/** The look of a scheme; unknown ids get one from their name, so it does not depend on what else is drawn. */
export function styleOf(family: string): SeriesStyle {
  const fixed = STYLES[family];
  if (fixed !== undefined && Object.hasOwn(STYLES, family)) return fixed;
  const h = hash(family);
  return { color: HUES[h % HUES.length]!, dash: DASHES[(h >>> 4) % DASHES.length]!, shape: SHAPES[(h >>> 8) % SHAPES.length]! };
}

function hash(name: string): number {
  let h = 0x811c9dc5;
  for (const char of name) h = Math.imul(h ^ char.codePointAt(0)!, 0x01000193);
  return h >>> 0;
}

/** Vega-lite `config` for a theme: shown axes are thin, titles left, grid faint. */
export function configOf(theme: Theme): Record<string, unknown> {
  return {
    background: theme.background,
    font: FONT,
    view: { stroke: theme.frame, strokeWidth: 1 },
    axis: {
      labelColor: theme.ink,
      titleColor: theme.ink,
      gridColor: theme.grid,
      domainColor: theme.frame,
      tickColor: theme.frame,
      labelFontSize: 10,
      titleFontSize: 11,
      titleFontWeight: 'normal',
      labelLimit: 0,
      labelFlush: false,
      tickSize: 4,
      titlePadding: 6,
    },
    legend: {
      labelColor: theme.ink,
      titleColor: theme.muted,
      labelFontSize: 10,
      titleFontSize: 10,
      titleFontWeight: 'normal',
      labelLimit: 0,
      symbolStrokeWidth: 2,
    },
    header: { labelColor: theme.ink, labelFontSize: 11, titleColor: theme.ink },
    title: {
      color: theme.ink,
      subtitleColor: theme.muted,
      fontSize: 14,
      fontWeight: 'bold',
      subtitleFontSize: 10.5,
      anchor: 'start',
      subtitlePadding: 4,
      offset: 10,
      subtitleLineHeight: 14,
      frame: 'bounds',
    },
    line: { strokeWidth: 1.6 },
    text: { color: theme.ink, fontSize: 10 },
    concat: { spacing: 18 },
  };
}

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

/** Ticks at round binary sizes: 0, then multiples of a power of two, at most `count` + 1 of them. */
export function binaryTicks(maxBytes: number, count = 4): number[] {
  if (!(maxBytes > 0)) return [0];
  const step = 2 ** Math.ceil(Math.log2(maxBytes / count));
  const ticks: number[] = [];
  for (let tick = 0; tick <= maxBytes * 1.0001; tick += step) ticks.push(tick);
  return ticks;
}

/** Powers of two within [low, high], at most about `count`, for logarithmic axes. */
export function byteTicks(low: number, high: number, count = 9): number[] {
  const step = Math.max(1, Math.ceil((Math.log2(high) - Math.log2(low)) / count));
  const ticks: number[] = [];
  for (let e = Math.ceil(Math.log2(low)); 2 ** e <= high; e += step) ticks.push(2 ** e);
  return ticks;
}

/** A vega expression that writes `datum.value` bytes with a binary unit. */
export const BYTES_LABEL = UNITS.slice(1).reduce(
  (rest, unit, i) => `datum.value >= ${1024 ** (i + 1)} ? format(datum.value / ${1024 ** (i + 1)}, '.4~g') + ' ${unit}' : ${rest}`,
  `format(datum.value, '.4~g') + ' B'`,
);

/** A vega expression that writes `datum.value` ns with a unit. */
export const DURATION_LABEL =
  "datum.value >= 1e9 ? format(datum.value / 1e9, '.4~g') + ' s' : datum.value >= 1e6 ? format(datum.value / 1e6, '.4~g') + ' ms' : " +
  "datum.value >= 1e3 ? format(datum.value / 1e3, '.4~g') + ' us' : format(datum.value, '.4~g') + ' ns'";

/** The same hues where they would be too dark to read on the dark background. */
export const SERIES_DARK: Readonly<Record<string, string>> = {
  '#0072b2': '#3d9bdc',
  '#d55e00': '#e8742a',
  '#009e73': '#1fb389',
  '#8a6d3b': '#b8975c',
  '#6f7f8c': '#93a3b0',
};

/** Colour of a scheme on the theme's background. */
export function colorOf(family: string, theme: Theme): string {
  const { color } = styleOf(family);
  return theme === DARK ? (SERIES_DARK[color] ?? color) : color;
}

/** 1, 2, 5 times powers of ten within [low, high], for logarithmic axes. */
export function durationTicks(low: number, high: number): number[] {
  const decades = Math.log10(high / low);
  const steps = decades < 2 ? [1, 2, 5] : [1];
  const ticks: number[] = [];
  for (let e = Math.floor(Math.log10(low)); 10 ** e <= high; e++) ticks.push(...steps.map((step) => step * 10 ** e));
  return ticks.filter((tick) => tick >= low && tick <= high);
}
