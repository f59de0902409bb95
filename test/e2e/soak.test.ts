import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildPrograms } from '../support/build-programs.js';
import { startProgram, type CommandResult } from '../support/command-process.js';

// Real processes among faults, on a machine that may be busy with others. What was damaged may take a minute to be seen.
jest.setTimeout(240_000);

const SOAK = join(process.cwd(), 'soak/dist/soak/main.js');

let out: string;
beforeAll(() => {
  buildPrograms('soak');
  out = mkdtempSync(join(tmpdir(), 'rollcall-test-'));
});
afterAll(() => rmSync(out, { recursive: true, force: true }));

async function run(...args: string[]): Promise<CommandResult> {
  await using soak = startProgram(SOAK, args);
  return { ...(await soak.ended), stdout: soak.stdout(), stderr: soak.stderr() };
}

it('keeps every guarantee through some seconds of faults, and sees in the history when one was not kept', async () => {
  const soaked = await run('--minutes', '0.1', '--seed', '5', '--out', out, '--keep', '--json');
  const outcome = JSON.parse(soaked.stdout) as { problems: string[]; amounts: Record<string, number>; file: string };
  expect(outcome.problems).toEqual([]);
  expect(soaked.code).toBe(0);
  // It ends with the server killed and started once more.
  expect(outcome.amounts['restarts']).toBeGreaterThanOrEqual(1);

  const again = await run('--replay', outcome.file);
  expect(again.stdout).toMatch(/^seed 5, \d+ events, .*\nnothing is wrong\n$/);
  expect(again.code).toBe(0);

  // The digest of a message is another.
  const lines = readFileSync(outcome.file, 'utf8').split('\n');
  const place = lines.findLastIndex((line) => line.includes('"$case":"delta"'));
  lines[place] = lines[place]!.replace(/"digest":\{"\$int":"\d+"\}/, '"digest":{"$int":"1"}');
  writeFileSync(outcome.file, lines.join('\n'));
  const broken = await run('--replay', outcome.file);
  expect(broken.stdout).toMatch(/^WRONG: \d+$/m);
  expect(broken.stdout).toMatch(/^ {2}W10: .* has digest 1 instead of \d+$/m);
  expect(broken.code).toBe(1);
});

it('says what is wrong with its options, and with a file that is no history', async () => {
  const minutes = await run('--minutes', '0');
  expect(minutes.stderr).toContain('soak: --minutes must be a number of 0.05–600, not "0"');
  expect(minutes.code).toBe(2);
  const file = join(out, 'none.jsonl');
  writeFileSync(file, '{}\n');
  const none = await run('--replay', file);
  expect(none.stderr).toContain(`soak: ${file} is no history`);
  expect(none.code).toBe(2);
  expect((await run('--help')).stdout).toContain('Usage: npm run soak -- [options]');
});
