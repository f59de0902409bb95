import { u64 } from '../integers.js';
import type { Pages } from './pages.js';
import { NO_PAGE, PAGE_HEADER_BYTES, PAGE_KIND, type Snapshot, type Tree } from './snapshot.js';

const NODE_HEADER_BYTES = 8;
const OVERFLOW_REFERENCE_BYTES = 24;
const DEPTH_MAX = 32;
export const NODE_FLAG = { overflow: 1, tree: 2 } as const;

export interface TreeNode {
  readonly key: Buffer;
  readonly value: Buffer;
  readonly flags: number;
}

export interface Walk {
  readonly pages: Pages;
  readonly snapshot: Snapshot;
  /** A byte for each page of the file: 1 once a tree was seen to use it. */
  readonly used: Uint8Array;
}

export type CompareKeys = (a: Buffer, b: Buffer) => number;

interface Bounds {
  readonly from: Buffer | undefined;
  readonly below: Buffer | undefined;
}

/**
 * Calls `onNode` for every row of a tree, in the order of their keys. Views are
 * valid until the pages are closed.
 *
 * @throws RollcallError STORE_CORRUPT at the first thing that LMDB would stumble over.
 */
export function walkTree(walk: Walk, tree: Tree, compare: CompareKeys, onNode: (node: TreeNode) => void): void {
  let entries = 0;
  if (tree.root !== NO_PAGE) visit(tree.root, 1, { from: undefined, below: undefined });
  if (entries !== tree.entries) {
    throw walk.pages.damaged(`a tree says that it has ${tree.entries} rows and has ${entries}`);
  }

  function visit(number: number, level: number, { from, below }: Bounds): void {
    if (level > DEPTH_MAX) throw walk.pages.damaged(`a tree is deeper than ${DEPTH_MAX} pages`);
    const isLeaf = level === tree.depth;
    const page = takePage(walk, number, isLeaf ? PAGE_KIND.leaf : PAGE_KIND.branch);
    const nodes = readNodes(walk, page, number, isLeaf);
    let previous: Buffer | undefined;
    for (const [index, node] of nodes.entries()) {
      // The first key of a branch stands for everything from the left, and may be empty.
      const unbounded = index === 0 && !isLeaf;
      const low = unbounded ? undefined : node.key;
      const inOrder =
        low === undefined ||
        ((previous === undefined || compare(previous, low) < 0) &&
          (from === undefined || compare(from, low) <= 0) &&
          (below === undefined || compare(low, below) < 0));
      if (!inOrder) throw walk.pages.damaged(`the keys of page ${number} are out of order`);
      previous = low;
      if (isLeaf) {
        entries++;
        onNode({ key: node.key, value: leafValue(walk, node), flags: node.flags });
      } else {
        visit(node.child, level + 1, { from: low ?? from, below: nodes[index + 1]?.key ?? below });
      }
    }
  }
}

/** A page that nothing else uses, with the header that it should have. */
function takePage({ pages, snapshot, used }: Walk, number: number, kind: number, count = 1): Buffer {
  const { pageSize, lastPage, txnId } = snapshot;
  if (number < 2 || count < 1 || number + count - 1 > lastPage) throw pages.damaged(`page ${number} is outside of it`);
  const bytes = pages.read(number * pageSize, count * pageSize);
  for (let i = number; i < number + count; i++) {
    if (used[i] !== 0) throw pages.damaged(`page ${i} is used twice`);
    used[i] = 1;
  }
  if (u64(bytes, 0) !== number || u64(bytes, 8) > txnId || bytes.readUInt16LE(18) !== kind) {
    throw pages.damaged(`page ${number} is not the page that should be there`);
  }
  return bytes;
}

interface RawNode {
  readonly key: Buffer;
  readonly flags: number;
  readonly child: number;
  readonly sizeBytes: number;
  readonly body: Buffer;
}

function readNodes(walk: Walk, page: Buffer, number: number, isLeaf: boolean): RawNode[] {
  const damaged = (): Error => walk.pages.damaged(`page ${number} is garbled`);
  const content = page.subarray(PAGE_HEADER_BYTES);
  const lower = page.readUInt16LE(20);
  const upper = page.readUInt16LE(22);
  const countMin = isLeaf ? 1 : 2;
  if (lower % 2 !== 0 || lower / 2 < countMin || lower > upper || upper > content.length) throw damaged();
  const nodes: RawNode[] = [];
  let nodeBytes = 0;
  for (let pointer = 0; pointer < lower; pointer += 2) {
    const at = content.readUInt16LE(pointer);
    if (at % 2 !== 0 || at < upper || at + NODE_HEADER_BYTES > content.length) throw damaged();
    const word = content.readUInt32LE(at);
    const flags = content.readUInt16LE(at + 4);
    const keyEnd = at + NODE_HEADER_BYTES + content.readUInt16LE(at + 6);
    const isOverflow = flags === NODE_FLAG.overflow;
    const end = keyEnd + (isLeaf ? (isOverflow ? OVERFLOW_REFERENCE_BYTES : word) : 0);
    if (end > content.length) throw damaged();
    nodeBytes += end - at + ((end - at) % 2);
    nodes.push({
      key: content.subarray(at + NODE_HEADER_BYTES, keyEnd),
      flags,
      child: word + flags * 2 ** 32,
      sizeBytes: word,
      body: content.subarray(keyEnd, end),
    });
  }
  // Nodes fill the page from `upper` to its end, without gaps: LMDB moves them about on this assumption.
  if (nodeBytes !== content.length - upper) throw damaged();
  return nodes;
}

function leafValue(walk: Walk, node: RawNode): Buffer {
  if (node.flags !== NODE_FLAG.overflow) return node.body;
  const first = u64(node.body, 0);
  const count = u64(node.body, 16);
  const bytes = takePage(walk, first, PAGE_KIND.overflow, count);
  // A shorter value may have taken the place of one that needed more pages.
  if (bytes.readUInt32LE(20) !== count || bytes.length < PAGE_HEADER_BYTES + node.sizeBytes) {
    throw walk.pages.damaged(`page ${first} does not begin a value of ${node.sizeBytes} bytes`);
  }
  return bytes.subarray(PAGE_HEADER_BYTES, PAGE_HEADER_BYTES + node.sizeBytes);
}
