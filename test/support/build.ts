import { spawnSync } from 'node:child_process';

/**
 * Jest's globalSetup of the end-to-end tests: brings `dist/` up to date once, before the first of them.
 * A build that fails ends the run with the compiler's own words.
 */
export default function build(): void {
  const { status, stdout, stderr, error } = spawnSync('npm', ['run', '--silent', 'build'], { encoding: 'utf8' });
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`npm run build failed:\n${stdout}${stderr}`);
}
