// `npm run proto:breaking`: does proto/, as it stands in the working tree, break a client of what went before?
//
// What went before is, in this order:
//   1. $PROTO_BASE, any commit, for a comparison of one's own choice;
//   2. on a branch, the commit at which it left main;
//   3. on main itself, the last release (tag v*), and before the first release the previous commit.
// A clone that holds none of these (the very first commit, a shallow clone) has nothing to compare with: it says so.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** What git says, or undefined where it says that there is no such thing. */
function git(...args) {
  const { status, stdout, error } = spawnSync('git', args, { encoding: 'utf8' });
  if (error !== undefined) throw error;
  return status === 0 ? stdout.trim() : undefined;
}

const commit = (ref) => git('rev-parse', '--verify', '--quiet', `${ref}^{commit}`);

function findBase() {
  const asked = process.env.PROTO_BASE;
  if (asked !== undefined && asked !== '') {
    const found = commit(asked);
    if (found === undefined) throw new Error(`PROTO_BASE names no commit: ${asked}`);
    return { ref: found, what: `PROTO_BASE ${asked}` };
  }
  const head = commit('HEAD');
  for (const main of ['main', 'origin/main']) {
    const left = commit(main) === undefined ? undefined : git('merge-base', main, 'HEAD');
    if (left !== undefined && left !== head) return { ref: left, what: `the commit at which this branch left ${main}` };
  }
  const release = git('describe', '--tags', '--abbrev=0', '--match', 'v*', 'HEAD');
  if (release !== undefined) return { ref: release, what: `the last release, ${release}` };
  const previous = commit('HEAD^');
  return previous && { ref: previous, what: 'the previous commit of main (there is no release yet)' };
}

const base = findBase();
if (base === undefined) {
  console.log('NOTHING TO COMPARE WITH: no main, no release and no earlier commit here; nothing was checked');
} else if (git('rev-parse', '--verify', '--quiet', `${base.ref}:proto`) === undefined) {
  console.log(`NOTHING TO COMPARE WITH: ${base.what} has no proto/; nothing was checked`);
} else {
  // An archive rather than `--against .git#ref=…`, which buf cannot clone from a worktree or a shallow clone.
  const dir = mkdtempSync(join(tmpdir(), 'rollcall-proto-'));
  try {
    const archive = join(dir, 'base.tar');
    execFileSync('git', ['archive', '--format=tar', `--output=${archive}`, base.ref, 'proto', 'buf.yaml']);
    const { status, error } = spawnSync('buf', ['breaking', '--against', archive], { stdio: 'inherit' });
    if (error !== undefined) throw error;
    if (status === 0) console.log(`nothing breaks against ${base.what}`);
    else console.error(`the lines above break clients of ${base.what}`);
    process.exitCode = status ?? 1;
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}
