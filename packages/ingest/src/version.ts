import { readFileSync } from 'node:fs';

/** Version of this package, from its package.json; recorded as the producer of a trace. */
export const VERSION: string = versionOf(new URL('../package.json', import.meta.url));

function versionOf(packageJson: URL): string {
  const { version } = JSON.parse(readFileSync(packageJson, 'utf8')) as { readonly version: string };
  return version;
}
