import { spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

export interface ChildEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stderr: string;
}

/** A program of this directory in a process of its own, over the built engine. */
export interface Child {
  readonly process: ChildProcess;
  /** Every line that it printed so far. */
  readonly lines: readonly string[];
  /** Its next line that begins so, from those that were not waited for yet. @throws when it ends without one. */
  line(prefix: string): Promise<string>;
  readonly ended: Promise<ChildEnd>;
}

const running = new Set<ChildProcess>();
// A test run that is broken off leaves nobody behind.
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

export function startChild(program: string, ...args: string[]): Child {
  const child = spawn(process.execPath, [join(process.cwd(), 'test/e2e', program), ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.add(child);
  const lines: string[] = [];
  let seen = 0;
  let stderr = '';
  let wake: () => void = () => undefined;
  let isOver = false;
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  createInterface({ input: child.stdout }).on('line', (text) => {
    lines.push(text);
    wake();
  });
  const ended = new Promise<ChildEnd>((resolve) => {
    child.once('close', (code, signal) => {
      running.delete(child);
      isOver = true;
      wake();
      resolve({ code, signal, stderr });
    });
  });

  async function line(prefix: string): Promise<string> {
    for (;;) {
      while (seen < lines.length) {
        const next = lines[seen++];
        if (next?.startsWith(prefix) === true) return next;
      }
      if (isOver) throw new Error(`${program} ended without a line "${prefix}":\n${lines.join('\n')}\n${stderr}`);
      await new Promise<void>((resolve) => (wake = resolve));
    }
  }

  return { process: child, lines, line, ended };
}
