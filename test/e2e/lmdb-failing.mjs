// Writes to the data directory in argv[2], and now and then puts the file in argv[3] in the place of the descriptor by
// which LMDB writes its meta pages: the worst of failures, for LMDB takes no transaction afterwards. Says what came of
// each write, and in the end what the directory holds.
import { closeSync, openSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { openLmdbPersistence } from '../../dist/store/lmdb/index.js';

const [dataDir, replacement] = process.argv.slice(2);
const O_DSYNC = 0o10000;

let persistence = await openLmdbPersistence({ dataDir });
await persistence.load();
let revision = 0;

await put('sound');
for (let i = 0; i < 3; i++) {
  replaceMetaDescriptor();
  await put('lost');
  await put('sound');
}
replaceMetaDescriptor();
await put('lost');
await persistence.close();

persistence = await openLmdbPersistence({ dataDir });
const { entries, history, ...state } = await persistence.load();
const values = entries.map((entry) => Buffer.from(entry.value).toString());
process.stdout.write(`holds ${state.revision} ${history.length} ${values.join()}\n`);
await persistence.close();

async function put(text) {
  const at = revision + 1;
  const entry = { key: `k/${at}`, value: Buffer.from(text), createRevision: at, modRevision: at, lease: undefined };
  const batch = { revision: at, timeMs: at, changes: [{ key: entry.key, entry, prev: undefined }] };
  const group = { revision: at, floor: 0, batches: [batch], leasesGranted: [], leasesEnded: [] };
  try {
    await persistence.write(group);
    revision = at;
    process.stdout.write(`${text} durable\n`);
  } catch (error) {
    process.stdout.write(`${text} ${error.reason}\n`);
  }
}

function replaceMetaDescriptor() {
  const fd = Number(readdirSync('/proc/self/fd').find((each) => linkOf(each) === dataPath() && isSynchronous(each)));
  closeSync(fd);
  // Takes the lowest number that is free, which is the one that has just become so.
  const taken = openSync(replacement, replacement === '/dev/full' ? 'w' : 'r');
  if (taken !== fd) throw new Error(`descriptor ${taken} was taken instead of ${fd}`);
}

function dataPath() {
  return join(dataDir, 'rollcall.mdb');
}

function isSynchronous(fd) {
  const flags = /flags:\s*(\d+)/.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))?.[1];
  return (Number.parseInt(flags, 8) & O_DSYNC) !== 0;
}

function linkOf(fd) {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`);
  } catch {
    // The descriptor by which the list was read is gone already.
    return undefined;
  }
}
