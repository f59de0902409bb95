import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildPrograms } from '../support/build-programs.js';
import { printed, startProgram, type CommandProcess, type CommandResult } from '../support/command-process.js';
import { until } from '../support/until.js';

// Real processes, and many of them, on a machine that may be busy with others.
jest.setTimeout(120_000);

const DEMO = join(process.cwd(), 'demo/dist/demo/main.js');
const SHORT = ['--duration', '8', '--rate', '100'];

let temporary: string;
beforeAll(() => {
  buildPrograms('demo');
  temporary = mkdtempSync(join(tmpdir(), 'rollcall-test-'));
});
afterAll(() => rmSync(temporary, { recursive: true, force: true }));

/** Its temporary files go into a directory that is looked at afterwards. */
const start = (...args: string[]): CommandProcess => startProgram(DEMO, args, { env: { TMPDIR: temporary } });

async function run(...args: string[]): Promise<CommandResult> {
  await using demo = start(...args);
  return { ...(await demo.ended), stdout: demo.stdout(), stderr: demo.stderr() };
}

/** A process that has ended, and which nobody has asked about yet, is none that runs. */
function isRunning(pid: number): boolean {
  const state = spawnSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' }).stdout.trim();
  return state !== '' && !state.startsWith('Z');
}

function childrenOf(pid: number): number[] {
  return spawnSync('pgrep', ['-P', String(pid)], { encoding: 'utf8' })
    .stdout.split('\n')
    .filter(Boolean)
    .map(Number);
}

it('shows each change and what came of it, loses no call, and leaves nothing behind', async () => {
  const { code, stdout, stderr } = await run(...SHORT, '--plain');
  expect(stderr).toBe('');
  // Neither colours nor a display that is drawn over and over.
  expect(stdout).not.toContain('\x1b');
  const happened = stdout.split('\n').filter((line) => /^ +[\d.]+ s {2}\S/.test(line));
  expect(happened.map((line) => line.replace(/^ +[\d.]+ s {2}/, ''))).toEqual([
    'a control plane, three backends and a caller are started',
    'dora joins, in the zone of the caller',
    'ben is told to end (SIGTERM)',
    'anna is killed (kill -9), which leaves one in the zone',
    'the control plane is killed (kill -9), and comes back',
    'emil joins, at the control plane that came back',
  ]);
  expect(stdout).toMatch(/ calls, 0 failed; served by anna \d+ %, /);
  expect(stdout).toMatch(/without it, [1-9]\d* calls were answered, 0 failed\n/);
  expect(Number(/^calls +(\d+)$/m.exec(stdout)?.[1])).toBeGreaterThan(400);
  expect(stdout).toMatch(/^failed +0$/m);
  expect(stdout).toMatch(/^emil was registered: first call there +[\d.]+ ms$/m);
  expect(stdout).toMatch(/\nok: no call failed, and every change arrived\n$/);
  expect(code).toBe(0);
  expect(readdirSync(temporary)).toEqual([]);
});

it('says so, and exits with 1, when calls fail', async () => {
  const { code, stdout } = await run(...SHORT, '--break', '--json');
  const outcome = JSON.parse(stdout) as Record<string, unknown>;
  expect(outcome).toMatchObject({ ok: false, madeAgain: 0 });
  expect(outcome['failed']).toBeGreaterThan(0);
  expect(outcome['problems']).toEqual([expect.stringMatching(/^\d+ calls failed, such as: UNAVAILABLE: /)]);
  expect(code).toBe(1);
});

it.each(['SIGINT', 'SIGTERM', 'SIGKILL'] as const)('at %s ends all that it started', async (signal) => {
  await using demo = start(...SHORT, '--plain');
  await printed(demo, /dora joins/);
  const children = childrenOf(demo.pid);
  // The control plane, four backends and the caller.
  expect(children).toHaveLength(6);
  demo.signal(signal);
  const numbers = { SIGINT: 130, SIGTERM: 143 };
  expect(await demo.ended).toEqual(
    signal === 'SIGKILL' ? { code: null, signal } : { code: numbers[signal], signal: null },
  );
  await until('all processes have ended', () => !children.some(isRunning));
  // A process that is killed outright can leave its data behind, but nobody who uses it.
  expect(readdirSync(temporary)).toHaveLength(signal === 'SIGKILL' ? 1 : 0);
});

it.each([
  [['--help'], 0, 'stdout'],
  [['--duration', '5'], 2, 'stderr'],
  [['--rate', 'fast'], 2, 'stderr'],
  [['--nope'], 2, 'stderr'],
] as const)('%j: exits with %i, and explains itself on %s', async (args, code, where) => {
  const result = await run(...args);
  expect(result.code).toBe(code);
  expect(result[where]).toContain('Usage: npm run demo');
});
