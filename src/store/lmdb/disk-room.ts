import { statfsSync, statSync } from 'node:fs';
import type { RowChange } from './table.js';

/*
 * LMDB is not to meet a full disk. When a write(2) fails outright, `lmdb` 3.5.6 formats a message into 100 bytes of
 * heap, and the message may be longer: of 7 runs with injected failures, 4 ended with "malloc(): invalid next
 * size" or the like. (A write that fails in part, or a flush, it survives, and so does the environment after it.)
 * So a group is begun only where there is more room than it can use.
 * Nor is the file opened where there is none: LMDB maps its lock file without having blocks for it, which is a SIGBUS.
 */

/** Left to others who fill the same disk while a group is written, and to LMDB's list of free pages. */
const SPARE_BYTES = 8 * 1024 * 1024;
/** The pages on the way to a row are written anew; neighbours share them. */
const PATH_BYTES = 8 * 1024;
/** Rows are removed in runs, as history is let go. */
const REMOVAL_BYTES = 1024;

/** More than a transaction of these changes can take of the disk that the data file is on. */
export function roomFor(changes: readonly RowChange[], dataPath: string): number {
  let pathBytes = 0;
  let rowBytes = 0;
  for (const { row } of changes) {
    pathBytes += row === undefined ? REMOVAL_BYTES : PATH_BYTES;
    rowBytes += row?.length ?? 0;
  }
  // No page of the file is written anew twice. Only where that may be less is the file asked how large it is.
  if (pathBytes > SPARE_BYTES) pathBytes = Math.min(pathBytes, statSync(dataPath).size);
  return SPARE_BYTES + pathBytes + 2 * rowBytes;
}

/**
 * Whether the file system under `directory` has so many bytes for this process. Asked at once: the kernel knows it by
 * heart, and a way through another thread costs a group more than all else before its flush.
 */
export function hasRoom(directory: string, sizeBytes: number): boolean {
  const { bavail, bsize } = statfsSync(directory);
  return bavail * bsize >= sizeBytes;
}
