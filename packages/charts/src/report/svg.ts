/** A drawn chart made fit for a page: colours become CSS variables (light and dark from one drawing), ids unique, marks merged. */
import { DARK, LIGHT, SERIES_DARK } from '../style.ts';

const VARIABLES: readonly { readonly name: string; readonly light: string; readonly dark: string }[] = [
  ...(['background', 'ink', 'muted', 'grid', 'truth', 'frame'] as const).map((key) => ({
    name: `--c-${key}`,
    light: LIGHT[key],
    dark: DARK[key],
  })),
  ...LIGHT.ramp.map((light, i) => ({ name: `--c-ramp${i}`, light, dark: DARK.ramp[i]! })),
  ...Object.entries(SERIES_DARK).map(([light, dark], i) => ({ name: `--c-series${i}`, light, dark })),
];
const BY_COLOR = new Map(VARIABLES.map((variable) => [variable.light, `var(${variable.name})`]));

/** Declarations for `:root` and for the dark theme. */
export function colorVariables(theme: 'light' | 'dark'): string {
  return VARIABLES.map((variable) => `${variable.name}:${variable[theme]}`).join(';');
}

/**
 * @param svg drawn with the light theme
 * @param id unique in the page; prefixes the ids inside
 * @param labelledBy id of the element whose text a screen reader says instead of the drawing
 */
export function embedSvg(svg: string, id: string, labelledBy: string): string {
  const size = /<svg[^>]* width="([\d.]+)" height="([\d.]+)"/.exec(svg);
  const [width, height] = [size?.[1] ?? '960', size?.[2] ?? '400'];
  const body = svg
    .replace(/^<svg[^>]*>(<rect[^>]*\/>)?/, '')
    .replace(/ (?:aria-[a-z]+|role|pointer-events)="[^"]*"/g, '')
    .replace(/<path(?: class="[^"]*")? d="[^"]*" display="none"\/>/g, '')
    .replace(/<g class="mark-rect [^"]*"[^>]*>(?:<path[^>]*\/>)+/g, mergePaths)
    .replace(/ class="[^"]*"/g, '')
    .replace(/ (?:d|transform)="[^"]*"/g, roundNumbers)
    .replace(/(id="|url\(#)([a-z]+_?\d+)/g, `$1${id}-$2`)
    .replace(/ font-family="[^"]*"/g, '')
    .replace(/#[0-9a-f]{6}/g, (color) => BY_COLOR.get(color) ?? color);
  return `<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-labelledby="${labelledBy}" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}">${body}`;
}

/** Rectangles that look the same become one path; they never overlap. */
function mergePaths(group: string): string {
  const start = group.indexOf('>') + 1;
  const byLook = new Map<string, string>();
  for (const [, d, look] of group.slice(start).matchAll(/<path(?: class="[^"]*")? d="([^"]*)"([^>]*)\/>/g)) {
    byLook.set(look!, (byLook.get(look!) ?? '') + d!);
  }
  return group.slice(0, start) + [...byLook].map(([look, d]) => `<path d="${d}"${look}/>`).join('');
}

function roundNumbers(attribute: string): string {
  return attribute.replace(/-?\d+\.\d{2,}/g, (number) => String(Number(Number(number).toFixed(1))));
}

/** The CSS variable that stands for a colour of the light theme, or the colour itself. */
export function embedColor(color: string): string {
  return BY_COLOR.get(color) ?? color;
}
