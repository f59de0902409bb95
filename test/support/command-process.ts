import { spawn } from 'node:child_process';
import { cleanEnv, ROLLCALL_MAIN, type ProcessEnd } from './server-process.js';
import { until } from './until.js';

/** A client command of `rollcall` in a process of its own. Owned by whoever started it. */
export interface CommandProcess extends AsyncDisposable {
  readonly pid: number;
  /** Everything on its stdout so far. */
  stdout(): string;
  /** Everything on its stderr so far. */
  stderr(): string;
  /** The lines on its stdout so far, each read as JSON. */
  objects(): readonly Record<string, unknown>[];
  signal(signal: NodeJS.Signals): void;
  /** Settles when it has ended and all it printed was read. */
  readonly ended: Promise<ProcessEnd>;
}

/** How a command ended, and what it printed. */
export interface CommandResult extends ProcessEnd {
  readonly stdout: string;
  readonly stderr: string;
}

export interface CommandOptions {
  /** For ROLLCALL_SERVER. */
  readonly server?: string;
  /** More of the environment. */
  readonly env?: NodeJS.ProcessEnv;
}

/** Starts `rollcall` with these arguments. */
export function startCommand(args: readonly string[], options: CommandOptions = {}): CommandProcess {
  return startProcess(process.execPath, [ROLLCALL_MAIN, ...args], options);
}

/** Runs `rollcall` with these arguments to its end. */
export async function runCommand(args: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
  return result(startCommand(args, options));
}

/** Runs a line of the shell, in which `$ROLLCALL` stands for the command. */
export async function runShell(line: string, options: CommandOptions = {}): Promise<CommandResult> {
  const env = { ...options.env, ROLLCALL: `"${process.execPath}" "${ROLLCALL_MAIN}"` };
  return result(startProcess('bash', ['-c', line.replaceAll('$ROLLCALL', env.ROLLCALL)], { ...options, env }));
}

/** Starts a program of JavaScript by its file. */
export function startProgram(file: string, args: readonly string[] = [], options: CommandOptions = {}): CommandProcess {
  return startProcess(process.execPath, [file, ...args], options);
}

/** Starts an ES module; `specifier`s in it are resolved from the project's folder. */
export function startModule(source: string, options: CommandOptions = {}): CommandProcess {
  return startProcess(process.execPath, ['--input-type=module', '--eval', source], options);
}

/** Runs an ES module to its end, as {@link startModule}. */
export async function runModule(source: string, options: CommandOptions = {}): Promise<CommandResult> {
  return result(startModule(source, options));
}

/** Runs a program's file to its end. */
export async function runFile(path: string, options: CommandOptions = {}): Promise<CommandResult> {
  return result(startProcess(process.execPath, [path], options));
}

/** Waits until a command has printed a whole line that matches, and resolves to the match. */
export function printed(command: CommandProcess, pattern: RegExp): Promise<RegExpMatchArray> {
  return until(`${String(pattern)} was printed`, () => {
    const whole = command.stdout().slice(0, command.stdout().lastIndexOf('\n') + 1);
    return pattern.exec(whole);
  });
}

async function result(command: CommandProcess): Promise<CommandResult> {
  const end = await command.ended;
  return { ...end, stdout: command.stdout(), stderr: command.stderr() };
}

function startProcess(file: string, args: readonly string[], { server, env }: CommandOptions): CommandProcess {
  const child = spawn(file, args, {
    env: { ...cleanEnv(), ...env, ...(server === undefined ? {} : { ROLLCALL_SERVER: server }) },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const ended = new Promise<ProcessEnd>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve({ code, signal }));
  });
  return {
    pid: child.pid ?? 0,
    stdout: () => stdout,
    stderr: () => stderr,
    objects: () => {
      const lines = stdout.split('\n').slice(0, -1);
      return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    },
    signal: (signal) => void child.kill(signal),
    ended,
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await ended;
    },
  };
}
