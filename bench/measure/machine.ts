import { readFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { resolve } from 'node:path';

/** What figures depend on and readers ask for. */
export function machine(dataDir: string) {
  return {
    cores: cpus().length,
    cpu: cpus()[0]?.model ?? 'unknown',
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    node: process.version,
    fileSystem: fileSystemOf(dataDir),
  };
}

/** The type of the file system that holds a path, such as `ext4`; a figure about disks from `tmpfs` is none. */
function fileSystemOf(path: string): string {
  const absolute = `${resolve(path)}/`;
  let found = { mountPoint: '', type: 'unknown' };
  for (const line of readFileSync('/proc/mounts', 'utf8').split('\n')) {
    const [, mountPoint, type] = line.split(' ');
    if (mountPoint === undefined || type === undefined) continue;
    const holds = absolute.startsWith(mountPoint.endsWith('/') ? mountPoint : `${mountPoint}/`);
    if (holds && mountPoint.length >= found.mountPoint.length) found = { mountPoint, type };
  }
  return found.type;
}
