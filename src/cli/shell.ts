import type { Command } from 'commander';
import type { createColors } from 'picocolors';
import type { ClientLogger, RollcallClient } from '../client/index.js';
import { linkAbort } from '../lib/linked-abort.js';
import { commonOptions, type CommonOptions } from './common-options.js';
import type { Output } from './output.js';
import { Signals } from './signals.js';

/** What the command line runs in. */
export interface Shell {
  readonly output: Output;
  readonly environment: NodeJS.ProcessEnv;
  readonly colors: ReturnType<typeof createColors>;
  /** Told how a command ended. */
  readonly onExit: (code: number) => void;
}

/** What a client command works with. */
export interface CommandContext {
  readonly client: RollcallClient;
  readonly options: CommonOptions;
  readonly output: Output;
  readonly colors: Shell['colors'];
  readonly signals: Signals;
  /** Aborted when the command is to end: by a signal, or because nobody reads what it prints. */
  readonly stop: AbortSignal;
}

export interface ClientUse {
  /** Whether to say on stderr all that the client does by itself, for commands that go on for long, or only what fails. */
  readonly talkative: boolean;
  /** How long to try to reach a server, unless the command is told; the default of the common options unless given. */
  readonly defaultTimeoutMs?: number;
}

/**
 * Runs a command with a client, which is loaded only now, and closes what was
 * opened for it. The command resolves to its exit code.
 */
export async function withClient(
  shell: Shell,
  command: Command,
  { talkative, defaultTimeoutMs }: ClientUse,
  body: (context: CommandContext) => Promise<number>,
): Promise<void> {
  const { output, colors, environment } = shell;
  const options = commonOptions(command, environment, defaultTimeoutMs);
  const { RollcallClient } = await import('../client/index.js');
  const client = new RollcallClient({
    servers: options.servers,
    namespace: options.namespace,
    callTimeoutMs: options.timeoutMs,
    // Nothing here blocks the event loop, and a thread costs as much memory as the rest of a sidecar's client.
    renewWhileBlocked: false,
    // Of a short command, a program that reads JSON gets the one object that says how it ended.
    ...(talkative || !output.json ? { logger: noteLogger(output, talkative) } : {}),
  });
  const signals = new Signals();
  signals.interrupted.addEventListener('abort', () => output.hurry(), { once: true });
  const stop = linkAbort(signals.interrupted, output.broken);
  try {
    shell.onExit(await body({ client, options, output, colors, signals, stop: stop.signal }));
  } catch (error) {
    // What a command throws when it is told to end says only that it was told.
    if (!stop.signal.aborted) throw error;
    shell.onExit(signals.exitCode ?? 0);
  } finally {
    await client.close();
    stop.unlink();
    signals.release();
  }
}

function noteLogger(output: Output, talkative: boolean): ClientLogger {
  return {
    debug() {},
    info: (_, message) => void (talkative && output.note(message, 'info')),
    warn: (_, message) => output.note(message, 'warn'),
    error: (_, message) => output.note(message, 'error'),
  };
}
