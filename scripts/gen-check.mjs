// `npm run gen:check`: is src/gen what `npm run gen` makes of proto/? Prints the difference where it is not.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const fresh = mkdtempSync(join(tmpdir(), 'rollcall-gen-'));
try {
  execFileSync('buf', ['generate', '--output', fresh], { stdio: 'inherit' });
  const args = ['diff', '--no-index', '--no-ext-diff', '--', 'src/gen', join(fresh, 'src/gen')];
  const { status, error } = spawnSync('git', args, { stdio: 'inherit' });
  if (error !== undefined) throw error;
  if (status !== 0) {
    console.error('src/gen is not what proto/ says: run `npm run gen` and commit the result');
    process.exitCode = 1;
  }
} finally {
  rmSync(fresh, { recursive: true, force: true });
}
