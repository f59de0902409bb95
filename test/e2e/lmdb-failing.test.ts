import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startChild } from './lmdb-child.js';

let dataDir: string;

beforeEach(() => {
  dataDir = mkdtempSync(join(realpathSync(tmpdir()), 'rollcall-lmdb-'));
});

afterEach(() => rmSync(dataDir, { recursive: true, force: true }));

const onLinux = process.platform === 'linux' ? test : test.skip;

onLinux.each([
  { error: 'ENOSPC', replacement: '/dev/full', reason: 'STORE_FULL' },
  { error: 'EBADF', replacement: '/dev/null', reason: 'STORE_UNAVAILABLE' },
])(
  'a commit that LMDB fails with $error is $reason; nothing of it is there, and the next group is written',
  async ({ replacement, reason }) => {
    const child = startChild('lmdb-failing.mjs', dataDir, replacement);
    const { code, signal, stderr } = await child.ended;
    // No rejection went unhandled: Node ends a process for that.
    expect({ code, signal, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, signal: null, stderr: '' });
    expect(child.lines).toEqual([
      'sound durable',
      `lost ${reason}`,
      'sound durable',
      `lost ${reason}`,
      'sound durable',
      `lost ${reason}`,
      'sound durable',
      `lost ${reason}`,
      'holds 4 4 sound,sound,sound,sound',
    ]);
  },
);
