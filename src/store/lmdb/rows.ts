import { crc32 } from 'node:zlib';
import type { Change, Entry, Revision } from '../contract.js';
import type { CommitGroup, PersistedLease, TimedBatch } from '../embedded/persistence.js';
import { u64, u64OfKey, writeU64 } from './integers.js';

/*
 * The rows of format 2. A row is its body, and then the CRC-32 of its key and its body. Numbers are
 * little-endian, but big-endian in keys; texts are ASCII.
 *
 *   table    key         body
 *   kv       key         createRevision 8, modRevision 8, lease 8 (0: none), value
 *   history  revision 8  timeMs 8, counts of changes 4, of leases granted 4 and of leases ended 4; for each change:
 *                        length of key 2, key, which of the two follow 1 (bit 0 entry, bit 1 prev), and for those:
 *                        createRevision 8, modRevision 8, lease 8, length of value 4, value; for each lease granted:
 *                        id 8, ttlMs 8; for each ended: id 8
 *   leases   id 8        ttlMs 8
 *   head     'head'      see head.ts
 */

export const CHECKSUM_BYTES = 4;
const STAMP_BYTES = 24;
const LENGTH_BYTES = 4;
const BATCH_HEAD_BYTES = 20;
const HAS_ENTRY = 1;
const HAS_PREV = 2;

/** The CRC-32 of anything that ends with its own CRC-32. */
const CRC_RESIDUE = 0x2144df1c;

/** Writes the checksum over the last {@link CHECKSUM_BYTES} of the row. */
export function seal(key: Buffer, row: Buffer): Buffer {
  const end = row.length - CHECKSUM_BYTES;
  row.writeUInt32LE(crc32(row.subarray(0, end), crc32(key)), end);
  return row;
}

export function isSealed(key: Buffer, row: Buffer): boolean {
  return row.length >= CHECKSUM_BYTES && crc32(row, crc32(key)) === CRC_RESIDUE;
}

/** The row's checksum, as a small integer: it stands for the row in the digest of its table. */
export function checksumOf(row: Buffer): number {
  return row.readInt32LE(row.length - CHECKSUM_BYTES);
}

export function encodeEntry(key: Buffer, entry: Entry): Buffer {
  const row = Buffer.allocUnsafe(STAMP_BYTES + entry.value.length + CHECKSUM_BYTES);
  row.set(entry.value, writeStamp(row, entry, 0));
  return seal(key, row);
}

/** What decoding needs, since a row is a view of bytes that do not outlive the load. */
export interface Keep {
  /** A copy that lasts. */
  value(bytes: Buffer): Uint8Array;
  /** An entry that is kept already, so that equal ones are not held twice. */
  known(key: string, modRevision: Revision): Entry | undefined;
}

export function decodeEntry(key: Buffer, row: Buffer, keep: Keep): Entry {
  const end = row.length - CHECKSUM_BYTES;
  return readEntry(row, { key: key.toString('latin1'), at: 0, valueAt: STAMP_BYTES, end, keep });
}

/** What becomes of leases with a revision. */
export type LeaseChanges = Pick<CommitGroup, 'leasesGranted' | 'leasesEnded'>;

const NO_LEASES: LeaseChanges = { leasesGranted: [], leasesEnded: [] };

export function encodeBatch(
  key: Buffer,
  { timeMs, changes }: TimedBatch,
  { leasesGranted, leasesEnded } = NO_LEASES,
): Buffer {
  let sizeBytes = BATCH_HEAD_BYTES + 16 * leasesGranted.length + 8 * leasesEnded.length + CHECKSUM_BYTES;
  for (const { key: name, entry, prev } of changes) sizeBytes += 2 + name.length + 1 + sizeOf(entry) + sizeOf(prev);
  const row = Buffer.allocUnsafe(sizeBytes);
  let at = row.writeUInt32LE(changes.length, writeU64(row, timeMs, 0));
  at = row.writeUInt32LE(leasesEnded.length, row.writeUInt32LE(leasesGranted.length, at));
  for (const { key: name, entry, prev } of changes) {
    at = row.writeUInt16LE(name.length, at);
    at += row.write(name, at, 'latin1');
    at = row.writeUInt8((entry === undefined ? 0 : HAS_ENTRY) | (prev === undefined ? 0 : HAS_PREV), at);
    if (entry !== undefined) at = writeEntry(row, entry, at);
    if (prev !== undefined) at = writeEntry(row, prev, at);
  }
  for (const { id, ttlMs } of leasesGranted) at = writeU64(row, ttlMs, writeU64(row, id, at));
  for (const id of leasesEnded) at = writeU64(row, id, at);
  return seal(key, row);
}

/** @throws RangeError when the row is not one. */
export function decodeBatch(key: Buffer, row: Buffer, keep: Keep): { batch: TimedBatch; leases: LeaseChanges } {
  const changes: Change[] = [];
  let at = BATCH_HEAD_BYTES;
  for (let left = row.readUInt32LE(8); left > 0; left--) {
    const nameEnd = at + 2 + row.readUInt16LE(at);
    const name = row.toString('latin1', at + 2, nameEnd);
    const which = row.readUInt8(nameEnd);
    at = nameEnd + 1;
    const entry = (which & HAS_ENTRY) === 0 ? undefined : next(name);
    const prev = (which & HAS_PREV) === 0 ? undefined : next(name);
    changes.push({ key: name, entry, prev });
  }
  const leasesGranted = Array.from({ length: row.readUInt32LE(12) }, (_, index) => {
    return { id: u64(row, at + 16 * index), ttlMs: u64(row, at + 16 * index + 8) };
  });
  at += 16 * leasesGranted.length;
  const leasesEnded = Array.from({ length: row.readUInt32LE(16) }, (_, index) => u64(row, at + 8 * index));
  const batch = { revision: u64OfKey(key), timeMs: u64(row, 0), changes };
  return { batch, leases: { leasesGranted, leasesEnded } };

  function next(name: string): Entry {
    const valueAt = at + STAMP_BYTES + LENGTH_BYTES;
    const end = valueAt + row.readUInt32LE(at + STAMP_BYTES);
    const entry = readEntry(row, { key: name, at, valueAt, end, keep });
    at = end;
    return entry;
  }
}

export function encodeLease(key: Buffer, { ttlMs }: PersistedLease): Buffer {
  const row = Buffer.allocUnsafe(8 + CHECKSUM_BYTES);
  writeU64(row, ttlMs, 0);
  return seal(key, row);
}

export function decodeLease(key: Buffer, row: Buffer): PersistedLease {
  return { id: u64OfKey(key), ttlMs: u64(row, 0) };
}

function sizeOf(entry: Entry | undefined): number {
  return entry === undefined ? 0 : STAMP_BYTES + LENGTH_BYTES + entry.value.length;
}

function writeEntry(row: Buffer, entry: Entry, offset: number): number {
  const at = row.writeUInt32LE(entry.value.length, writeStamp(row, entry, offset));
  row.set(entry.value, at);
  return at + entry.value.length;
}

function writeStamp(row: Buffer, entry: Entry, offset: number): number {
  const at = writeU64(row, entry.modRevision, writeU64(row, entry.createRevision, offset));
  return writeU64(row, entry.lease ?? 0, at);
}

interface EntryAt {
  readonly key: string;
  readonly at: number;
  readonly valueAt: number;
  readonly end: number;
  readonly keep: Keep;
}

function readEntry(row: Buffer, { key, at, valueAt, end, keep }: EntryAt): Entry {
  const modRevision = u64(row, at + 8);
  const known = keep.known(key, modRevision);
  if (known !== undefined) return known;
  const createRevision = u64(row, at);
  const lease = u64(row, at + 16);
  const value = keep.value(row.subarray(valueAt, end));
  return { key, value, createRevision, modRevision, lease: lease === 0 ? undefined : lease };
}
