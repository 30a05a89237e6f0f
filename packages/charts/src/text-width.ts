/** Widths of text in the bundled font, so that layout does not depend on a canvas or on installed fonts. */

/** Advance widths of U+0020..U+007E in DejaVu Sans 2.37, in hundredths of the font size. */
const REGULAR =
  advances(`32 40 46 84 64 95 78 27 39 39 50 84 32 36 32 34 64 64 64 64 64 64 64 64 64 64 34 34 84 84 84 53 100 68 69 70 77 63 58 77 75 29 29 66 56
86 75 79 60 79 69 63 61 73 68 99 69 61 69 39 34 39 84 50 50 61 63 55 63 62 35 63 63 28 28 58 28 97 63 61 63 63 41 52 39 63 59 82 59 59 52 64 34 64 84`);
const BOLD =
  advances(`35 46 52 84 70 100 87 31 46 46 52 84 38 42 38 37 70 70 70 70 70 70 70 70 70 70 40 40 84 84 84 58 100 77 76 73 83 68 68 82 84 37 37 77 64
100 84 85 73 85 77 72 68 81 77 110 77 72 73 46 37 46 84 50 50 67 72 59 72 68 44 72 71 34 34 67 34 104 71 69 72 72 49 60 48 71 65 92 65 65 58 71 37 71 84`);
/** For characters outside the table. */
const OTHER = 70;

/** Width in px of one line at `fontSize` px. */
export function textWidth(line: string, fontSize: number, bold = false): number {
  const table = bold ? BOLD : REGULAR;
  let sum = 0;
  for (const char of line) sum += table[char.codePointAt(0)! - 32] ?? OTHER;
  return (sum * fontSize) / 100;
}

/** Breaks a line at spaces so that it fits `widthPx`; a longer word keeps a line of its own. */
export function wrap(line: string, widthPx: number, fontSize: number, bold = false): string[] {
  const lines: string[] = [];
  let current = '';
  for (const word of line.split(' ')) {
    const longer = current === '' ? word : `${current} ${word}`;
    if (current !== '' && textWidth(longer, fontSize, bold) > widthPx) {
      lines.push(current);
      current = word;
    } else current = longer;
  }
  if (current !== '') lines.push(current);
  return lines;
}

function advances(list: string): readonly number[] {
  return list.split(/\s+/).map(Number);
}
