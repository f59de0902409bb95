import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** What is built where there is no etcd but a Go toolchain. */
const BUILT_VERSION = '3.6.6';

const BUILT_DIR = join(process.cwd(), 'node_modules/.cache/rollcall-bench');

export interface EtcdBinary {
  readonly path: string;
  readonly version: string;
}

let found: EtcdBinary | undefined;

/**
 * The etcd to measure: `ROLLCALL_ETCD`, else `etcd` on PATH, else one that is
 * built once with Go and kept in node_modules/.cache. Throws if there is none.
 */
export function etcdBinary(): EtcdBinary {
  found ??= find();
  return found;
}

function find(): EtcdBinary {
  const given = process.env['ROLLCALL_ETCD'];
  if (given !== undefined && given !== '') {
    const version = versionOf(given);
    if (version === undefined) throw new Error(`ROLLCALL_ETCD is ${given}, which is no etcd`);
    return { path: given, version };
  }
  const onPath = versionOf('etcd');
  if (onPath !== undefined) return { path: 'etcd', version: onPath };
  const built = join(BUILT_DIR, `etcd-${BUILT_VERSION}`);
  if (!existsSync(built)) build(built);
  return { path: built, version: BUILT_VERSION };
}

function versionOf(binary: string): string | undefined {
  const { stdout, error } = spawnSync(binary, ['--version'], { encoding: 'utf8' });
  return error === undefined ? /^etcd Version: (\S+)/m.exec(stdout)?.[1] : undefined;
}

/** In a module of its own: `go install` asks for the list of all versions, which not every module proxy has. */
function build(target: string): void {
  const main = 'go.etcd.io/etcd/server/v3';
  const module = mkdtempSync(join(tmpdir(), 'rollcall-etcd-'));
  process.stderr.write(`there is no etcd on PATH: building ${BUILT_VERSION}, once, which takes a minute or two\n`);
  try {
    mkdirSync(BUILT_DIR, { recursive: true });
    for (const args of [
      ['mod', 'init', 'build'],
      ['get', `${main}@v${BUILT_VERSION}`],
      ['build', '-o', target, main],
    ]) {
      const { error, status, stderr } = spawnSync('go', args, { cwd: module, encoding: 'utf8' });
      if (error !== undefined || status !== 0) {
        throw new Error(
          'there is no etcd: name one in ROLLCALL_ETCD, install one (on Debian: apt-get install etcd-server), ' +
            `or have a Go toolchain on PATH to build one.\ngo ${args.join(' ')}: ${error?.message ?? stderr}`,
        );
      }
    }
  } finally {
    rmSync(module, { recursive: true, force: true });
  }
}
