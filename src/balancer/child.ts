import { connectivityState, experimental, type ChannelOptions } from '@grpc/grpc-js';
import type { ListedEndpoint } from './listed-endpoint.js';
import { initialCredit } from './rotation.js';
import type { Callee } from './schedule.js';

/** What a child needs of its policy. */
export interface ChildOwner {
  readonly helper: experimental.ChannelControlHelper;
  /** The child has a new state, or in the same state another connection or error. */
  onChange(child: Child, before: connectivityState, errorMessage: string | null): void;
}

/** How many there were so far in this process. */
let made = 0;

/** One endpoint that is connected to, through grpc-js's pick_first over its addresses. */
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
  #state: connectivityState = connectivityState.IDLE;
  #destroyed = false;

  constructor(listed: ListedEndpoint, fresh: boolean, options: ChannelOptions, owner: ChildOwner) {
    this.listed = listed;
    this.fresh = fresh;
    // A leaf that was destroyed while it was connecting still has a timer, which asks for re-resolution and reports a
    // state some 250 ms later. Heeded, it would bring a removed endpoint back.
    const helper = experimental.createChildChannelControlHelper(owner.helper, {
      updateState: (state, _picker, errorMessage) => {
        if (this.#destroyed) return;
        const before = this.#state;
        this.#state = state;
        owner.onChange(this, before, errorMessage);
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

  pick(args: experimental.PickArgs): experimental.PickResult {
    return this.#leaf.getPicker().pick(args);
  }

  /** May report its state before it returns, where a connection of the pool is used. */
  connect(): void {
    this.#leaf.startConnecting();
  }

  /** Connects again. Not if it was destroyed meanwhile, as by a resolver that answers at once. */
  exitIdle(): void {
    if (!this.#destroyed) this.#leaf.exitIdle();
  }

  /** From now on connects with other options; the present connection is used until one with them is ready. */
  setOptions(options: ChannelOptions): void {
    this.#leaf.updateEndpoint(this.listed.endpoint, options);
  }

  /** Reports nothing from now on. Its connection goes back to the pool. */
  destroy(): void {
    this.#destroyed = true;
    this.#leaf.destroy();
  }
}
