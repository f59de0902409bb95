import type { Endpoint } from '../../src/gen/rollcall/v1/endpoint.js';
import { decodeToken } from '../../src/core/token.js';
import type { RawClient } from './raw-client.js';

/** What an endpoint of a writer is known to be: absent, or of the given version. */
type Version = number | undefined;

interface Account {
  /** As last acknowledged, or as last seen. */
  known: Version;
  lease: bigint | undefined;
  /** A write whose answer was lost: it may or may not have happened. */
  pending: { readonly version: Version } | undefined;
}

const ENDPOINTS = 6;

/**
 * Registers, replaces, updates and deregisters endpoints that nobody else touches, one call after the other, and keeps
 * account of what was acknowledged. Each write has a number of its own, which the endpoint carries as a label.
 */
export class AccountableWriter {
  /** Writes that were acknowledged, ever. */
  acknowledged = 0;
  /** The newest revision of any acknowledged write. */
  revision = 0;
  readonly #name: string;
  readonly #service: string;
  readonly #pick: (below: number) => number;
  readonly #accounts = new Map<string, Account>();
  #writes = 0;

  /** `pick` returns a random integer below its argument. */
  constructor(name: string, service: string, pick: (below: number) => number) {
    this.#name = name;
    this.#service = service;
    this.#pick = pick;
  }

  /** Writes until a call fails, as all do once the server is gone. */
  async writeUntilFailure(client: RawClient): Promise<void> {
    for (;;) {
      const id = `${this.#name}-${this.#pick(ENDPOINTS)}`;
      const account = this.#accounts.get(id) ?? { known: undefined, lease: undefined, pending: undefined };
      this.#accounts.set(id, account);
      try {
        await this.#write(client, id, account);
      } catch {
        return;
      }
    }
  }

  /**
   * Holds what a server has against the account, and settles what was pending.
   *
   * @throws if an acknowledged write is missing, or something is there that was never written.
   */
  audit(found: ReadonlyMap<string, Endpoint>): void {
    for (const [id, account] of this.#accounts) {
      const endpoint = found.get(id);
      const version = endpoint === undefined ? undefined : Number(endpoint.labels['version']);
      const { known, pending } = account;
      if (pending !== undefined && version === pending.version && version !== known) {
        account.known = version;
        account.lease = undefined;
      } else if (version !== known) {
        throw new Error(`${id} should be ${describe(known)}${pending ? ' or what is pending' : ''}, but is ${version}`);
      }
      account.pending = undefined;
    }
  }

  async #write(client: RawClient, id: string, account: Account): Promise<void> {
    const { known, lease } = account;
    const name = { service: this.#service, id };
    const version = ++this.#writes;
    const labels = { version: String(version), parity: version % 2 === 0 ? 'even' : 'odd' };
    const choice = known === undefined || lease === undefined ? 'register' : this.#choose();
    account.pending = { version: choice === 'deregister' ? undefined : version };
    let resumeToken: string;
    if (choice === 'deregister') {
      ({ resumeToken } = await client.deregister({ ...name, endpointId: id, leaseId: lease ?? 0n }));
      account.lease = undefined;
    } else if (choice === 'update') {
      const change = { endpoint: { ...name, labels }, updateMask: ['labels'], leaseId: lease ?? 0n };
      ({ resumeToken } = await client.update(change));
    } else {
      const endpoint = { ...name, labels, addresses: [{ host: '10.0.0.1', port: 80 }] };
      const registered = await client.register({ endpoint, ttl: { seconds: 3_600n, nanos: 0 } });
      ({ resumeToken } = registered);
      account.lease = registered.leaseId;
    }
    account.known = account.pending.version;
    account.pending = undefined;
    this.acknowledged++;
    this.revision = Math.max(this.revision, decodeToken(resumeToken, 'resume_token').revision);
  }

  #choose(): 'register' | 'update' | 'deregister' {
    return (['register', 'update', 'update', 'deregister'] as const)[this.#pick(4)] ?? 'register';
  }
}

function describe(version: Version): string {
  return version === undefined ? 'absent' : `version ${version}`;
}
