import { rm, writeFile } from 'node:fs/promises';
import { isOutOfSpace } from './failures.js';

/**
 * Whether the file system, and the quota on it, take `sizeBytes` more: tried with
 * a file of that size at `path`, for a quota shows in no statistics, and some file
 * systems find out only when they flush.
 *
 * @throws the file system's error when it is about something else.
 */
export async function hasRoom(path: string, sizeBytes: number): Promise<boolean> {
  try {
    await writeFile(path, Buffer.alloc(sizeBytes), { flush: true });
    return true;
  } catch (error) {
    if (isOutOfSpace(error)) return false;
    throw error;
  } finally {
    await rm(path, { force: true });
  }
}
