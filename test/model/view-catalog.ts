import { endpointDigest } from '../../src/core/digest.js';
import type { Xxh64 } from '../../src/core/hash.js';
import { encodeToken, type Epoch, type Revision } from '../../src/core/token.js';
import { Endpoint } from '../../src/gen/rollcall/v1/endpoint.js';

/** The endpoints of the one service, by id. */
export type TrueState = ReadonlyMap<string, Endpoint>;

/** What is true: every state of one service that ever was, in every history. */
export class ViewCatalog {
  readonly #xxh64: Xxh64;
  /** By epoch, then by revision: only revisions that changed something. */
  readonly #states = new Map<Epoch, Map<Revision, TrueState>>();
  #epoch = '';
  #revision = 0;
  #floor = 0;

  constructor(xxh64: Xxh64) {
    this.#xxh64 = xxh64;
    this.replace(0, []);
  }

  get epoch(): Epoch {
    return this.#epoch;
  }

  get revision(): Revision {
    return this.#revision;
  }

  /** Changes after this revision are remembered. */
  get floor(): Revision {
    return this.#floor;
  }

  /** Endpoints that are now. */
  get now(): TrueState {
    return this.stateAt(this.#epoch, this.#revision);
  }

  put(id: string): void {
    this.#change((state) => state.set(id, endpointOf(id, this.#revision)));
  }

  remove(id: string): void {
    this.#change((state) => state.delete(id));
  }

  compact(): void {
    this.#floor = this.#revision;
  }

  /** Another history begins. */
  replace(revision: Revision, ids: readonly string[]): void {
    this.#epoch = (this.#states.size + 1).toString(16).padStart(16, '0');
    this.#revision = revision;
    this.#floor = revision;
    const state = new Map(ids.map((id) => [id, endpointOf(id, revision)]));
    this.#states.set(this.#epoch, new Map([[revision, state]]));
  }

  /** @throws Error for what never was */
  stateAt(epoch: Epoch, revision: Revision): TrueState {
    const states = this.#states.get(epoch);
    const at = Math.max(...[...(states?.keys() ?? [])].filter((known) => known <= revision));
    const state = states?.get(at);
    if (state === undefined) throw new Error(`there never was a revision ${revision} of ${epoch}`);
    return state;
  }

  /** Of the state at that revision of the present history. */
  tokenAt(revision: Revision): string {
    return encodeToken({ epoch: this.#epoch, revision, scope: 1n });
  }

  digestOf(state: TrueState): bigint {
    return [...state.values()].reduce(
      (sum, { id, modRevision }) => sum ^ endpointDigest(this.#xxh64, id, modRevision),
      0n,
    );
  }

  #change(apply: (state: Map<string, Endpoint>) => void): void {
    const state = new Map(this.now);
    this.#revision++;
    apply(state);
    this.#states.get(this.#epoch)?.set(this.#revision, state);
  }
}

function endpointOf(id: string, modRevision: Revision): Endpoint {
  return Endpoint.fromPartial({ namespace: 'default', service: 'payments', id, modRevision });
}
