import assert from 'node:assert/strict';
import { test } from 'node:test';

import { splitStatements, statementsOf } from '../src/shell/statement.ts';

const CASES: readonly (readonly [string, readonly string[], string])[] = [
  ['SELECT 1', [], 'SELECT 1'],
  ['SELECT 1;', ['SELECT 1'], ''],
  ['a; b; c', ['a', 'b'], 'c'],
  ["SELECT ';' ;", ["SELECT ';'"], ''],
  ["SELECT 'it''s;", [], "SELECT 'it''s;"],
  ['SELECT "a;b"; x', ['SELECT "a;b"'], 'x'],
  ['SELECT 1 -- no; not here\n;', ['SELECT 1 -- no; not here'], ''],
  ['SELECT /* ; */ 1; /* open ;', ['SELECT /* ; */ 1'], '/* open ;'],
  ['SELECT $$;$$;', ['SELECT $$;$$'], ''],
  [';;', [], ''],
];
for (const [text, complete, rest] of CASES) {
  test(JSON.stringify(text), () => assert.deepEqual(splitStatements(text), { complete, rest }));
}
test('statements of a file', () => {
  assert.deepEqual(statementsOf("-- head; line\nSELECT ';' AS a;\n/* x */ SELECT 2 -- end\n; -- nothing behind\n"), [
    "-- head; line\nSELECT ';' AS a",
    '/* x */ SELECT 2 -- end',
  ]);
  assert.deepEqual(statementsOf(' ; -- only a comment'), []);
});
