// Damages copies of a data file at random, argv[3] of them by the seed argv[4], in the data directory argv[2], and
// opens each. Ends with a line of JSON that counts what came of them. What must not be ends the process.
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openLmdbPersistence } from '../../dist/store/lmdb/index.js';

const [dataDir, count, seed] = [process.argv[2], Number(process.argv[3]), process.argv[4]];
const dataPath = join(dataDir, 'rollcall.mdb');
const PAGE_BYTES = 4096;
const HEADER_BYTES = 24;
const META_BYTES = 168;

let drawn = 0;
/** An integer in [0, below), by the seed. */
function random(below) {
  return createHash('sha256').update(`${seed} ${drawn++}`).digest().readUIntBE(0, 6) % below;
}

/** Puts and deletes on 300 keys, on top of `entries`, which it changes. */
function groupAfter({ revision, floor }, entries, revisions) {
  const batches = Array.from({ length: revisions }, (_, i) => {
    const at = revision + 1 + i;
    const key = `e/default/payments/${random(300)}`;
    const prev = entries.get(key);
    // Some values have pages of their own.
    const value = new Uint8Array(random(20) === 0 ? random(20_000) : random(500)).fill(random(256));
    const isDeleted = prev !== undefined && random(4) === 0;
    const entry = { key, value, createRevision: prev?.createRevision ?? at, modRevision: at, lease: undefined };
    if (isDeleted) entries.delete(key);
    else entries.set(key, entry);
    return { revision: at, timeMs: at, changes: [{ key, entry: isDeleted ? undefined : entry, prev }] };
  });
  const last = revision + revisions;
  return {
    revision: last,
    floor: Math.max(floor, last - 400),
    batches,
    leasesGranted: batches.map((batch) => ({ id: batch.revision, ttlMs: 30_000 })),
    leasesEnded: batches.map((batch) => batch.revision - 50).filter((id) => id > 0),
  };
}

function digestOf({ epoch, revision, floor, leases, history }, entries) {
  const plain = (entry) => entry && { ...entry, value: Buffer.from(entry.value).toString('latin1') };
  const sorted = [...entries].toSorted((a, b) => (a.key < b.key ? -1 : 1)).map(plain);
  const batches = history.map((batch) => ({
    ...batch,
    changes: batch.changes.map(({ key, entry, prev }) => ({ key, entry: plain(entry), prev: plain(prev) })),
  }));
  const text = JSON.stringify([epoch, revision, floor, sorted, leases, batches]);
  return createHash('sha256').update(text).digest('hex');
}

const kinds = {
  bits: (file) => {
    for (let left = 1 + random(20); left > 0; left--) file[random(file.length)] ^= 1 << random(8);
  },
  'bytes of a page head': (file) => {
    const at = random(file.length / PAGE_BYTES) * PAGE_BYTES;
    for (let left = 8; left > 0; left--) file[at + random(2 * HEADER_BYTES)] = random(256);
  },
  'a page of garbage': (file) => {
    const at = random(file.length / PAGE_BYTES) * PAGE_BYTES;
    for (let i = 0; i < PAGE_BYTES; i++) file[at + i] = random(256);
  },
  'a page of another place': (file) => {
    const from = random(file.length / PAGE_BYTES) * PAGE_BYTES;
    file.copy(file, random(file.length / PAGE_BYTES) * PAGE_BYTES, from, from + PAGE_BYTES);
  },
  'bits of a meta page': (file) => {
    for (let left = 1 + random(2); left > 0; left--)
      file[random(2) * PAGE_BYTES + random(META_BYTES)] ^= 1 << random(8);
  },
  'a part cut off': (file) => file.subarray(0, random(file.length)),
};

const entries = new Map();
let persistence = await openLmdbPersistence({ dataDir, backlogRows: 500 });
let head = await persistence.load();
for (let i = 0; i < 100; i++) {
  head = groupAfter(head, entries, 1 + random(20));
  await persistence.write(head);
}
await persistence.close();
const sound = readFileSync(dataPath);
persistence = await openLmdbPersistence({ dataDir });
const soundState = await persistence.load();
const soundDigest = digestOf(soundState, soundState.entries);
await persistence.close();
if (soundState.revision !== head.revision || soundState.entries.length !== entries.size) throw new Error('not sound');

const outcomes = {};
for (let i = 0; i < count; i++) {
  const kind = Object.keys(kinds)[i % Object.keys(kinds).length];
  const file = Buffer.from(sound);
  writeFileSync(dataPath, kinds[kind](file) ?? file);
  // Should this process die, its last words are what it died of.
  process.stderr.write(`${i}: ${kind}\n`);
  const outcome = `${kind}: ${await openAndUse()}`;
  outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
}
process.stdout.write(`${JSON.stringify(outcomes)}\n`);

/** Opens what is there; if it can be opened, it must be right, and remain so when it is written and opened again. */
async function openAndUse() {
  let opened;
  try {
    opened = await openLmdbPersistence({ dataDir });
  } catch (error) {
    if (error.reason === 'STORE_CORRUPT') return 'refused';
    throw error;
  }
  const state = await opened.load();
  if (digestOf(state, state.entries) !== soundDigest) throw new Error('it was opened, and is wrong');
  const later = new Map(entries);
  let last = state;
  for (let i = 0; i < 4; i++) await opened.write((last = groupAfter(last, later, 30)));
  await opened.close();

  const again = await openLmdbPersistence({ dataDir });
  const stateAgain = await again.load();
  await again.close();
  const expected = { ...stateAgain, revision: last.revision, floor: last.floor };
  if (digestOf(stateAgain, stateAgain.entries) !== digestOf(expected, later.values())) {
    throw new Error('it was opened and written, and is wrong');
  }
  return 'unharmed';
}
