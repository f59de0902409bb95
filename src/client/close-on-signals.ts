import { constants } from 'node:os';
import * as shape from '../core/shape.js';
import type { Clock } from '../lib/clock.js';
import { messageOf } from '../lib/message-of.js';
import type { ClientLogger } from './logger.js';
import { ProcessHold } from './connection/process-hold.js';

/** What of a server is used: both grpc-js's `Server` and nice-grpc's have it. */
export type DrainableServer =
  | { tryShutdown(callback: (error?: Error) => void): void; forceShutdown(): void }
  | { shutdown(): Promise<void>; forceShutdown(): void };

export interface CloseOnSignalsOptions {
  /** SIGTERM and SIGINT unless given. */
  readonly signals?: readonly NodeJS.Signals[] | undefined;
  /** How long callers may take to learn that the endpoints are gone; 500 unless given. */
  readonly propagationMs?: number | undefined;
  /** Finishes the calls under way, and takes no others; what is still under way when time is up is broken off. */
  readonly server?: DrainableServer | undefined;
  /**
   * Finishes what else was begun, while the server does. Its signal is aborted when its time is up: what is still under
   * way then should be broken off.
   */
  readonly drain?: ((signal: AbortSignal) => unknown) | undefined;
  /** How long `server` and `drain` may take; 30,000 unless given. */
  readonly timeoutMs?: number | undefined;
}

/** What is closed. */
interface Closing {
  readonly clock: Clock;
  readonly logger: ClientLogger;
  /** Resolves to how many endpoints there were. Never throws. */
  deregisterAll(): Promise<number>;
  /** Never throws. */
  close(): Promise<void>;
}

const DRAIN_TIMEOUT_MS = 30_000;

/** Node cannot listen for these. */
const UNHEARD: readonly unknown[] = ['SIGKILL', 'SIGSTOP'];

const OPTIONS = shape.objectOf<CloseOnSignalsOptions>({
  signals: shape.listOf(
    shape.matching(
      'the name of a signal that can be listened for',
      (value) => shape.isText(value) && Object.hasOwn(constants.signals, value) && !UNHEARD.includes(value),
    ),
    "a list such as ['SIGTERM']",
  ),
  propagationMs: shape.duration,
  server: shape.matching(
    'a server of grpc-js or nice-grpc, with forceShutdown and tryShutdown or shutdown',
    (value) =>
      shape.isObject(value) &&
      typeof value['forceShutdown'] === 'function' &&
      [value['tryShutdown'], value['shutdown']].some((method) => typeof method === 'function'),
  ),
  drain: shape.fn,
  timeoutMs: shape.duration,
});

/**
 * See `RollcallClient.closeOnSignals`.
 *
 * @throws RollcallError INVALID_FIELD for an option that there is not, or a value that is none of its
 */
export function closeOnSignals(closing: Closing, options: CloseOnSignalsOptions): Disposable {
  shape.checkShape(OPTIONS, options);
  const { clock, logger } = closing;
  const { signals = ['SIGTERM', 'SIGINT'], propagationMs = 500, server, drain, timeoutMs = DRAIN_TIMEOUT_MS } = options;
  let ending = false;

  function onSignal(signal: NodeJS.Signals): void {
    if (ending) {
      logger.warn({ signal }, `${signal} again: ending at once`);
      endProcess(signal);
      // Others listen for it, and would go on.
      process.exit(128 + constants.signals[signal]);
    }
    ending = true;
    logger.info({ signal }, `${signal}: deregistering, then draining`);
    void end(signal);
  }

  async function end(signal: NodeJS.Signals): Promise<void> {
    // No timer and no connection that is idle keeps the process alive until this is done.
    const release = new ProcessHold().hold();
    try {
      if ((await closing.deregisterAll()) > 0) await passed(clock, propagationMs);
      await drainWithin();
      await closing.close();
    } finally {
      release();
    }
    endProcess(signal);
  }

  async function drainWithin(): Promise<void> {
    const late = new AbortController();
    const onError = (error: unknown): void => {
      const why = messageOf(error);
      logger.error({ err: error }, `draining failed: ${why}`);
    };
    const draining = Promise.all([
      server === undefined ? undefined : shutdown(server, late.signal).catch(onError),
      (async () => void (await drain?.(late.signal)))().catch(onError),
    ]);
    const timer = clock.after(timeoutMs, () => {
      logger.warn({ timeoutMs }, `not drained within ${timeoutMs} ms; going on`);
      late.abort(new DOMException(`not drained within ${timeoutMs} ms`, 'TimeoutError'));
    });
    await Promise.race([draining, aborted(late.signal)]);
    timer.cancel();
  }

  function stopListening(): void {
    for (const signal of signals) process.off(signal, onSignal);
  }

  /** By the signal itself, so that whoever sent it sees that; unless others listen for it, whose business it then is. */
  function endProcess(signal: NodeJS.Signals): void {
    stopListening();
    if (process.listenerCount(signal) === 0) process.kill(process.pid, signal);
  }

  for (const signal of signals) process.on(signal, onSignal);
  return { [Symbol.dispose]: stopListening };
}

async function shutdown(server: DrainableServer, late: AbortSignal): Promise<void> {
  late.addEventListener('abort', () => server.forceShutdown(), { once: true });
  // In this order: grpc-js's has something of its own that is called `shutdown`, too.
  if (!('tryShutdown' in server)) return server.shutdown();
  return new Promise((resolve, reject) => {
    server.tryShutdown((error) => (error === undefined ? resolve() : reject(error)));
  });
}

function passed(clock: Clock, delayMs: number): Promise<void> {
  return new Promise((resolve) => void clock.after(delayMs, resolve));
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
