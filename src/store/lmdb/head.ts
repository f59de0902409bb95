import type { Epoch, Revision } from '../contract.js';
import { u64, writeU64 } from './integers.js';
import { CHECKSUM_BYTES, seal } from './rows.js';

/** The format that this version writes. */
export const FORMAT = 2;

/** How many rows a table has, and the XOR of their checksums. */
export interface Totals {
  readonly count: number;
  readonly digest: number;
}

/** The one row of the table `head`: every group writes it anew. */
export interface Head {
  readonly epoch: Epoch;
  readonly revision: Revision;
  readonly floor: Revision;
  /** Up to here the tables `kv` and `leases` hold every change; later ones are for the history to tell. At least the floor. */
  readonly applied: Revision;
  /** One more with each group, so that no two heads are alike. */
  readonly group: number;
  readonly kv: Totals;
  readonly history: Totals;
  readonly leases: Totals;
}

export const HEAD_KEY = Buffer.from('head', 'latin1');

/*
 * format 4, epoch 8, revision 8, floor 8, applied 8, group 8, and for kv, history and leases: count 8, digest 4.
 * The format stays first, whatever the version.
 */
const FORMAT_AT = 0;
const EPOCH_AT = FORMAT_AT + 4;
const NUMBERS_AT = EPOCH_AT + 8;
const TOTALS_AT = NUMBERS_AT + 4 * 8;
const TOTALS_BYTES = 12;
const LENGTH_BYTES = TOTALS_AT + 3 * TOTALS_BYTES + CHECKSUM_BYTES;

export function encodeHead(head: Head): Buffer {
  const row = Buffer.allocUnsafe(LENGTH_BYTES);
  row.writeUInt32LE(FORMAT, FORMAT_AT);
  row.write(head.epoch, EPOCH_AT, 'hex');
  let at = NUMBERS_AT;
  for (const number of [head.revision, head.floor, head.applied, head.group]) at = writeU64(row, number, at);
  for (const { count, digest } of [head.kv, head.history, head.leases]) {
    at = row.writeInt32LE(digest, writeU64(row, count, at));
  }
  return seal(HEAD_KEY, row);
}

export function formatOfHead(row: Buffer): number {
  return row.readUInt32LE(FORMAT_AT);
}

/** @throws RangeError when the row is too short. */
export function decodeHead(row: Buffer): Head {
  const number = (index: number): number => u64(row, NUMBERS_AT + index * 8);
  const totals = (index: number): Totals => {
    const at = TOTALS_AT + index * TOTALS_BYTES;
    return { count: u64(row, at), digest: row.readInt32LE(at + 8) };
  };
  return {
    epoch: row.toString('hex', EPOCH_AT, NUMBERS_AT),
    revision: number(0),
    floor: number(1),
    applied: number(2),
    group: number(3),
    kv: totals(0),
    history: totals(1),
    leases: totals(2),
  };
}
