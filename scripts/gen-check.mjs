// `npm run gen:check`: is what `npm run gen` makes of proto/ what is committed? Prints the difference where it is not.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const DESCRIPTORS = 'proto/rollcall.binpb';

const fresh = mkdtempSync(join(tmpdir(), 'rollcall-gen-'));
try {
  execFileSync('buf', ['generate', '--output', fresh], { stdio: 'inherit' });
  mkdirSync(join(fresh, 'proto'));
  const build = ['build', '--path', 'proto/rollcall/v1', '--as-file-descriptor-set', '-o', join(fresh, DESCRIPTORS)];
  execFileSync('buf', build, { stdio: 'inherit' });
  for (const made of ['src/gen', DESCRIPTORS]) {
    const args = ['diff', '--no-index', '--no-ext-diff', '--', made, join(fresh, made)];
    const { status, error } = spawnSync('git', args, { stdio: 'inherit' });
    if (error !== undefined) throw error;
    if (status === 0) continue;
    console.error(`${made} is not what proto/ says: run \`npm run gen\` and commit the result`);
    process.exitCode = 1;
  }
} finally {
  rmSync(fresh, { recursive: true, force: true });
}
