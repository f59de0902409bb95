import { endianness } from 'node:os';
import type { Epoch } from '../contract.js';
import type { Persistence } from '../embedded/persistence.js';
import { systemRandom, type Random } from '../../lib/random.js';
import { BACKLOG_ROWS } from './backlog.js';
import { DataDirectory } from './data-directory.js';
import { hasRoom, roomFor } from './disk-room.js';
import { Environment } from './environment.js';
import { full, unavailable } from './failures.js';
import { encodeHead, HEAD_KEY } from './head.js';
import { LmdbPersistence } from './lmdb-persistence.js';
import { loadState } from './load-state.js';

const IS_SUPPORTED = endianness() === 'LE' && !['arm', 'ia32', 'mipsel'].includes(process.arch);

export interface LmdbPersistenceOptions {
  /** Made if it does not exist, with its parents. */
  readonly dataDir: string;
  /**
   * Keeps the data, lets the history go, and gives what follows a new epoch: for a
   * directory that was restored from a backup, whose tokens name another history.
   */
  readonly newEpoch?: boolean;
  readonly random?: Random;
  /** How many rows the tables may lag behind the history before they are brought forward; 8,192 by default. */
  readonly backlogRows?: number;
}

/**
 * Opens a data directory, with a new and empty store in it if it has none, and
 * reads and checks all of it. This takes a while without yielding: about a second
 * for 100,000 keys and as many revisions of history.
 *
 * @throws RollcallError
 * - STORE_LOCKED when it is open, in this process or another;
 * - STORE_CORRUPT when anything is wrong with the data, which is left as it is;
 * - STORE_FORMAT when another version of Rollcall wrote it;
 * - STORE_FULL, STORE_UNAVAILABLE when the file system refuses.
 */
export async function openLmdbPersistence(options: LmdbPersistenceOptions): Promise<Persistence> {
  const { dataDir, newEpoch = false, random = systemRandom, backlogRows = BACKLOG_ROWS } = options;
  // LMDB's file is in the byte order and the word size of the machine; it is read here for what nearly all have.
  if (!IS_SUPPORTED) throw unavailable(dataDir, `data files cannot be read on this machine (${process.arch})`);
  const directory = new DataDirectory(dataDir);
  let persistence: LmdbPersistence | undefined;
  try {
    if (!directory.hasData) {
      if (!hasRoom(directory.path, roomFor([], directory.dataPath))) throw full(directory.path);
      await directory.createData((path) => writeEmptyStore(path, randomEpoch(random)));
    }
    persistence = new LmdbPersistence(directory, loadState(directory.dataPath), backlogRows);
    directory.mark();
    if (newEpoch) await persistence.beginEpoch(randomEpoch(random));
    return persistence;
  } catch (error) {
    await (persistence ?? directory).close();
    throw error;
  }
}

async function writeEmptyStore(path: string, epoch: Epoch): Promise<void> {
  const none = { count: 0, digest: 0 };
  const head = { epoch, revision: 0, floor: 0, applied: 0, group: 0, kv: none, history: none, leases: none };
  const environment = Environment.create(path);
  try {
    await environment.write([{ table: 'head', key: HEAD_KEY, row: encodeHead(head) }]);
  } finally {
    await environment.close();
  }
}

function randomEpoch(random: Random): Epoch {
  const bytes = Buffer.alloc(8);
  random.fill(bytes);
  return bytes.toString('hex');
}
