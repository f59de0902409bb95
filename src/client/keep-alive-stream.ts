import { RollcallError } from '../core/errors.js';
import type { KeepAliveRequest, KeepAliveResponse, LeaseRenewal } from '../gen/rollcall/v1/registry.js';
import type { Clock } from '../lib/clock.js';
import type { LinkedAbort } from '../lib/linked-abort.js';
import type { Link } from './link.js';

/** One KeepAlive stream. Broken for good after its first failure. */
export class KeepAliveStream {
  /** What the stream runs on. */
  readonly link: Link;
  readonly #clock: Clock;
  readonly #scope: LinkedAbort;
  readonly #responses: AsyncIterator<KeepAliveResponse>;
  readonly #requests = new Handover<KeepAliveRequest>();

  /** @param scope of the stream, which the stream unlinks when it ends */
  constructor(link: Link, clock: Clock, scope: LinkedAbort) {
    this.link = link;
    this.#clock = clock;
    this.#scope = scope;
    const responses = link.registry.keepAlive(this.#requests, { signal: this.#scope.signal });
    this.#responses = responses[Symbol.asyncIterator]();
  }

  /**
   * Renews leases, at most a message's worth. To be called again only after it has settled.
   *
   * @throws RollcallError whatever broke the stream; TIMED_OUT when there was no answer in time
   */
  async renew(leaseIds: readonly bigint[], timeoutMs: number): Promise<LeaseRenewal[]> {
    const watchdog = this.#clock.after(timeoutMs, () => {
      this.#scope.abort(new RollcallError('TIMED_OUT', `the KeepAlive stream did not answer within ${timeoutMs} ms`));
    });
    try {
      this.#requests.give({ leaseIds: [...leaseIds] });
      const answer = await this.#responses.next();
      if (answer.done === true) throw new RollcallError('SERVER_UNREACHABLE', 'the KeepAlive stream was ended');
      return answer.value.results;
    } catch (error) {
      const cause: unknown = this.#scope.signal.aborted ? this.#scope.signal.reason : error;
      this.close();
      throw cause;
    } finally {
      watchdog.cancel();
    }
  }

  /** Ends the stream; what is under way fails. Idempotent. */
  close(): void {
    this.#requests.end();
    this.#scope.abort(new RollcallError('SERVER_UNREACHABLE', 'the KeepAlive stream was closed'));
    this.#scope.unlink();
    // What it throws is the reason above.
    this.#responses.return?.().catch(() => undefined);
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
