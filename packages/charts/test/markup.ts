/** A strict little reader of markup: tags must balance, attributes must be quoted. Enough for what we write ourselves. */
import assert from 'node:assert/strict';

export interface Tag {
  readonly name: string;
  readonly attributes: ReadonlyMap<string, string>;
}

const VOID = new Set(['meta', 'br', 'hr', 'img', 'input', 'link']);
const RAW = /^(script|style)$/;

/** Every start tag in order; fails the test on unbalanced or malformed markup. */
export function readMarkup(text: string): Tag[] {
  const tags: Tag[] = [];
  const open: string[] = [];
  let at = 0;
  for (;;) {
    const lt = text.indexOf('<', at);
    if (lt < 0) break;
    const around = text.slice(lt, lt + 80);
    if (text.startsWith('<!doctype', lt)) {
      at = text.indexOf('>', lt) + 1;
      continue;
    }
    const match = /^<(\/?)([a-zA-Z][\w:-]*)((?:\s+[\w:-]+(?:="[^"<]*")?)*)\s*(\/?)>/.exec(text.slice(lt, lt + 400_000));
    assert.ok(match !== null, `malformed tag: ${around}`);
    const [whole, close, name, attributes, selfClosing] = match as unknown as [string, string, string, string, string];
    at = lt + whole.length;
    if (close === '/') {
      assert.equal(open.pop(), name, `unbalanced </${name}> at ${around}`);
      continue;
    }
    tags.push({
      name,
      attributes: new Map([...attributes.matchAll(/([\w:-]+)(?:="([^"]*)")?/g)].map(([, key, value]) => [key!, value ?? ''])),
    });
    if (selfClosing === '/' || VOID.has(name)) continue;
    open.push(name);
    if (RAW.test(name)) at = text.indexOf(`</${name}`, at);
  }
  assert.deepEqual(open, [], 'every element is closed');
  return tags;
}
