import { spawnSync } from 'node:child_process';

/**
 * Brings the compiled programs of `examples`, `demo` or `soak` up to date, on top of the build of the package.
 *
 * @throws Error with the compiler's own words
 */
export function buildPrograms(folder: 'examples' | 'demo' | 'soak'): void {
  const { status, stdout, error } = spawnSync('npx', ['tsc', '-p', `${folder}/tsconfig.build.json`], {
    encoding: 'utf8',
  });
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`${folder} did not compile:\n${stdout}`);
}
