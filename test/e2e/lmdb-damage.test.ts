import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startChild } from './lmdb-child.js';

const CASES = 600;
const PROCESSES = 2;

let parent: string;

beforeAll(() => {
  parent = mkdtempSync(join(tmpdir(), 'rollcall-lmdb-'));
});

afterAll(() => rmSync(parent, { recursive: true, force: true }));

async function damage(seed: number): Promise<Record<string, number>> {
  const child = startChild('lmdb-damage.mjs', join(parent, `data-${seed}`), String(CASES / PROCESSES), String(seed));
  const end = await child.ended;
  expect({ seed, ...end, stderr: end.code === 0 ? '' : end.stderr }).toEqual({
    seed,
    code: 0,
    signal: null,
    stderr: '',
  });
  return JSON.parse(child.lines.at(-1) ?? '') as Record<string, number>;
}

test(`${CASES} data files with random damage are refused, or are unharmed to the last byte`, async () => {
  const seed = Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 32));
  process.stderr.write(`lmdb-damage: SEED=${seed}\n`);
  const outcomes = await Promise.all(Array.from({ length: PROCESSES }, (_, i) => damage(seed + i)));
  const counts = outcomes.flatMap((outcome) => Object.entries(outcome));
  const sum = (ending: string): number =>
    counts.reduce((total, [outcome, count]) => total + (outcome.endsWith(ending) ? count : 0), 0);
  expect(sum('')).toBe(CASES);
  // Damage to what nothing uses does no harm; most of the file is used.
  expect(sum(': refused')).toBeGreaterThan(CASES / 2);
  expect(sum(': unharmed')).toBeGreaterThan(CASES / 50);
}, 120_000);
