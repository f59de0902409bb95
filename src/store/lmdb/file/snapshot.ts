import { u64 } from '../integers.js';
import type { Pages } from './pages.js';

/*
 * The head of a data file, as `lmdb` 3.x writes it on 64-bit machines: two meta pages, of which each
 * transaction writes one in turn, so that the other is still whole if it is torn.
 */

export const PAGE_HEADER_BYTES = 24;
export const PAGE_KIND = { branch: 1, leaf: 2, overflow: 4, meta: 8 } as const;

/** The root of a tree that has no pages: 2^64 - 1, which as a double is this. */
export const NO_PAGE = 2 ** 64;

const MAGIC = 0xbeefc0de;
const DATA_VERSION = 2;
const PAGE_SIZE_MIN = 4096;
const PAGE_SIZE_MAX = 65536;
const META_END = 168;
const NO_SUBDIR_AND_INTEGER_KEYS = 0x4008;
/** The size of a tree's record. */
export const TREE_BYTES = 48;

/** A B-tree: a table of rows, the table of tables, or that of free pages. */
export interface Tree {
  readonly flags: number;
  readonly depth: number;
  readonly entries: number;
  readonly root: number;
}

/** What a meta page says. */
export interface Snapshot {
  readonly pageSize: number;
  readonly txnId: number;
  readonly lastPage: number;
  readonly free: Tree;
  readonly main: Tree;
}

/** @throws RollcallError STORE_CORRUPT unless both meta pages are sound, and those of two transactions in a row. */
export function readSnapshot(pages: Pages): Snapshot {
  const first = readMeta(pages, 0, undefined);
  const second = readMeta(pages, 1, first.pageSize);
  const [older, newest] = second.txnId > first.txnId ? [first, second] : [second, first];
  if (newest.txnId - older.txnId !== 1 || newest.txnId % 2 !== (newest === second ? 1 : 0)) {
    throw pages.damaged(`its meta pages are of transactions ${first.txnId} and ${second.txnId}`);
  }
  // Every transaction writes the root of the main tree anew. A meta page whose number was lowered by damage would
  // otherwise pass for the older one, and a transaction that was acknowledged would silently be gone.
  for (const { main, txnId, pageSize } of [older, newest]) {
    if (u64(pages.read(main.root * pageSize, PAGE_HEADER_BYTES), 8) !== txnId) {
      throw pages.damaged(`the meta page of transaction ${txnId} does not lead to it`);
    }
  }
  return newest;
}

function readMeta(pages: Pages, index: 0 | 1, pageSizeOfFirst: number | undefined): Snapshot {
  const bytes = pages.read(index * (pageSizeOfFirst ?? 0), META_END);
  const pageSize = bytes.readUInt32LE(48);
  const sound =
    u64(bytes, 0) === index &&
    bytes.readUInt16LE(18) === PAGE_KIND.meta &&
    bytes.readUInt32LE(24) === MAGIC &&
    pageSize === (pageSizeOfFirst ?? pageSize) &&
    pageSize >= PAGE_SIZE_MIN &&
    pageSize <= PAGE_SIZE_MAX &&
    Number.isInteger(Math.log2(pageSize));
  if (!sound) throw pages.damaged(`its meta page ${index} is not one`);
  // Both halves of the word are the library's; ours is the row `state` and the FORMAT file.
  const version = bytes.readUInt32LE(28);
  if (version !== DATA_VERSION) throw pages.damaged(`its meta page ${index} names LMDB format ${version}`);
  const free = readTree(bytes, 48);
  const main = readTree(bytes, 48 + TREE_BYTES);
  if (free.flags !== NO_SUBDIR_AND_INTEGER_KEYS || main.flags !== 0) {
    throw pages.damaged(`its meta page ${index} has flags ${free.flags} and ${main.flags}`);
  }
  return { pageSize, txnId: u64(bytes, 152), lastPage: u64(bytes, 144), free, main };
}

/** The record of a tree, in a meta page or as a value of the main tree. */
export function readTree(bytes: Buffer, offset = 0): Tree {
  return {
    flags: bytes.readUInt16LE(offset + 4),
    depth: bytes.readUInt16LE(offset + 6),
    entries: u64(bytes, offset + 32),
    root: u64(bytes, offset + 40),
  };
}
