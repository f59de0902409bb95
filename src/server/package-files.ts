import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The `.proto` files that come with the package. */
export const PROTO_DIR = fileURLToPath(new URL('../../proto', import.meta.url));

/** This package's version, as in package.json. */
export function packageVersion(): string {
  const file = new URL('../../package.json', import.meta.url);
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}
