/** Help, wrong use, and what the exit codes and suggestions say. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { COMMANDS } from '../src/commands.ts';
import { TOPICS } from '../src/topics.ts';
import { errorOf, scratch, workset } from './run-cli.ts';

test('--help lists every command on stdout', async () => {
  const { code, stdout, stderr } = await workset(['--help']);
  assert.equal(code, 0);
  assert.equal(stderr, '');
  for (const { name, summary } of COMMANDS) assert.match(stdout, new RegExp(`^  ${name} .*${summary.slice(0, 20)}`, 'm'));
});

test('--version is the version of the package', async () => {
  const { code, stdout } = await workset(['--version']);
  assert.equal(code, 0);
  assert.match(stdout, /^workset \d+\.\d+\.\d+\n$/);
});

for (const { name } of COMMANDS) {
  test(`help ${name} = ${name} --help, with every option of its table`, async () => {
    const [asked, flag] = await Promise.all([workset(['help', name]), workset([name, '--help'])]);
    assert.equal(asked.code, 0);
    assert.equal(asked.stdout, flag.stdout);
    const { options } = await COMMANDS.find((entry) => entry.name === name)!.load();
    for (const option of options) assert.ok(asked.stdout.includes(`--${option.name}`), option.name);
  });
}

test('every topic has help', async () => {
  for (const { id, title } of TOPICS) {
    const { code, stdout } = await workset(['help', id]);
    assert.equal(code, 0);
    assert.ok(stdout.startsWith(title));
  }
});

const WRONG: readonly (readonly [string, readonly string[], RegExp])[] = [
  ['nothing at all', [], /a command or a file is needed/],
  ['an unknown command, with the nearest', ['repaly'], /no command "repaly".*\n.*did you mean replay/],
  ['an unknown flag, with the nearest', ['info', 'x', '--verfy'], /info has no option --verfy\n.*did you mean --verify/],
  ['an unknown short flag', ['info', 'x', '-z'], /info has no option -z/],
  ['an unknown flag without a command', ['--frobnicate'], /no option --frobnicate/],
  ['a missing argument', ['replay'], /replay needs <trace>/],
  ['too many arguments', ['score', 'a', 'b'], /score takes DIR, so "b" is too many/],
  ['a flag without its value', ['synth', 'zipf', '--out'], /--out needs a value/],
  ['a flag given twice', ['synth', 'zipf', '-o', 'a', '-o', 'b'], /--out is given twice/],
  ['a missing --out', ['synth', 'zipf'], /--out is needed\n.*e\.g\. workset synth zipf -o t\.trace/],
  ['an unknown pattern', ['synth', 'zapf', '-o', 'x'], /"zapf"[\s\S]*did you mean zipf/],
  ['a value outside its choices', ['ingest', 'x', '-o', 'y', '--space', 'gpu'], /--space "gpu" is not known\n.*did you mean gpa/],
  ['a number without a unit', ['synth', 'zipf', '-o', 'x', '--quantum', '5'], /--quantum: not a duration: "5"/],
  ['a word for a number', ['synth', 'zipf', '-o', 'x', '--seed', 'one'], /--seed: not a whole number/],
  ['an unknown help topic', ['help', 'sweps'], /did you mean sweeps/],
  ['an unknown thing to list', ['list', 'uffd-rpw'], /did you mean uffd-rwp/],
  ['an unknown shell', ['completion', 'csh'], /shells: bash, zsh, fish/],
];
for (const [what, args, message] of WRONG) {
  test(`refuses ${what}`, async () => {
    const { code, stdout, stderr } = await workset(args);
    assert.equal(code, 2, stderr);
    assert.equal(stdout, '');
    assert.match(stderr, message);
    assert.match(stderr, /^workset: /);
  });
}

test('with --json a usage error is one JSON object on stderr', async () => {
  const ran = await workset(['replay', '--json', '--shceme', 'x']);
  assert.equal(ran.code, 2);
  assert.equal(ran.stderr.trim().split('\n').length, 1);
  const error = errorOf(ran);
  assert.equal(error.code, 'usage');
  assert.match(error.message, /--shceme/);
  assert.match(error.hint!, /--scheme/);
});

test('bad schemes are refused before anything is written, with the nearest name', async (t) => {
  const dir = scratch(t);
  const trace = `${dir}/t.trace`;
  assert.equal((await workset(['synth', 'zipf', '-o', trace, '--pages', '512', '--seconds', '0.2', '--rate', '1e4'])).code, 0);
  const cases: readonly (readonly [string, RegExp])[] = [
    ['uffd-rpw', /unknown tracking scheme "uffd-rpw"\n.*did you mean uffd-rwp/],
    ['uffd-rwp:intervall=1s', /no parameter "intervall"\n.*did you mean interval/],
    ['uffd-rwp:interval=100', /uffd-rwp:interval: not a duration: "100"/],
    ['uffd-rwp:interval', /no key=value in "interval"/],
    ['uffd-rwp:interval=2s:1s:x2', /ends before it starts/],
  ];
  for (const [scheme, message] of cases) {
    const { code, stderr } = await workset(['replay', trace, '-o', `${dir}/r`, '--scheme', scheme]);
    assert.equal(code, 2, stderr);
    assert.match(stderr, message);
  }
  const { code } = await workset(['info', `${dir}/r`]);
  assert.equal(code, 3, 'no results directory was made');
});

test('what is written whole is not written to a file called -', async () => {
  for (const args of [
    ['synth', 'zipf', '-o', '-'],
    ['ingest', 'x.vmgt', '-o', '-'],
    ['convert', 'x.trace', '-o', '-', '--format', 'csv'],
  ]) {
    const { code, stderr } = await workset(args);
    assert.equal(code, 2, stderr);
    assert.match(stderr, /-o - is stdout/);
  }
});

test('races: more than 3 accesses are refused, not cut to 3', async () => {
  assert.equal((await workset(['races', 'uffd-wp', '--accesses', '4'])).code, 2);
});
