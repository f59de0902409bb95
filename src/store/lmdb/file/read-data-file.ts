import { i64, u64 } from '../integers.js';
import { Pages } from './pages.js';
import { readSnapshot, readTree, TREE_BYTES } from './snapshot.js';
import { NODE_FLAG, walkTree, type Walk } from './walk-tree.js';

/**
 * Calls `onRow` for every row of an LMDB data file, table by table, each in the
 * order of its keys. `key` and `value` are valid during the call alone.
 *
 * This reads the file without LMDB, which maps it into memory and believes every
 * byte: of 240 copies with random damage, 57 ended the process with SIGSEGV or
 * SIGABRT and one hung, among them 19 that could be read to the last row and died
 * at a later write (a page both used and listed as free, keys out of order, nodes
 * that overlap). So a child process that reads everything first would not do. All
 * that LMDB relies on is checked here, down to the list of free pages, and the
 * reading is the load itself. It takes no longer than LMDB's own cursors.
 *
 * @throws RollcallError STORE_CORRUPT, or the file system's own error.
 */
export function readDataFile(path: string, onRow: (table: string, key: Buffer, value: Buffer) => void): void {
  const pages = new Pages(path);
  try {
    const snapshot = readSnapshot(pages);
    const used = new Uint8Array(Math.ceil(pages.sizeBytes / snapshot.pageSize));
    const walk = { pages, snapshot, used };
    walkTree(walk, snapshot.main, Buffer.compare, (main) => {
      if (main.flags !== NODE_FLAG.tree || main.value.length !== TREE_BYTES) {
        throw pages.damaged('its list of tables is garbled');
      }
      // A C string, with its end.
      const table = main.key.toString('latin1', 0, main.key.length - 1);
      const tree = readTree(main.value);
      if (tree.flags !== 0) throw pages.damaged(`the flags of table ${table} are ${tree.flags}`);
      walkTree(walk, tree, Buffer.compare, ({ key, value, flags }) => {
        if ((flags & ~NODE_FLAG.overflow) !== 0) throw pages.damaged(`a row of table ${table} has flags ${flags}`);
        onRow(table, key, value);
      });
    });
    checkFreePages(walk);
  } finally {
    pages.close();
  }
}

interface Run {
  readonly first: number;
  readonly count: number;
}

/**
 * No page may be free twice, or free and used: a later transaction would write
 * over it, or LMDB refuse every transaction. A page that is neither is only lost.
 */
function checkFreePages(walk: Walk): void {
  const { pages, snapshot, used } = walk;
  const runs: Run[] = [];
  walkTree(walk, snapshot.free, compareTxnIds, ({ key, value }) => {
    const end = value.length < 8 ? Infinity : 8 + 8 * u64(value, 0);
    if (key.length !== 8 || end > value.length) throw pages.damaged('its list of free pages is garbled');
    for (let at = 8; at < end; at += 8) {
      // A page; or the length of a run, negated, and then its first page; or 0, for nothing.
      const entry = i64(value, at);
      if (entry > 0) runs.push({ first: entry, count: 1 });
      if (entry < 0) runs.push({ first: (at += 8) < end ? i64(value, at) : 0, count: -entry });
    }
  });
  // The list is itself made of pages, so it is compared once all of it was seen.
  let beyondEnd = 0;
  for (const { first, count } of runs) {
    if (first < 2 || first + count - 1 > snapshot.lastPage)
      throw pages.damaged(`page ${first} is free and outside of it`);
    for (let page = first; page < first + count && page < used.length; page++) {
      if (used[page] !== 0) throw pages.damaged(`page ${page} is free twice, or free and used`);
      used[page] = 1;
    }
    beyondEnd += Math.max(0, first + count - Math.max(first, used.length));
  }
  // Pages that were never written lie beyond the end of the file, and are free.
  if (snapshot.lastPage - used.length + 1 > beyondEnd) {
    throw pages.damaged(`it has ${used.length} pages, and should have ${snapshot.lastPage + 1}`);
  }
}

function compareTxnIds(a: Buffer, b: Buffer): number {
  return a.length === 8 && b.length === 8 ? u64(a, 0) - u64(b, 0) : a.length - b.length;
}
