// Opens the data directory in argv[2], says what it holds, and writes numbered groups as fast as it can, saying the
// number of each once it was told that it is durable. What a group holds follows from its first revision alone.
import { createHash } from 'node:crypto';
import { openLmdbPersistence } from '../../dist/store/lmdb/index.js';

const HISTORY_LENGTH = 60;
const KEYS = 40;

// Few rows, so that the tables are brought forward often, and not only as history is let go.
const persistence = await openLmdbPersistence({ dataDir: process.argv[2], backlogRows: 30 });
const state = await persistence.load();
check(state);
process.stdout.write(`holds ${state.revision} ${state.epoch}\n`);

for (let { revision, floor } = state; ;) {
  const group = groupAfter(revision, floor);
  await persistence.write(group);
  ({ revision, floor } = group);
  process.stdout.write(`durable ${revision}\n`);
}

/** How many revisions the group after `revision` has: one to nine. */
function countAfter(revision) {
  return 1 + (hash(`count ${revision}`)[0] % 9);
}

function groupAfter(revision, floor) {
  const count = countAfter(revision);
  const batches = Array.from({ length: count }, (_, i) => batchOf(revision + 1 + i));
  const last = revision + count;
  return {
    revision: last,
    floor: Math.max(floor, last - HISTORY_LENGTH),
    batches,
    leasesGranted: batches.map((batch) => ({ id: batch.revision, ttlMs: 1_000 + batch.revision })),
    leasesEnded: batches.map((batch) => batch.revision - HISTORY_LENGTH).filter((id) => id > 0),
  };
}

function batchOf(revision) {
  const key = `k/${revision % KEYS}`;
  return {
    revision,
    timeMs: revision,
    changes: [{ key, entry: entryAt(key, revision), prev: entryAt(key, revision - KEYS) }],
  };
}

function entryAt(key, revision) {
  if (revision < 1) return undefined;
  // Some values have pages of their own.
  const value = new Uint8Array(revision % 13 === 0 ? 6_000 : 200).fill(hash(`value ${revision}`)[0]);
  return { key, value, createRevision: ((revision - 1) % KEYS) + 1, modRevision: revision, lease: revision };
}

/** Everything must be as the groups up to `revision` left it, whole: nothing of a later one, nothing missing. */
function check({ revision, floor, entries, leases, history }) {
  if (!isGroupEnd(revision)) throw new Error(`revision ${revision} is amid a group`);
  const keys = Math.min(revision, KEYS);
  expectEqual('floor', floor, Math.max(0, revision - HISTORY_LENGTH));
  expectEqual('count of entries', entries.length, keys);
  for (const entry of entries) {
    const newest = revision - ((((revision - Number(entry.key.slice(2))) % KEYS) + KEYS) % KEYS);
    expectEqual(entry.key, text(entry), text(entryAt(entry.key, newest)));
  }
  expectEqual(
    'history',
    history.map(batchText).join(),
    range(floor, revision)
      .map((r) => batchText(batchOf(r)))
      .join(),
  );
  const alive = leases.map(({ id, ttlMs }) => `${id} ${ttlMs}`).toSorted();
  expectEqual(
    'leases',
    alive.join(),
    range(Math.max(0, revision - HISTORY_LENGTH), revision)
      .map((id) => `${id} ${1_000 + id}`)
      .toSorted()
      .join(),
  );
}

function isGroupEnd(revision) {
  let end = 0;
  while (end < revision) end += countAfter(end);
  return end === revision;
}

function range(after, to) {
  return Array.from({ length: to - after }, (_, i) => after + 1 + i);
}

function batchText({ revision, timeMs, changes }) {
  return `${revision} ${timeMs} ${changes.map(({ key, entry, prev }) => `${key} ${text(entry)} ${text(prev)}`).join()}`;
}

function text(entry) {
  if (entry === undefined) return 'none';
  const value = Buffer.from(entry.value).toString('base64');
  return `${entry.key} ${entry.createRevision} ${entry.modRevision} ${entry.lease} ${value}`;
}

function hash(seed) {
  return createHash('sha256').update(seed).digest();
}

function expectEqual(what, actual, expected) {
  if (actual !== expected) throw new Error(`${what}: ${actual} instead of ${expected}`);
}
