import type { RollcallClient } from '../client/index.js';
import { Following, type Deliver } from './following.js';
import type { ServiceTarget } from './target.js';

/**
 * What the channels of one client follow: each service once, however many
 * channels there are. One that nobody listens to any more is kept for as long
 * as it knows of endpoints that no list would name to a channel that comes
 * later.
 */
export class Followings {
  readonly #client: RollcallClient;
  readonly #graceMs: number;
  readonly #open = new Map<string, Following>();

  /** @param graceMs how long endpoints stay that are not known to be gone, unless they return before */
  constructor(client: RollcallClient, graceMs: number) {
    this.#client = client;
    this.#graceMs = graceMs;
  }

  /** Has `deliver` told of a service from now on; see {@link Following.attach}. Returns what ends that. */
  attach(target: ServiceTarget, deliver: Deliver): () => void {
    const { namespace, service, selector } = target;
    const key = JSON.stringify([namespace, service, selector]);
    let following = this.#open.get(key);
    if (following === undefined) {
      following = new Following(this.#client, target, { graceMs: this.#graceMs, onIdle: () => this.#open.delete(key) });
      this.#open.set(key, following);
    }
    return following.attach(deliver);
  }
}
