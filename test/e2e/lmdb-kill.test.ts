import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { seededRandom } from '../support/seeded-random.js';
import { startChild } from './lmdb-child.js';

const CYCLES = 200;
const DIRECTORIES = 2;
/** A process needs about this long to open the directory and write a few dozen groups. */
const OPENING_MS = 120;
const WRITING_MS = 60;

let parent: string;

beforeAll(() => {
  parent = mkdtempSync(join(tmpdir(), 'rollcall-lmdb-'));
});

afterAll(() => rmSync(parent, { recursive: true, force: true }));

function after(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}

interface Outcome {
  /** The revisions that the writers named, in the order of their words: what they found, and what was durable. */
  readonly revisions: readonly number[];
  readonly epochs: ReadonlySet<string>;
  readonly opened: number;
}

/** Kills one writer after another over the same directory, each at a random moment. */
async function killWriters(dataDir: string, random: () => number): Promise<Outcome> {
  const revisions: number[] = [];
  const epochs = new Set<string>();
  let opened = 0;
  for (let cycle = 0; cycle < CYCLES / DIRECTORIES; cycle++) {
    const writer = startChild('lmdb-writer.mjs', dataDir);
    // Every fourth dies while it opens the directory, the first one while it makes it.
    const diesEarly = cycle % 4 === 0;
    await Promise.race([diesEarly ? after(random() * OPENING_MS) : writer.line('holds'), writer.ended]);
    if (!diesEarly) await after(random() * WRITING_MS);
    writer.process.kill('SIGKILL');
    const end = await writer.ended;
    // Otherwise it ended by itself: what it found was not what had been written.
    if (end.signal !== 'SIGKILL') throw new Error(`cycle ${cycle}: ${end.stderr}`);
    for (const [, revision, epoch] of writer.lines.map((line) => line.split(' '))) {
      revisions.push(Number(revision));
      if (epoch !== undefined) epochs.add(epoch);
    }
    if (writer.lines.length > 0) opened++;
  }
  return { revisions, epochs, opened };
}

test(`${CYCLES} times killed at any moment, no group that was durable is lost, and none is there in part`, async () => {
  const seed = Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 32));
  process.stderr.write(`lmdb-kill: SEED=${seed}\n`);
  const outcomes = await Promise.all(
    Array.from({ length: DIRECTORIES }, (_, i) => killWriters(join(parent, `data-${i}`), seededRandom(seed + i))),
  );
  for (const { revisions, epochs, opened } of outcomes) {
    expect(revisions).toEqual(revisions.toSorted((a, b) => a - b));
    expect(revisions.at(-1)).toBeGreaterThan(CYCLES);
    expect(epochs.size).toBe(1);
    expect(opened).toBeGreaterThan((CYCLES / DIRECTORIES) * 0.7);
  }
}, 120_000);
