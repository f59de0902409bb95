// `npm run package:check`: would a stranger who installs the package get what package.json promises?
// Packs it as `npm publish` would, and asks publint and attw about the tarball, then Node itself: every export must
// load with import() and with require(), and every bin must run.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const run = (command, args, options = {}) => execFileSync(command, args, { encoding: 'utf8', ...options });

/** Starts the server with what the tarball holds, until it says that it listens. */
async function serves(file) {
  const args = [file, 'serve', '--store', 'memory', '--listen', '127.0.0.1:0'];
  const server = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'], timeout: 60_000 });
  const [said] = await Promise.race([once(server.stdout, 'data'), once(server, 'exit').then(() => [''])]);
  server.kill();
  if (!String(said).startsWith('rollcall listening on ')) throw new Error('rollcall serve did not come up');
}

const dir = mkdtempSync(join(tmpdir(), 'rollcall-package-'));
try {
  // --ignore-scripts: the build is this script's caller's, and `prepack` would pull dist/ from under a running test.
  const packed = run('npm', ['pack', '--silent', '--ignore-scripts', '--pack-destination', dir]).trim();
  const tarball = join(dir, packed);
  run('publint', ['run', tarball, '--strict'], { stdio: 'inherit' });
  run('attw', [tarball, '--profile', 'esm-only', '--format', 'ascii', '--exclude-entrypoints', './proto/*'], {
    stdio: 'inherit',
  });

  run('tar', ['-xzf', tarball, '-C', dir]);
  symlinkSync(resolve('node_modules'), join(dir, 'node_modules'));
  const cwd = join(dir, 'package');
  const { name, version, exports, bin } = JSON.parse(readFileSync(join(cwd, 'package.json'), 'utf8'));
  const entries = Object.keys(exports).filter((entry) => typeof exports[entry] === 'object');
  for (const entry of entries) {
    const specifier = JSON.stringify(name + entry.slice(1));
    run(process.execPath, ['--input-type=module', '-e', `await import(${specifier})`], { cwd, stdio: 'inherit' });
    run(process.execPath, ['--no-warnings', '--input-type=commonjs', '-e', `require(${specifier})`], {
      cwd,
      stdio: 'inherit',
    });
  }
  for (const [command, file] of Object.entries(bin)) {
    const said = run(process.execPath, [file, '--version'], { cwd }).trim();
    if (!said.includes(version)) throw new Error(`${command} --version says ${said}, package.json ${version}`);
  }
  await serves(join(cwd, bin.rollcall));
  console.log(
    `${packed}: ${entries.length} entry points load by import and by require, and its command runs and serves`,
  );
} catch (error) {
  // The tool that refused has said why above; its stack is of no use.
  console.error(error.message);
  process.exitCode = 1;
} finally {
  rmSync(dir, { recursive: true, force: true });
}
