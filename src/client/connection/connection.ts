import { isRollcallError, RollcallError } from '../../core/errors.js';
import type { Address } from '../../gen/rollcall/v1/endpoint.js';
import { fullJitterMs } from '../../lib/backoff.js';
import { linkAbort, orAbort, type LinkedAbort } from '../../lib/linked-abort.js';
import { Semaphore } from '../../lib/semaphore.js';
import { sleep } from '../../lib/sleep.js';
import { Dialler, RETRY, type DiallerOptions } from './dialler.js';
import type { Link } from './link.js';
import { ProcessHold } from './process-hold.js';

/** One attempt of a call may take this long before another server is asked. Every call is safe to repeat. */
const ATTEMPT_TIMEOUT_MS = 5_000;

/** Calls under way at a time; more wait their turn, or they would time out in one queue or another. */
const CALLS_AT_ONCE_MAX = 128;

export type ConnectionOptions = DiallerOptions;

export interface CallLimits {
  /** Ends the call with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** How long the call may take, all attempts together; may be Infinity. */
  readonly timeoutMs: number;
}

/** An attempt to connect that all who want a connection share. */
interface Dialling {
  readonly link: Promise<Link>;
  readonly abort: AbortController;
  waiters: number;
}

/**
 * At most one connection at a time, to one of several servers that serve the
 * same catalog; another server when that one fails or goes away.
 */
export class Connection {
  readonly #options: ConnectionOptions;
  readonly #dialler: Dialler;
  readonly #hold = new ProcessHold();
  readonly #calls = new Semaphore(CALLS_AT_ONCE_MAX);
  /** What {@link close} ends. */
  readonly #scopes = new Set<LinkedAbort>();
  readonly #observers = new Set<(link: Link | undefined) => void>();
  #closed: RollcallError | undefined;
  #link: Link | undefined;
  #dialling: Dialling | undefined;

  /** @throws RollcallError INVALID_FIELD for an address that is none, no address at all, or credentials that are none */
  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.#dialler = new Dialler(options);
  }

  get closed(): boolean {
    return this.#closed !== undefined;
  }

  /** Why no server can be reached; undefined when one is, or none was tried. */
  get failure(): RollcallError | undefined {
    return this.#link === undefined ? this.#dialler.failure : undefined;
  }

  /** The configured servers, `host:port` each. */
  get servers(): readonly string[] {
    return this.#dialler.servers;
  }

  /** The connection that there is; undefined before it is first needed, and while it is down. */
  get link(): Link | undefined {
    return this.#link;
  }

  /** Calls `fn` whenever a connection was made, and whenever it was lost or given up. Returns what ends that. */
  onChange(fn: (link: Link | undefined) => void): () => void {
    this.#observers.add(fn);
    return () => this.#observers.delete(fn);
  }

  /**
   * A signal that follows others and is aborted by {@link close}, with
   * CLIENT_CLOSED for a reason. To be unlinked when the work is done. (That all
   * work listens to one signal is not an option: the cost of listening grows
   * with the number of listeners.)
   */
  scope(...parents: readonly (AbortSignal | undefined)[]): LinkedAbort {
    const linked = linkAbort(...parents);
    if (this.#closed !== undefined) linked.abort(this.#closed);
    this.#scopes.add(linked);
    return {
      ...linked,
      unlink: () => {
        linked.unlink();
        this.#scopes.delete(linked);
      },
    };
  }

  /** Keeps the process alive until the returned release is called, for work that outlives a call. */
  hold(): () => void {
    return this.#hold.hold();
  }

  /**
   * The connection, made if there is none. Tries for as long as it takes.
   *
   * @throws the signal's reason, or CLIENT_CLOSED
   */
  async connect(signal: AbortSignal): Promise<Link> {
    if (this.#closed !== undefined) throw this.#closed;
    signal.throwIfAborted();
    if (this.#link !== undefined) return this.#link;

    const dialling = (this.#dialling ??= this.#startDialling());
    dialling.waiters++;
    try {
      return await orAbort(dialling.link, signal);
    } finally {
      dialling.waiters--;
      if (dialling.waiters === 0) this.#endDialling(dialling);
    }
  }

  /**
   * Gives a connection up that has failed, or whose server is going away; the
   * next {@link connect} goes to another server where there is one. Streams
   * that still run on it may run to their end.
   *
   * @param alternates other servers that were named
   */
  leave(link: Link, alternates: readonly Address[] = []): void {
    if (alternates.length > 0) this.#dialler.nameAlternates(alternates);
    if (this.#link !== link) return;
    this.#change(undefined);
    link.close();
  }

  /** {@link leave}s a connection on which a call failed, if another may well do better. */
  blame(link: Link, error: unknown): void {
    if (!isRollcallError(error)) return;
    switch (error.reason) {
      case 'SERVER_UNREACHABLE':
      case 'SHUTTING_DOWN':
      case 'TIMED_OUT':
        this.leave(link);
        return;
      case 'REVISION_UNAVAILABLE':
      case 'STORE_UNAVAILABLE':
      case 'OVERLOADED':
      case 'TOO_MANY_WATCHES':
        // Connecting to the same server again would only add to its troubles.
        if (this.#dialler.hasChoice) this.leave(link);
        return;
      default:
        return;
    }
  }

  /**
   * Makes one call, again on other servers while it fails in a way that may pass. Keeps the process alive meanwhile.
   *
   * @param attempt must be safe to repeat
   * @throws what the call threw last, when its time is up or it cannot be helped by repeating it; TIMED_OUT when it
   *   was never answered; the signal's reason; CLIENT_CLOSED
   */
  async call<T>(attempt: (link: Link, signal: AbortSignal) => Promise<T>, limits: CallLimits): Promise<T> {
    const { clock, random, logger } = this.#options;
    const { timeoutMs } = limits;
    const scope = this.scope(limits.signal);
    const deadline = Number.isFinite(timeoutMs)
      ? clock.after(timeoutMs, () => scope.abort(new RollcallError('TIMED_OUT', `no answer within ${timeoutMs} ms`)))
      : undefined;
    const release = this.hold();
    let latest: unknown;
    try {
      for (let failures = 0; ; failures++) {
        try {
          const link = await this.connect(scope.signal);
          return await this.#calls.run(() => this.#attempt(attempt, link, scope.signal), scope.signal);
        } catch (error) {
          if (scope.signal.aborted) throw this.#whyAborted(scope.signal, latest);
          if (!isRollcallError(error) || !error.retryable) throw error;
          logger.debug({ err: error }, 'a call failed and will be repeated');
          latest = error;
        }
        try {
          await sleep(clock, fullJitterMs(RETRY, failures, random.fraction()), scope.signal);
        } catch {
          throw this.#whyAborted(scope.signal, latest);
        }
      }
    } finally {
      release();
      deadline?.cancel();
      scope.unlink();
    }
  }

  /** Ends everything that runs on it, without waiting. Idempotent. */
  close(): void {
    if (this.#closed !== undefined) return;
    this.#closed = new RollcallError('CLIENT_CLOSED', 'the client was closed');
    for (const scope of this.#scopes) scope.abort(this.#closed);
    if (this.#link !== undefined) this.leave(this.#link);
  }

  async #attempt<T>(
    attempt: (link: Link, signal: AbortSignal) => Promise<T>,
    link: Link,
    signal: AbortSignal,
  ): Promise<T> {
    const scope = linkAbort(signal);
    const watchdog = this.#options.clock.after(ATTEMPT_TIMEOUT_MS, () => {
      scope.abort(new RollcallError('TIMED_OUT', `${link.address} did not answer within ${ATTEMPT_TIMEOUT_MS} ms`));
    });
    try {
      return await attempt(link, scope.signal);
    } catch (error) {
      const cause = scope.signal.aborted ? (scope.signal.reason as unknown) : error;
      if (!signal.aborted) this.blame(link, cause);
      throw cause;
    } finally {
      watchdog.cancel();
      scope.unlink();
    }
  }

  #change(link: Link | undefined): void {
    this.#link = link;
    for (const observer of this.#observers) observer(link);
  }

  /** When time is up, the failure that used it up says more than that it is up. */
  #whyAborted(signal: AbortSignal, latest: unknown): unknown {
    const reason: unknown = signal.reason;
    if (!isRollcallError(reason, 'TIMED_OUT')) return reason;
    return this.failure ?? latest ?? reason;
  }

  #startDialling(): Dialling {
    const abort = new AbortController();
    const scope = this.scope(abort.signal);
    const link = this.#dial(scope.signal).finally(() => scope.unlink());
    return { link, abort, waiters: 0 };
  }

  /** There is a connection now, or nobody waits for one any more. */
  #endDialling(dialling: Dialling): void {
    dialling.abort.abort(new RollcallError('CLIENT_CLOSED', 'nobody waits for this connection'));
    if (this.#dialling === dialling) this.#dialling = undefined;
  }

  async #dial(signal: AbortSignal): Promise<Link> {
    const link = await this.#dialler.connect(signal);
    if (signal.aborted) {
      link.close();
      throw signal.reason;
    }
    this.#change(link);
    link.onLost(() => {
      if (this.#link !== link) return;
      this.#options.logger.debug({ address: link.address }, `the connection to ${link.address} is gone`);
      this.leave(link);
    });
    return link;
  }
}
