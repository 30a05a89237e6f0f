/** Markup by tagged template: every value is escaped unless it is Markup already. */
import { escapeHtml } from '../escape.ts';

export class Markup {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
  toString(): string {
    return this.text;
  }
}

export type Child = Markup | string | number | null | undefined | false | readonly Child[];

/** `` html`<p>${fromTrace}</p>` ``: strings are escaped, arrays joined, null, undefined and false are nothing. */
export function html(parts: TemplateStringsArray, ...children: readonly Child[]): Markup {
  return new Markup(parts.reduce((text, part, i) => text + renderChild(children[i - 1]) + part));
}

/** Text that is markup already: our own styles, scripts and drawn SVG only. */
export function raw(text: string): Markup {
  return new Markup(text);
}

function renderChild(child: Child): string {
  if (child === null || child === undefined || child === false) return '';
  if (child instanceof Markup) return child.text;
  if (Array.isArray(child)) return child.map((item: Child) => renderChild(item)).join('');
  return escapeHtml(String(child));
}
