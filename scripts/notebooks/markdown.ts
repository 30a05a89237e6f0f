/** The Markdown that notebooks use, as HTML: headings, paragraphs, lists, tables, code blocks, emphasis, code, links. All text is escaped. */

export function escapeHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}

export function markdownHtml(source: string): string {
  // blocks are parted by empty lines, but for fenced code
  const blocks = source.split(/\n{2,}(?=(?:[^`]|`(?!``)|```[\s\S]*?```)*$)/);
  return blocks
    .map((block) => block.replace(/^\n+|\s+$/g, ''))
    .filter((block) => block !== '')
    .map(blockHtml)
    .join('\n');
}

function blockHtml(block: string): string {
  // ## text
  const heading = /^(#{1,4}) (.*)$/.exec(block);
  if (heading !== null) return headingHtml(heading[1]!.length, heading[2]!);
  if (block.startsWith('#'))
    return block
      .split('\n')
      .map((line, i, all) => (i === 0 ? blockHtml(line) : i === 1 ? blockHtml(all.slice(1).join('\n')) : ''))
      .join('\n');
  if (block.startsWith('```')) return `<pre><code>${escapeHtml(block.split('\n').slice(1, -1).join('\n'))}</code></pre>`;
  if (/^[-*] /.test(block)) return `<ul>${listItems(block, /\n(?=[-*] )/, /^[-*] /)}</ul>`;
  if (/^\d+\. /.test(block)) return `<ol>${listItems(block, /\n(?=\d+\. )/, /^\d+\. /)}</ol>`;
  if (block.startsWith('|')) return tableHtml(block);
  return `<p>${inlineHtml(block)}</p>`;
}

function headingHtml(level: number, text: string): string {
  // C13: text → c13
  const claim = /^(C\d+):/.exec(text)?.[1];
  const id = (claim ?? text)
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-|-$/g, '');
  return `<h${level} id="${id}">${inlineHtml(text)}</h${level}>`;
}

function listItems(block: string, between: RegExp, bullet: RegExp): string {
  return block
    .split(between)
    .map((item) => `<li>${inlineHtml(item.replace(bullet, ''))}</li>`)
    .join('');
}

function tableHtml(block: string): string {
  const rows = block.split('\n').map((line) =>
    line
      .replace(/^\||\|$/g, '')
      .split('|')
      .map((cell) => cell.trim()),
  );
  const line = (cells: readonly string[], tag: string): string =>
    `<tr>${cells.map((cell) => `<${tag}>${inlineHtml(cell)}</${tag}>`).join('')}</tr>`;
  return `<table><thead>${line(rows[0]!, 'th')}</thead><tbody>${rows
    .slice(2)
    .map((row) => line(row, 'td'))
    .join('')}</tbody></table>`;
}

export function inlineHtml(text: string): string {
  return text
    .split(/(`[^`]*`)/)
    .map((part) => (part.startsWith('`') ? `<code>${escapeHtml(part.slice(1, -1))}</code>` : emphasised(escapeHtml(part))))
    .join('');
}

function emphasised(text: string): string {
  return text
    .replaceAll(/\*\*([^*]+)\*\*/g, '<strong>$1</strong>')
    .replaceAll(/(?<![\w*])\*([^*\s][^*]*)\*/g, '<em>$1</em>')
    .replaceAll(/\[([^\]]+)\]\(((?:https:|#|\.{0,2}\/|[\w-]+\.)[^)\s"]*)\)/g, '<a href="$2">$1</a>');
}
