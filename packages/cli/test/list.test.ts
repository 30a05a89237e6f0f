/** `list` and completion show every entry of every registry. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';

import { FORMATS, MICRO_METRICS } from '@workset/analyze';
import { CONVERT_FORMATS } from '@workset/ingest';
import { schemes } from '@workset/replay';

import { METRICS } from '../src/commands/compare.ts';
import { convert } from '../src/commands/convert.ts';
import { COMMANDS } from '../src/commands.ts';
import { LIST_KINDS, listItems } from '../src/listing.ts';
import { FORMATS as NAMED_FORMATS } from '../src/sql-format.ts';
import { workset } from './run-cli.ts';

for (const kind of LIST_KINDS) {
  test(`list ${kind}: every id with its title`, async () => {
    const items = await listItems(kind);
    assert.ok(items.length > 0);
    const { code, stdout } = await workset(['list', kind]);
    assert.equal(code, 0);
    for (const { id } of items) assert.match(stdout, new RegExp(`^ *${id} `, 'm'));
    assert.deepEqual(
      (JSON.parse((await workset(['list', kind, '--json'])).stdout) as { id: string }[]).map(({ id }) => id),
      items.map(({ id }) => id),
    );
  });
}

test('one scheme: parameters with defaults, units and sources, and its blind spots', async () => {
  for (const { descriptor, config } of schemes.all) {
    const { stdout } = await workset(['list', 'schemes', descriptor.id]);
    for (const name of Object.keys(config)) assert.match(stdout, new RegExp(`^ {2}${name} +\\S`, 'm'));
    for (const spot of descriptor.blindSpots) assert.ok(stdout.includes(`- ${spot}`), `${descriptor.id}: ${spot}`);
  }
});

test('bash completion is a valid script that knows every command and scheme', async () => {
  const { code, stdout } = await workset(['completion', 'bash']);
  assert.equal(code, 0);
  const complete = (...words: string[]): string[] =>
    execFileSync(
      'bash',
      ['-c', `${stdout}\nCOMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _workset; printf '%s\\n' "\${COMPREPLY[@]}"`, 'bash', ...words],
      { cwd: '/' },
    )
      .toString()
      .split('\n');
  const commands = complete('workset', '');
  for (const { name } of COMMANDS) assert.ok(commands.includes(name), name);
  assert.deepEqual(
    complete('workset', 'rep').filter((word) => word !== ''),
    ['replay', 'report'],
  );
  assert.ok(complete('workset', 'replay', '--sche').includes('--scheme'));
  assert.ok(complete('workset', 'replay', '--scheme', 'uffd').includes('uffd-rwp'));
});

test('sql knows the formats of analyze', () => {
  assert.deepEqual(NAMED_FORMATS, FORMATS);
});

test("choices that help lists without loading a library are the library's own", () => {
  assert.deepEqual(METRICS, [...Object.keys(MICRO_METRICS), 'overhead']);
  assert.deepEqual(convert.options.find(({ name }) => name === 'format')?.choices, CONVERT_FORMATS);
});
