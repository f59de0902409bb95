/** What is used of the package, which has no types of its own. */
declare module 'fs-native-extensions' {
  /**
   * Locks the file for the open file description behind `fd`: an OFD lock on Linux, flock(2) on macOS, LockFileEx on
   * Windows. False if another one, of this process or any other, has it.
   */
  export function tryLock(fd: number): boolean;
}
