/** Manifests: every key does what it says, every mistake is named with its key and line, and the JSON Schema agrees. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { TraceFormatError, UnreadableInputError, UsageError } from '@workset/model';
import { openTrace } from '@workset/store';
import { ingestCapture } from '@workset/ingest';
import { parse } from 'yaml';
import { readManifestFile } from '../src/capture/manifest.ts';
import { INPUT_KEYS, manifestSchema } from '../src/capture/manifest-keys.ts';

const root = mkdtempSync(join(tmpdir(), 'workset-manifest-'));
after(() => rmSync(root, { recursive: true }));
const SCHEMA_FILE = join(import.meta.dirname, '../../../docs/manifest.schema.json');
const traces = join(import.meta.dirname, '../../../traces');

function manifest(text: string): string {
  const path = join(root, 'm.yaml');
  writeFileSync(path, text);
  return path;
}
const read = (text: string) => readManifestFile(manifest(text));

/** One good and one bad value of every key; bad ones that only the reader can tell are marked. */
const VALUES: Readonly<Record<string, { readonly good: readonly [yaml: string, expected: object]; readonly bad: string }>> = {
  format: { good: ['vmgt', { format: 'vmgt' }], bad: 'vmtg' },
  segment: { good: ['A', { segment: 'A' }], bad: '[A]' },
  space: { good: ['gva', { options: { space: 'gva' } }], bad: 'moon' },
  arena: { good: ['0x7f1234567000', { arenaPage: 0x7f1234567 }], bad: 'here' },
  'clock-offset': { good: ['-2ms', { clockOffsetNs: -2e6 }], bad: '2 parsecs' },
  ranges: {
    good: ['[0x1000-0x3000, 0x8000+4K]', { options: { vaddr: '0x1000-0x3000,0x8000+4K', range: '0x1000-0x3000,0x8000+4K' } }],
    bad: '[x]',
  },
  'slot-base': { good: ['{ 0: 0, 1: 0x100000 }', { options: { 'slot-base': '0:0,1:1048576' } }], bad: '{ a: 1 }' },
  begin: { good: ['1500ms', { options: { begin: '1500ms' } }], bad: 'soon' },
  end: { good: ['2000000000', { options: { end: '2000000000' } }], bad: '-1' },
  aggregation: { good: ['100ms', { options: { aggregation: '100ms' } }], bad: '100' },
  marked: { good: ['marked.bin', { options: { marked: join(root, 'marked.bin') } }], bad: '5' },
  'accesses-per-second': { good: ['1e9', { options: { 'accesses-per-second': '1000000000' } }], bad: '0' },
  'instructions-per-second': { good: ['500000000', { options: { 'instructions-per-second': '500000000' } }], bad: 'many' },
  options: { good: ['{ fields: "time,addr", strict: true }', { options: { fields: 'time,addr', strict: 'true' } }], bad: '[1]' },
};

describe('keys', () => {
  test('all of them are tested here', () => assert.deepEqual(Object.keys(VALUES).sort(), Object.keys(INPUT_KEYS).sort()));

  for (const [key, { good, bad }] of Object.entries(VALUES)) {
    test(`${key}: a good value is understood`, async () => {
      const { inputs } = await read(`inputs:\n  - path: a.bin\n    ${key}: ${good[0]}\n`);
      assert.deepEqual(inputs, [{ path: join(root, 'a.bin'), options: {}, ...good[1] }]);
    });
    test(`${key}: a bad one is refused with key and line`, async () => {
      await assert.rejects(
        read(`# a comment\ninputs:\n  - path: a.bin\n    ${key}: ${bad}\n`),
        (error: unknown) => error instanceof UsageError && error.message.includes(`m.yaml:4: ${key}: `) && (error.hint ?? '').length > 10,
      );
    });
  }
});

describe('mistakes', () => {
  for (const [what, text, expected] of [
    ['unknown key', 'inputs:\n  - path: a\n    clok-offset: 1ms\n', /m\.yaml:3: clok-offset: unknown key/],
    ['unknown key at the top', 'name: x\nfiles: []\ninputs: []\n', /m\.yaml:2: files: unknown key/],
    ['no path', 'inputs:\n  - format: vmgt\n', /m\.yaml:2: path: it is missing/],
    ['inputs is no list', 'inputs: a.bin\n', /m\.yaml:1: inputs: a list/],
    ['no inputs', 'name: x\n', /inputs: the list of files is missing/],
    ['a list at the top', '- a\n', /the manifest is not a mapping/],
    ['an arena inside a page', 'inputs:\n  - path: a\n    arena: 0x1001\n', /m\.yaml:3: arena: .*not a page address/],
  ] as const) {
    test(what, async () => {
      await assert.rejects(read(text), (error: unknown) => error instanceof UsageError && expected.test(error.message));
    });
  }
  test('a near miss is named', async () => {
    await assert.rejects(
      read('inputs:\n  - path: a\n    formt: vmgt\n'),
      (error: unknown) => error instanceof UsageError && /did you mean format/.test(error.hint!),
    );
  });
  test('what is no YAML, and what is not there', async () => {
    await assert.rejects(read('inputs: [a\n'), (error: unknown) => error instanceof TraceFormatError && error.place.line !== undefined);
    await assert.rejects(readManifestFile(join(root, 'none.yaml')), UnreadableInputError);
  });
});

describe('the JSON Schema', () => {
  test('docs/manifest.schema.json is the one of the code (WORKSET_WRITE_SCHEMA=1 writes it)', () => {
    const text = `${JSON.stringify(manifestSchema(), null, 2)}\n`;
    if (process.env['WORKSET_WRITE_SCHEMA'] === '1') writeFileSync(SCHEMA_FILE, text);
    assert.equal(readFileSync(SCHEMA_FILE, 'utf8'), text);
  });

  const validate = new Ajv2020({ allowUnionTypes: true }).compile(manifestSchema());
  for (const [key, { good, bad }] of Object.entries(VALUES)) {
    test(`agrees about ${key}`, () => {
      const valid = (value: string): boolean => validate(parse(`inputs:\n  - path: a.bin\n    ${key}: ${value}\n`));
      assert.ok(valid(good[0]), JSON.stringify(validate.errors));
      assert.ok(!valid(bad));
    });
  }
  test('agrees about what is missing or unknown', () => {
    for (const text of [
      'name: x\n',
      'inputs: [{format: vmgt}]\n',
      'inputs: a\n',
      'inputs: [{path: a, formt: b}]\n',
      'files: []\ninputs: []\n',
    ])
      assert.ok(!validate(parse(text)), text);
    assert.ok(validate(parse('name: x\ninputs: [a.bin, {path: b.bin}]\n')));
  });
});

describe('a manifest at work', () => {
  test('gives slot bases and ranges to dumps, and globs stand for files', async () => {
    const out = join(root, 'dumps.trace');
    const files = `inputs:
  - { path: ${join(traces, 'kvm-dirty/dirty_bitmap.slot0.bin')}, format: kvm-dirty, slot-base: 0x100, begin: 0, end: 1s }
  - { path: ${join(traces, 'pagemap/pagemap.after-w*.bin')}, format: pagemap, ranges: 0x7a0000000000-0x7a0000040000, begin: 1s, end: 2s }
`;
    const result = await ingestCapture([], { out, manifest: manifest(files) });
    assert.deepEqual(result.inputs.map(({ path, format }) => [path.replace(/^.*\//, ''), format]).sort(), [
      ['dirty_bitmap.slot0.bin', 'kvm-dirty'],
      ['pagemap.after-wp.bin', 'pagemap'],
      ['pagemap.after-write.bin', 'pagemap'],
    ]);
    assert.equal(result.diagnostics.filter(({ code }) => code === 'no-time').length, 0);
    const trace = await openTrace(out);
    const stream = trace.manifest.streams.find(({ stream: name }) => name.startsWith('dirty_bitmap'))!;
    assert.equal(trace.observations(stream.stream)[0]!.reported!.startPage, 0x100);
    trace.close();
  });

  test('a quoted glob works on the command line, too, and one without a match is refused', async () => {
    const result = await ingestCapture([join(traces, 'damon-sysfs/tried_region?.txt')], { out: join(root, 'glob.trace') });
    assert.equal(result.inputs.length, 1);
    await assert.rejects(
      ingestCapture([join(root, '*.nothing')], { out: join(root, 'none.trace') }),
      (error: unknown) => error instanceof UnreadableInputError && /no file matches/.test(error.message),
    );
  });
});
