import { connectivityState, experimental, type ChannelOptions } from '@grpc/grpc-js';
import type { Clock, Timer } from '../lib/clock.js';
import type { Random } from '../lib/random.js';
import { reconnectDelayMs } from './connection-options.js';
import type { ListedEndpoint } from './listed-endpoint.js';
import { initialCredit } from './rotation.js';
import type { Callee } from './schedule.js';

const { IDLE, CONNECTING, READY, TRANSIENT_FAILURE } = connectivityState;

/** An attempt that takes longer counts as failed, though it goes on: grpc-js waits for a silent server without end. */
const CONNECT_TIMEOUT_MS = 5_000;

/** A connection that is lost sooner was none. grpc-js forgets its backoff with every connection, however short. */
const STEADY_MS = 1_000;

/** What a child needs of its policy. */
export interface ChildOwner {
  readonly helper: experimental.ChannelControlHelper;
  readonly clock: Clock;
  readonly random: Random;
  /** The child has a new state, or in the same state another connection or error, or has proved itself again. */
  onChange(child: Child, before: connectivityState, errorMessage: string | null): void;
}

/** How many there were so far in this process. */
let made = 0;

/**
 * One endpoint that is connected to, through grpc-js's pick_first over its addresses. Its state is pick_first's, but
 * for two cases of TRANSIENT_FAILURE that pick_first does not know:
 *
 * ```
 *   CONNECTING ── 5 s ─────────────────────────────────▶ TRANSIENT_FAILURE, the attempt goes on
 *   READY ── lost within 1 s, not for the first time ──▶ TRANSIENT_FAILURE, connects again after the backoff
 * ```
 *
 * TRANSIENT_FAILURE is left for READY only.
 */
export class Child implements Callee {
  /** As listed last; may be replaced by one of the same key. */
  listed: ListedEndpoint;
  /** Whether calls have to grow slowly once it is ready. */
  fresh: boolean;
  /** Set when calls are scheduled: its part in them. */
  weight = 0;
  inZone = false;
  credit = initialCredit(made++);
  readonly #leaf: experimental.LeafLoadBalancer;
  readonly #owner: ChildOwner;
  #options: ChannelOptions;
  #state: connectivityState = IDLE;
  #failing = false;
  /** Until the attempt is given up, the next one begins, or the connection counts as steady; by the state. */
  #timer: Timer | undefined;
  #readySinceMs = 0;
  /** How many connections in a row were lost as soon as they were made. */
  #earlyLosses = 0;
  #destroyed = false;

  constructor(listed: ListedEndpoint, fresh: boolean, options: ChannelOptions, owner: ChildOwner) {
    this.listed = listed;
    this.fresh = fresh;
    this.#options = options;
    this.#owner = owner;
    // A leaf that was destroyed while it was connecting still has a timer, which asks for re-resolution and reports a
    // state some 250 ms later. Heeded, it would bring a removed endpoint back.
    const helper = experimental.createChildChannelControlHelper(owner.helper, {
      updateState: (state, _picker, errorMessage) => {
        if (!this.#destroyed) this.#onLeafState(state, errorMessage);
      },
      requestReresolution: () => {
        if (!this.#destroyed) owner.helper.requestReresolution();
      },
    });
    this.#leaf = new experimental.LeafLoadBalancer(listed.endpoint, helper, options, '');
  }

  get state(): connectivityState {
    return this.#state;
  }

  /** From its first failure until a connection has lasted, so that one that comes and goes counts as gone. */
  get failing(): boolean {
    return this.#failing;
  }

  pick(args: experimental.PickArgs): experimental.PickResult {
    return this.#leaf.getPicker().pick(args);
  }

  /**
   * Also connects again, once it is IDLE; not if it was destroyed meanwhile, as by a resolver that answers at once. May
   * report its state before it returns, where a connection of the pool is used.
   */
  connect(): void {
    if (!this.#destroyed) this.#leaf.startConnecting();
  }

  /** From now on connects with other options; the present connection is used until one with them is ready. */
  setOptions(options: ChannelOptions): void {
    if (options === this.#options) return;
    this.#options = options;
    this.#leaf.updateEndpoint(this.listed.endpoint, options);
  }

  /** Reports nothing from now on. Its connection goes back to the pool. */
  destroy(): void {
    this.#destroyed = true;
    this.#timer?.cancel();
    this.#leaf.destroy();
  }

  #onLeafState(state: connectivityState, errorMessage: string | null): void {
    switch (state) {
      case READY:
        this.#onConnected();
        return this.#enter(READY, null);
      case CONNECTING:
        if (this.#state === TRANSIENT_FAILURE) return;
        if (this.#state !== CONNECTING) {
          this.#setTimer(CONNECT_TIMEOUT_MS, () => this.#fail(`no connection within ${CONNECT_TIMEOUT_MS} ms`));
        }
        return this.#enter(CONNECTING, null);
      case TRANSIENT_FAILURE:
        this.#timer?.cancel();
        return this.#fail(errorMessage);
      default:
        return this.#onLost();
    }
  }

  #onConnected(): void {
    this.#timer?.cancel();
    this.#readySinceMs = this.#owner.clock.monotonicMs();
    if (!this.#failing) return;
    this.#setTimer(STEADY_MS, () => {
      this.#failing = false;
      this.#enter(READY, null);
    });
  }

  /** Connects again at once, unless that has just been tried. */
  #onLost(): void {
    this.#timer?.cancel();
    const lastedMs = this.#owner.clock.monotonicMs() - this.#readySinceMs;
    this.#earlyLosses = lastedMs < STEADY_MS ? this.#earlyLosses + 1 : 0;
    if (this.#earlyLosses <= 1) return this.#enter(IDLE, null);
    const delayMs = reconnectDelayMs(this.#options, this.#earlyLosses - 2, this.#owner.random.fraction());
    this.#setTimer(delayMs, () => this.connect());
    this.#fail(`${this.#earlyLosses} connections in a row were lost as soon as they were made`);
  }

  #fail(errorMessage: string | null): void {
    this.#failing = true;
    this.#enter(TRANSIENT_FAILURE, errorMessage);
  }

  #setTimer(delayMs: number, fn: () => void): void {
    this.#timer = this.#owner.clock.after(delayMs, fn);
  }

  #enter(state: connectivityState, errorMessage: string | null): void {
    const before = this.#state;
    this.#state = state;
    this.#owner.onChange(this, before, errorMessage);
  }
}
