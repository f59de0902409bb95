import { mkdtempSync, rmSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { startChild } from './lmdb-child.js';

let dataDir: string;

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'rollcall-lmdb-'));
});

afterEach(() => rmSync(dataDir, { recursive: true, force: true }));

/** What a second process is told that wants the directory. */
async function answerToAnother(): Promise<string> {
  const other = startChild('lmdb-holder.mjs', dataDir);
  const answer = await other.line('');
  other.process.kill('SIGKILL');
  await other.ended;
  return answer;
}

test.each(['SIGTERM', 'SIGKILL'] as const)(
  'a data directory is held by one process, also while that is stopped, until %s ends it',
  async (signal) => {
    const holder = startChild('lmdb-holder.mjs', dataDir);
    await holder.line('held');
    const refusal =
      `STORE_LOCKED the data directory ${dataDir} is in use by process ${holder.process.pid} on ${hostname()}. ` +
      `Stop it, or use another directory.`;
    expect(await answerToAnother()).toBe(refusal);

    holder.process.kill('SIGSTOP');
    expect(await answerToAnother()).toBe(refusal);
    holder.process.kill('SIGCONT');
    expect(await answerToAnother()).toBe(refusal);

    holder.process.kill(signal);
    await holder.ended;
    expect(await answerToAnother()).toBe('held');
  },
);
