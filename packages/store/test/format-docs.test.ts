import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { TABLES } from '@workset/model';
import type { TableSpec } from '@workset/model';

const text = readFileSync(new URL('../../../docs/results-format.md', import.meta.url), 'utf8');

test('docs/results-format.md describes every table and column as the schema has it', () => {
  const sections = text.split('\n### ').slice(1);
  assert.deepEqual(
    sections.map((section) => section.split('\n', 1)[0]),
    Object.keys(TABLES),
  );
  for (const [i, table] of Object.values<TableSpec>(TABLES).entries()) {
    const rows = sections[i]!.split('\n').filter((line) => line.startsWith('| `'));
    assert.deepEqual(
      rows,
      table.columns.map(
        ({ name, type, nullable, unit, comment }) =>
          `| \`${name}\` | ${type}${nullable === true ? ', may be NULL' : ''} | ${unit} | ${comment.replaceAll('|', '\\|')} |`,
      ),
    );
  }
});
