import { isRollcallError, RollcallError } from '../../core/errors.js';
import type { Address } from '../../gen/rollcall/v1/endpoint.js';
import { afterReading } from '../../lib/after-reading.js';
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

  /** Why no server can be reached, while one is being sought; undefined as long as none was tried in vain. */
  get failure(): RollcallError | undefined {
    return this.#dialling === undefined ? undefined : this.#dialler.failure;
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
   * CLIENT_CLOSED for a reason. To be unlinked when the work is done.
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

  /** A {@link scope} that also ends by its limits: with TIMED_OUT when the time is up, and `message`. */
  limitedScope({ signal, timeoutMs }: CallLimits, message: string, ...parents: readonly AbortSignal[]): LinkedAbort {
    const scope = this.scope(signal, ...parents);
    if (!Number.isFinite(timeoutMs)) return scope;
    const deadline = afterReading(this.#options.clock, timeoutMs, () => {
      scope.abort(new RollcallError('TIMED_OUT', message));
    });
    return {
      ...scope,
      unlink: () => {
        deadline.cancel();
        scope.unlink();
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
      case 'UNEXPECTED_STATUS':
      case 'INTERNAL':
        // Connecting to the same server again would only add to its troubles, or find it as wrong as before.
        if (this.#dialler.serversKnown > 1) this.leave(link);
        return;
      default:
        return;
    }
  }

  /**
   * Makes one call, again on other servers while it fails in a way that may pass, and once on each where one answers as
   * no server should. Keeps the process alive meanwhile.
   *
   * @param attempt must be safe to repeat
   * @throws what the call threw last, when its time is up or it cannot be helped by repeating it; TIMED_OUT when it
   *   was never answered; the signal's reason; CLIENT_CLOSED
   */
  async call<T>(attempt: (link: Link, signal: AbortSignal) => Promise<T>, limits: CallLimits): Promise<T> {
    const { clock, random, logger } = this.#options;
    const scope = this.limitedScope(limits, `no answer within ${limits.timeoutMs} ms`);
    const { signal } = scope;
    const release = this.hold();
    const refusedBy = new Set<string>();
    let latest: unknown;
    try {
      for (let failures = 0; ; failures++) {
        let asked: Link | undefined;
        try {
          // The connection of the moment when it is the call's turn, which may be another than when it began to wait.
          return await this.#calls.run(async () => {
            asked = await this.connect(signal);
            return await this.attempt(asked, attempt, { signal, timeoutMs: ATTEMPT_TIMEOUT_MS });
          }, signal);
        } catch (error) {
          if (signal.aborted) throw this.#whyAborted(signal, latest);
          const again = isRollcallError(error) && error.retryable;
          const elsewhere = asked !== undefined && this.#mayBeOtherwiseElsewhere(asked, error, refusedBy);
          if (!again && !elsewhere) throw error;
          logger.debug({ err: error }, 'a call failed and will be repeated');
          latest = error;
        }
        try {
          await sleep(clock, fullJitterMs(RETRY, failures, random.fraction()), signal);
        } catch {
          throw this.#whyAborted(signal, latest);
        }
      }
    } finally {
      release();
      scope.unlink();
    }
  }

  /**
   * Makes one attempt of a call on one connection, which gets the {@link blame} if it fails. It does not wait for its
   * turn among the calls: for what must not come late.
   *
   * @throws what the attempt threw; TIMED_OUT; the signal's reason
   */
  async attempt<T>(
    link: Link,
    attempt: (link: Link, signal: AbortSignal) => Promise<T>,
    { signal, timeoutMs }: CallLimits,
  ): Promise<T> {
    const scope = linkAbort(signal);
    const watchdog = afterReading(this.#options.clock, timeoutMs, () => {
      scope.abort(new RollcallError('TIMED_OUT', `${link.address} did not answer within ${timeoutMs} ms`));
    });
    try {
      scope.signal.throwIfAborted();
      return await attempt(link, scope.signal);
    } catch (error) {
      const cause = scope.signal.aborted ? (scope.signal.reason as unknown) : error;
      if (signal?.aborted !== true) this.blame(link, cause);
      throw cause;
    } finally {
      watchdog.cancel();
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

  #change(link: Link | undefined): void {
    this.#link = link;
    for (const observer of this.#observers) observer(link);
  }

  /**
   * Whether an error that does not pass may be the doing of one server, which is not what it should be, while there is
   * another that has not answered a call with such a one. `refusedBy` are the addresses that have; `link` is added.
   */
  #mayBeOtherwiseElsewhere(link: Link, error: unknown, refusedBy: Set<string>): boolean {
    if (!isRollcallError(error, 'UNEXPECTED_STATUS') && !isRollcallError(error, 'INTERNAL')) return false;
    // It came round again: the others cannot be reached.
    if (refusedBy.has(link.address)) return false;
    refusedBy.add(link.address);
    return refusedBy.size < this.#dialler.serversKnown;
  }

  /** When time is up, the failure that used it up says more than that it is up. */
  #whyAborted(signal: AbortSignal, latest: unknown): unknown {
    const reason: unknown = signal.reason;
    if (!isRollcallError(reason, 'TIMED_OUT')) return reason;
    return (this.#link === undefined ? this.#dialler.failure : undefined) ?? latest ?? reason;
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
