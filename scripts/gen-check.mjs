// `npm run gen:check`: is what `npm run gen` makes of the protos what is committed? Prints the difference where it is not.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const fresh = mkdtempSync(join(tmpdir(), 'rollcall-gen-'));
try {
  execFileSync(process.execPath, ['scripts/gen.mjs', fresh], { stdio: 'inherit' });
  for (const made of ['src/gen', 'examples/gen', 'proto/rollcall.binpb']) {
    const args = ['diff', '--no-index', '--no-ext-diff', '--', made, join(fresh, made)];
    const { status, error } = spawnSync('git', args, { stdio: 'inherit' });
    if (error !== undefined) throw error;
    if (status === 0) continue;
    console.error(`${made} is not what the protos say: run \`npm run gen\` and commit the result`);
    process.exitCode = 1;
  }
} finally {
  rmSync(fresh, { recursive: true, force: true });
}
