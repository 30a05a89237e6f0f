/** Text from traces never becomes markup: escaping for HTML, and for JSON and code inside <script>. */

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

export function escapeHtml(value: string): string {
  return value.replace(/[&<>"']/g, (char) => ENTITIES[char]!);
}

/** JSON that is safe inside a <script> element: no `<`, no line separators. */
export function scriptJson(value: unknown): string {
  return JSON.stringify(value).replace(/[<>\u2028\u2029]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** Library code for a <script> element: `</script` inside a string literal or a regular expression would end it. */
export function inlineScript(code: string): string {
  return code.replace(/<(?=\/script|!--)/gi, '\\x3c');
}
