import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { RollcallError } from '../core/errors.js';

const ENTRY = /[\\/]@grpc[\\/]grpc-js[\\/]build[\\/]src[\\/]index\.js$/;

/**
 * Makes sure that the program's grpc-js is the one that this package uses.
 * Each copy has a registry of its own: in a channel of another copy, the
 * scheme `rollcall` is not known, and would be looked up in the DNS.
 *
 * Looks at the copies that were loaded so far, and at the one that the main
 * module would load.
 *
 * @throws RollcallError UNSUPPORTED_GRPC_JS, which names the copies
 */
export function checkGrpcJsCopies(): void {
  const require = createRequire(import.meta.url);
  const copies = new Set([require.resolve('@grpc/grpc-js')]);
  for (const path of Object.keys(require.cache)) if (ENTRY.test(path)) copies.add(path);
  const main = process.argv[1];
  if (main !== undefined) {
    try {
      copies.add(createRequire(join(dirname(main), 'main.js')).resolve('@grpc/grpc-js'));
    } catch {
      // The main module has none of its own.
    }
  }
  if (copies.size > 1) throw twoCopies([...copies]);
}

function twoCopies(copies: readonly string[]): RollcallError {
  const message =
    `there are ${copies.length} copies of @grpc/grpc-js, which do not know of each other: ${copies.join(', ')}. ` +
    'Have all packages depend on one version (npm dedupe; npm ls @grpc/grpc-js shows who asks for which), or, where a ' +
    'library keeps one for itself, set ignoreOtherGrpcJs';
  return new RollcallError('UNSUPPORTED_GRPC_JS', message);
}
