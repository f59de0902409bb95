import { spawn } from 'node:child_process';
import { EXIT, exitCodeOfSignal } from './exit-code.js';
import type { CommandContext } from './shell.js';

export interface ChildProgram {
  readonly file: string;
  readonly args: readonly string[];
  /** Settles before the first signal is passed on: callers should stop coming before the program stops. */
  readonly beforeEnd: () => Promise<void>;
}

/**
 * Runs a program with this process's own input and output, passes signals on
 * to it, and resolves to its exit code: 128 + N if a signal ended it, 126 or
 * 127 if it could not be started.
 */
export function runProgram(
  { file, args, beforeEnd }: ChildProgram,
  { signals, output }: Pick<CommandContext, 'signals' | 'output'>,
): Promise<number> {
  return new Promise((resolve) => {
    const child = spawn(file, args, { stdio: 'inherit' });
    let signalled = false;
    signals.redirect((signal) => {
      const pass = (): void => {
        // At a terminal Ctrl-C reaches the program too, and a second one may mean something else to it.
        if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal);
      };
      if (signalled) pass();
      else void beforeEnd().then(pass);
      signalled = true;
    });
    child.once('error', (error: NodeJS.ErrnoException) => {
      output.note(`cannot run ${file}: ${error.message}`, 'error');
      resolve(error.code === 'ENOENT' ? EXIT.notFound : EXIT.notExecutable);
    });
    child.once('exit', (code, signal) => {
      resolve(signal === null ? (code ?? EXIT.failed) : exitCodeOfSignal(signal));
    });
  });
}
