import { RollcallError } from '../../core/errors.js';
import type { KeepAliveRequest, LeaseRenewal } from '../../gen/rollcall/v1/registry.js';
import { afterReading } from '../../lib/after-reading.js';
import type { Clock } from '../../lib/clock.js';
import type { LinkedAbort } from '../../lib/linked-abort.js';
import type { Link } from '../connection/link.js';

export interface KeepAliveStreamContext {
  readonly clock: Clock;
  /** Of the stream, which unlinks it when it ends. */
  readonly scope: LinkedAbort;
  /** Told once, with the reason, unless the stream is closed by its owner. A renewal under way fails with the same. */
  readonly onBroken: (error: unknown) => void;
}

interface Asked {
  resolve(results: LeaseRenewal[]): void;
  reject(error: unknown): void;
}

/**
 * One KeepAlive stream. It is read all the time, so that its end is known at
 * once and not with the next renewal. Broken for good after its first failure.
 */
export class KeepAliveStream {
  /** What the stream runs on. */
  readonly link: Link;
  readonly #context: KeepAliveStreamContext;
  readonly #requests = new Handover<KeepAliveRequest>();
  #asked: Asked | undefined;
  #ended: { readonly error: unknown } | undefined;

  constructor(link: Link, context: KeepAliveStreamContext) {
    this.link = link;
    this.#context = context;
    void this.#read();
  }

  /** Whether a renewal is under way. */
  get busy(): boolean {
    return this.#asked !== undefined;
  }

  /**
   * Renews leases, at most a message's worth. Not to be called while it is {@link busy}.
   *
   * @throws RollcallError whatever broke the stream; TIMED_OUT when there was no answer in time
   */
  async renew(leaseIds: readonly bigint[], timeoutMs: number): Promise<LeaseRenewal[]> {
    if (this.#ended !== undefined) throw this.#ended.error;
    const { clock } = this.#context;
    const results = new Promise<LeaseRenewal[]>((resolve, reject) => (this.#asked = { resolve, reject }));
    const watchdog = afterReading(clock, timeoutMs, () => {
      this.#break(new RollcallError('TIMED_OUT', `the KeepAlive stream did not answer within ${timeoutMs} ms`));
    });
    try {
      this.#requests.give({ leaseIds: [...leaseIds] });
      return await results;
    } finally {
      watchdog.cancel();
    }
  }

  /** Ends the stream; what is under way fails. Idempotent. */
  close(): void {
    this.#end(new RollcallError('SERVER_UNREACHABLE', 'the KeepAlive stream was closed'));
  }

  async #read(): Promise<void> {
    const { signal } = this.#context.scope;
    try {
      for await (const { results } of this.link.registry.keepAlive(this.#requests, { signal })) {
        this.#asked?.resolve(results);
        this.#asked = undefined;
      }
      this.#break(new RollcallError('SERVER_UNREACHABLE', 'the KeepAlive stream was ended'));
    } catch (error) {
      this.#break(signal.aborted ? signal.reason : error);
    }
  }

  #break(error: unknown): void {
    if (this.#end(error)) this.#context.onBroken(error);
  }

  /** False if it had ended before. */
  #end(error: unknown): boolean {
    if (this.#ended !== undefined) return false;
    this.#ended = { error };
    this.#requests.end();
    this.#context.scope.abort(error);
    this.#context.scope.unlink();
    this.#asked?.reject(error);
    this.#asked = undefined;
    return true;
  }
}

/** An iterable of what is handed over, one at a time. */
class Handover<T> implements AsyncIterable<T>, AsyncIterator<T> {
  #waiting: ((result: IteratorResult<T>) => void) | undefined;
  #given: T | undefined;
  #ended = false;

  give(value: T): void {
    if (this.#waiting === undefined) this.#given = value;
    else this.#waiting({ done: false, value });
    this.#waiting = undefined;
  }

  end(): void {
    this.#ended = true;
    this.#waiting?.({ done: true, value: undefined });
    this.#waiting = undefined;
  }

  next(): Promise<IteratorResult<T>> {
    const value = this.#given;
    this.#given = undefined;
    if (value !== undefined) return Promise.resolve({ done: false, value });
    if (this.#ended) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve) => (this.#waiting = resolve));
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
