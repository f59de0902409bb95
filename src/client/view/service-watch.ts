import { isRollcallError, RollcallError, type Reason } from '../../core/errors.js';
import { loadXxh64, type Xxh64 } from '../../core/hash.js';
import type { WatchRequest } from '../../gen/rollcall/v1/discovery.js';
import type { Address } from '../../gen/rollcall/v1/endpoint.js';
import type { Selector } from '../../gen/rollcall/v1/selector.js';
import { fullJitterMs, type BackoffPolicy } from '../../lib/backoff.js';
import type { Clock } from '../../lib/clock.js';
import type { Random } from '../../lib/random.js';
import { linkAbort } from '../../lib/linked-abort.js';
import { sleep } from '../../lib/sleep.js';
import type { Link } from '../connection/link.js';
import type { ClientLogger } from '../logger.js';
import { SilenceWatchdog } from './silence-watchdog.js';
import { beginView, giveUpView, receive, reopenView, resumeFrom, type ViewState } from './view-state.js';
import type { ReconnectEvent, WatchEvent } from './watch-event.js';

/** Between one stream and the next. */
const BACKOFF: BackoffPolicy = { baseMs: 200, maxMs: 10_000 };

/** A stream that lived this long was a good one: the next begins without a history of failures. */
const STEADY_MS = 10_000;

/** However long a server would have its watchers wait. */
const RECONNECT_DELAY_MS_MAX = 60_000;

/** What says more of the server than of what it was asked. */
const SAYS_MORE_OF_THE_SERVER: readonly Reason[] = ['UNEXPECTED_STATUS', 'INTERNAL'];

export interface WatchTarget {
  readonly namespace: string;
  readonly service: string;
  readonly selector: Selector | undefined;
  /** Equal for selectors that mean the same; empty for none. */
  readonly selectorKey: string;
}

/** What a watch needs of a {@link Link}. */
export interface WatchLink {
  readonly address: string;
  readonly discovery: Pick<Link['discovery'], 'watch'>;
  /** Undefined where watches cannot share a stream. */
  readonly shared?: Pick<Link['shared'], 'watch'>;
}

/** What a watch needs of a `Connection`. */
export interface WatchConnection {
  /** The configured ones, by the `address` of their links. */
  readonly servers: readonly string[];
  connect(signal: AbortSignal): Promise<WatchLink>;
  leave(link: WatchLink, alternates?: readonly Address[]): void;
  blame(link: WatchLink, error: unknown): void;
}

export interface WatchContext {
  readonly connection: WatchConnection;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: ClientLogger;
  /** A stream ended, or could not be had, and another is sought. */
  readonly onInterrupted?: (problem: RollcallError) => void;
  /** Events are taken as fast as they come, so that others may use the same stream. False by default. */
  readonly keepsUp?: boolean;
}

/** How one stream ended, where it was not by an error. */
type StreamEnd =
  | { readonly kind: 'going-away'; readonly link: WatchLink; readonly advice: ReconnectEvent }
  | { readonly kind: 'bad-answer'; readonly link: WatchLink; readonly problem: string };

/** Follows one service, over as many streams as it takes. See `RollcallClient.follow` for what it promises. */
export class ServiceWatch {
  readonly #target: WatchTarget;
  readonly #context: WatchContext;
  readonly #watchdog: SilenceWatchdog;
  #state: ViewState;
  /** Whether a server has ever answered what is asked here: in this watch, or in the one whose view it goes on with. */
  #accepted: boolean;
  /** Whether a stream was answered since the last one ended. */
  #flowing = false;
  /** The servers that have answered with what does not pass. */
  readonly #refusedBy = new Set<string>();
  #failures = 0;
  #openedMs = 0;
  #answeredMs = 0;

  /** @param state what is known of the service already */
  constructor(target: WatchTarget, context: WatchContext, state: ViewState = beginView()) {
    this.#target = target;
    this.#context = context;
    this.#watchdog = new SilenceWatchdog(context.clock);
    this.#state = state;
    this.#accepted = state.kind === 'synced';
  }

  /** The view that the latest event made. */
  get state(): ViewState {
    return this.#state;
  }

  /** Ends when `signal` is aborted. To be called once. */
  async *events(signal: AbortSignal): AsyncGenerator<WatchEvent, void, undefined> {
    const xxh64 = await loadXxh64();
    for (;;) {
      let delayMs: number;
      try {
        delayMs = this.#afterEnd(yield* this.#oneStream(xxh64, signal));
      } catch (error) {
        if (signal.aborted) return;
        delayMs = this.#afterError(error);
      }
      try {
        await sleep(this.#context.clock, delayMs, signal);
      } catch {
        // Only the signal ends a sleep early.
        return;
      }
    }
  }

  async *#oneStream(xxh64: Xxh64, signal: AbortSignal): AsyncGenerator<WatchEvent, StreamEnd, undefined> {
    const { connection, clock } = this.#context;
    this.#flowing = false;
    this.#openedMs = clock.monotonicMs();
    const link = await connection.connect(signal);
    this.#openedMs = clock.monotonicMs();
    this.#state = reopenView(this.#state);
    const scope = linkAbort(signal);
    const onSilent = (silentMs: number): void =>
      scope.abort(new RollcallError('TIMED_OUT', `${link.address} said nothing for ${silentMs} ms`));
    try {
      this.#watchdog.begun(onSilent);
      const discovery = (this.#context.keepsUp === true ? link.shared : undefined) ?? link.discovery;
      for await (const message of discovery.watch(this.#request(), { signal: scope.signal })) {
        this.#watchdog.heard(onSilent);
        const step = receive(this.#state, message, xxh64);
        this.#state = step.state;
        if (step.kind === 'drift' || step.kind === 'refused') {
          return { kind: 'bad-answer', link, problem: step.problem };
        }
        if (step.kind === 'gathering') continue;
        if (step.event.type !== 'reconnect') this.#noteAnswer(link, step.event);
        // However long the application takes over it is no silence of the server's.
        this.#watchdog.end();
        yield step.event;
        this.#watchdog.heard(onSilent);
        if (step.event.type === 'reconnect') return { kind: 'going-away', link, advice: step.event };
      }
    } catch (error) {
      const cause: unknown = scope.signal.aborted ? scope.signal.reason : error;
      if (signal.aborted) throw cause;
      connection.blame(link, cause);
      if (isRollcallError(cause) && !cause.retryable) this.#refusedBy.add(link.address);
      throw cause;
    } finally {
      this.#watchdog.end();
      scope.unlink();
    }
    return { kind: 'bad-answer', link, problem: 'the stream ended without an error' };
  }

  #request(): WatchRequest {
    const { namespace, service, selector } = this.#target;
    return { namespace, service, selector, ...resumeFrom(this.#state) };
  }

  #noteAnswer(link: WatchLink, event: WatchEvent): void {
    const { service } = this.#target;
    const nowMs = this.#context.clock.monotonicMs();
    if (this.#flowing && event.type === 'checkpoint') this.#watchdog.confirmedAfter(nowMs - this.#answeredMs);
    this.#answeredMs = nowMs;
    if (this.#accepted && !this.#flowing) {
      this.#context.logger.info({ service, address: link.address }, `watching ${service} again, at ${link.address}`);
    }
    this.#accepted = true;
    this.#flowing = true;
  }

  /** Returns how long to wait before the next stream. */
  #afterEnd(end: StreamEnd): number {
    const { connection, random, logger } = this.#context;
    const { service } = this.#target;
    if (end.kind === 'bad-answer') {
      logger.error({ service, address: end.link.address }, `watch of ${service}: ${end.problem}; asking again`);
      this.#context.onInterrupted?.(new RollcallError('UNEXPECTED_STATUS', `${end.link.address}: ${end.problem}`));
      connection.leave(end.link);
      return this.#backoffMs();
    }
    connection.leave(end.link, end.advice.alternates);
    logger.info({ service, address: end.link.address }, `${end.link.address} is going away; watching ${service} on`);
    this.#context.onInterrupted?.(new RollcallError('SHUTTING_DOWN', `${end.link.address} is going away`));
    return random.fraction() * Math.min(end.advice.delayMaxMs, RECONNECT_DELAY_MS_MAX);
  }

  /**
   * Returns how long to wait before the next stream.
   *
   * @throws the error, if the application has to know of it
   */
  #afterError(error: unknown): number {
    const { logger } = this.#context;
    const { service } = this.#target;
    if (!isRollcallError(error)) throw error;
    if (!this.#mayPass(error)) throw error;
    if (error.reason === 'INVALID_TOKEN') this.#state = giveUpView(this.#state);
    logger.warn({ service, err: error }, `watch of ${service} interrupted: ${error.message}; trying again`);
    this.#context.onInterrupted?.(error);
    return this.#backoffMs();
  }

  #mayPass(error: RollcallError): boolean {
    // What was accepted once is not wrong for good: whatever a server says later, the watch goes on.
    if (this.#accepted || error.retryable) return true;
    // One of the servers may be none of Rollcall's, or of another version. All are asked before the watch is given up,
    // and one that cannot be reached for now may be right.
    if (!SAYS_MORE_OF_THE_SERVER.includes(error.reason)) return false;
    return this.#context.connection.servers.some((address) => !this.#refusedBy.has(address));
  }

  #backoffMs(): number {
    const { clock, random } = this.#context;
    if (clock.monotonicMs() - this.#openedMs >= STEADY_MS) this.#failures = 0;
    return fullJitterMs(BACKOFF, this.#failures++, random.fraction());
  }
}
