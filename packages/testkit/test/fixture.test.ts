/** Every captured file in the repository is the one its provenance describes. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative, sep } from 'node:path';
import { describe, it } from 'node:test';
import { fixture, tracesDir } from '@workset/testkit';

const cases = readdirSync(tracesDir(), { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name);

describe('traces/', () => {
  it('has cases', () => {
    assert.ok(cases.length > 0);
  });
  for (const name of cases) {
    it(`${name}: every file has the sha256 that provenance.json gives`, () => {
      const { provenance, file } = fixture(name);
      for (const listed of Object.keys(provenance.files)) assert.ok(existsSync(file(listed)));
    });
    it(`${name}: every file is listed`, () => {
      const { dir, provenance } = fixture(name);
      const entries = readdirSync(dir, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
      const present = entries.map((entry) => relative(dir, join(entry.parentPath, entry.name)));
      const captured = present.filter((path) => path !== 'provenance.json' && !path.startsWith(`golden${sep}`));
      assert.deepEqual(
        captured.filter((path) => !(path in provenance.files)),
        [],
      );
    });
  }
});

describe('fixture', () => {
  it('refuses a file that was changed, and one that is not listed', (t) => {
    const root = mkdtempSync(join(tmpdir(), 'workset-testkit-'));
    t.after(() => rmSync(root, { recursive: true, force: true }));
    mkdirSync(join(root, 'x'));
    writeFileSync(join(root, 'x', 'a.txt'), 'changed');
    writeFileSync(
      join(root, 'x', 'provenance.json'),
      JSON.stringify({ case: 'x', files: { 'a.txt': { bytes: 7, sha256: '0'.repeat(64) } } }),
    );
    assert.throws(() => fixture('x', root).file('a.txt'), /x\/a\.txt is not the file described/);
    assert.throws(() => fixture('x', root).file('b.txt'), /does not list b\.txt/);
  });
});
