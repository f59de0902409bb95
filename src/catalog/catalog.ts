import {
  checkEndpoint,
  checkUpdatable,
  UPDATABLE_PATHS,
  type CheckedEndpoint,
  type UpdatablePath,
} from '../core/endpoint.js';
import { encodeMessage } from '../core/encode-message.js';
import { isRollcallError, RollcallError } from '../core/errors.js';
import type { Xxh64 } from '../core/hash.js';
import { DEFAULTS, LIMITS } from '../core/limits.js';
import { checkName, checkServiceName } from '../core/names.js';
import type { Revision } from '../core/token.js';
import { Violations } from '../core/violations.js';
import { Endpoint } from '../gen/rollcall/v1/endpoint.js';
import type { Directory } from '../directory/directory.js';
import {
  decodeRecord,
  encodeRecord,
  livenessKey,
  recordKey,
  type EndpointName,
  type EndpointRecord,
} from '../directory/schema.js';
import type { LeaseId, Store, Txn } from '../store/contract.js';

export interface CatalogOptions {
  readonly xxh64: Xxh64;
  /** Makes ids for endpoints that come without one. */
  readonly newId: () => string;
  /** Endpoints at once, in all (1,000,000 by default) and of one service (100,000). */
  readonly endpointsMax?: number;
  readonly endpointsPerServiceMax?: number;
}

export interface Registration {
  readonly endpoint: Endpoint;
  /** Undefined for the default. */
  readonly ttlMs: number | undefined;
  readonly requestId: string;
}

/** A registration as it stands: what the holder needs to know. */
export interface Registered {
  readonly endpoint: Endpoint;
  readonly leaseId: LeaseId;
  readonly ttlMs: number;
  /** A revision that holds it. */
  readonly revision: Revision;
}

/** How often a write is tried anew because others changed the same endpoint meanwhile. */
const ATTEMPTS_MAX = 8;

/**
 * The registrations: who may be found, for as long as their leases live.
 *
 * Every method decides on the store's own state and writes under guards, so
 * that any number of callers and servers may do so at once. Fencing: a change
 * to an endpoint names the lease it was registered under, and is refused once
 * another registration of the same id has taken its place.
 */
export class Catalog {
  readonly #store: Store;
  readonly #directory: Directory;
  readonly #options: Required<CatalogOptions>;

  constructor(store: Store, directory: Directory, options: CatalogOptions) {
    this.#store = store;
    this.#directory = directory;
    this.#options = { endpointsMax: 1_000_000, endpointsPerServiceMax: 100_000, ...options };
  }

  /**
   * Adds an endpoint under a new lease, or replaces the one with its id, whose
   * lease ends with that. A retry with the same `requestId` renews instead.
   *
   * @throws RollcallError INVALID_FIELD, LIMIT_EXCEEDED, CONTENDED, and those of {@link Store.txn}
   */
  async register(registration: Registration): Promise<Registered> {
    const { checked, ttlMs, requestId } = checkRegistration(registration);
    const { endpoint: name, encoded } = this.#withId(checked);
    let leaseId: LeaseId | undefined;
    try {
      return await this.#retryContended(async () => {
        const current = (await this.#read(name))?.record;
        const repeated = await this.#renewRepeated(current, requestId);
        if (repeated !== undefined) return repeated;
        if (current === undefined) this.#checkCapacity(name);
        leaseId ??= await this.#store.grantLease(ttlMs);
        const record = { endpoint: name, leaseId, ttlMs, requestId };
        const txn: Txn = {
          guards: [{ key: recordKey(name), modRevision: current?.endpoint.modRevision ?? 0 }],
          ops: [
            { kind: 'put', key: recordKey(name), value: encodeRecord(record, encoded) },
            { kind: 'put', key: livenessKey(name), value: NO_VALUE, lease: leaseId },
          ],
          endLeases: current === undefined ? [] : [current.leaseId],
        };
        let result;
        try {
          result = await this.#store.txn(txn);
        } catch (error) {
          // It was granted for an attempt that was lost, so long ago that it has lapsed.
          if (!isRollcallError(error, 'LEASE_NOT_FOUND')) throw error;
          leaseId = undefined;
          return undefined;
        }
        const { committed, revision } = result;
        if (!committed) return undefined;
        const createRevision = current?.endpoint.createRevision ?? revision;
        const registered = { ...name, createRevision, modRevision: revision };
        leaseId = undefined;
        return { endpoint: registered, leaseId: record.leaseId, ttlMs, revision };
      });
    } finally {
      // Not used after all; should this fail too, the lease ends by itself with its TTL.
      if (leaseId !== undefined) await this.#store.txn({ ops: [], endLeases: [leaseId] }).catch(() => undefined);
    }
  }

  /**
   * Removes an endpoint that the lease holds. Resolves to a revision at which it
   * is gone, also if it was gone before.
   *
   * @throws RollcallError INVALID_FIELD, LEASE_MISMATCH, CONTENDED, and those of {@link Store.txn}
   */
  async deregister(request: EndpointName, leaseId: LeaseId): Promise<Revision> {
    const name = checkEndpointName(request);
    return this.#retryContended(async () => {
      const current = (await this.#read(name))?.record;
      if (current === undefined) return this.#store.barrier();
      checkHolder(current, leaseId);
      const { committed, revision } = await this.#store.txn({
        guards: [{ key: recordKey(name), modRevision: current.endpoint.modRevision }],
        ops: [
          { kind: 'delete', key: recordKey(name) },
          { kind: 'delete', key: livenessKey(name) },
        ],
        endLeases: [leaseId],
      });
      return committed ? revision : undefined;
    });
  }

  /**
   * Changes the parts of a live registration that `paths` name to those of
   * `changes`. If they are so already, nothing is written.
   *
   * @throws RollcallError INVALID_FIELD, ENDPOINT_NOT_FOUND, LEASE_MISMATCH,
   * LEASE_NOT_FOUND, CONTENDED, and those of {@link Store.txn}
   */
  async update(changes: Endpoint, paths: readonly string[], leaseId: LeaseId): Promise<Registered> {
    const { name, parts } = checkUpdate(changes, paths);
    return this.#retryContended(async () => {
      const stored = await this.#read(name);
      if (stored === undefined) {
        throw new RollcallError('ENDPOINT_NOT_FOUND', `there is no endpoint ${name.id} of service ${name.service}`);
      }
      const current = stored.record;
      checkHolder(current, leaseId);
      const liveness = await this.#store.get(livenessKey(name));
      if (liveness?.lease !== leaseId) throw new RollcallError('LEASE_NOT_FOUND', `lease ${leaseId} has expired`);
      const endpoint = { ...current.endpoint, ...parts };
      const { encoded } = checkUpdated(endpoint);
      const { ttlMs } = current;
      const value = encodeRecord({ ...current, endpoint }, encoded);
      if (Buffer.compare(value, stored.value) === 0) {
        return { endpoint: current.endpoint, leaseId, ttlMs, revision: await this.#store.barrier() };
      }
      const { committed, revision } = await this.#store.txn({
        guards: [
          { key: recordKey(name), modRevision: current.endpoint.modRevision },
          { key: livenessKey(name), modRevision: liveness.modRevision },
        ],
        ops: [{ kind: 'put', key: recordKey(name), value }],
      });
      return committed ? { endpoint: { ...endpoint, modRevision: revision }, leaseId, ttlMs, revision } : undefined;
    });
  }

  /** Renews leases. In the order asked: the TTL in milliseconds, or undefined for a lease that is not alive. */
  async renew(leaseIds: readonly LeaseId[]): Promise<readonly (number | undefined)[]> {
    const violations = new Violations();
    violations.check(
      leaseIds.length <= LIMITS.leasesPerMessageMax,
      'lease_ids',
      `at most ${LIMITS.leasesPerMessageMax}`,
    );
    violations.throwIfAny();
    return this.#store.renewLeases(leaseIds);
  }

  /** The answer to a registration that was made already, if its lease is alive; it is renewed. */
  async #renewRepeated(current: EndpointRecord | undefined, requestId: string): Promise<Registered | undefined> {
    if (current === undefined || requestId === '' || current.requestId !== requestId) return undefined;
    const { endpoint, leaseId } = current;
    const [ttlMs] = await this.#store.renewLeases([leaseId]);
    return ttlMs === undefined ? undefined : { endpoint, leaseId, ttlMs, revision: endpoint.modRevision };
  }

  #checkCapacity(name: EndpointName): void {
    const { endpointsMax, endpointsPerServiceMax } = this.#options;
    const ofService = this.#directory.service(name)?.endpoints.size ?? 0;
    if (ofService >= endpointsPerServiceMax) {
      throw new RollcallError('LIMIT_EXCEEDED', `service ${name.service} already has ${ofService} endpoints`);
    }
    if (this.#directory.endpointCount >= endpointsMax) {
      throw new RollcallError('LIMIT_EXCEEDED', `there are already ${this.#directory.endpointCount} endpoints`);
    }
  }

  #withId(checked: CheckedEndpoint): CheckedEndpoint {
    if (checked.endpoint.id !== '') return checked;
    const endpoint = { ...checked.endpoint, id: this.#options.newId() };
    return { endpoint, encoded: encodeMessage(Endpoint, endpoint) };
  }

  /** An endpoint's record in the store, and as it is stored. */
  async #read(name: EndpointName): Promise<{ record: EndpointRecord; value: Uint8Array } | undefined> {
    const entry = await this.#store.get(recordKey(name));
    if (entry === undefined) return undefined;
    // The directory has nearly always decoded it.
    const held = this.#directory.endpoint(name);
    const isSame = held?.endpoint.modRevision === entry.modRevision;
    return { record: isSame ? held : decodeRecord(entry, this.#options.xxh64), value: entry.value };
  }

  /** Tries until the attempt does not lose against another writer, which it tells by undefined. */
  async #retryContended<T>(attempt: () => Promise<T | undefined>): Promise<T> {
    for (let count = 0; count < ATTEMPTS_MAX; count++) {
      const result = await attempt();
      if (result !== undefined) return result;
    }
    throw new RollcallError('CONTENDED', `others changed the same endpoint ${ATTEMPTS_MAX} times meanwhile`);
  }
}

const NO_VALUE = new Uint8Array(0);

function checkRegistration({ endpoint, ttlMs = DEFAULTS.ttlMs, requestId }: Registration) {
  const violations = new Violations();
  const checked = checkEndpoint(violations, endpoint, 'endpoint');
  violations.check(
    ttlMs >= LIMITS.ttlMsMin && ttlMs <= LIMITS.ttlMsMax,
    'ttl',
    `must be ${LIMITS.ttlMsMin / 1_000} s to ${LIMITS.ttlMsMax / 3_600_000} h`,
  );
  if (requestId !== '') {
    checkName(violations, 'requestId', 'request_id', requestId);
    violations.check(endpoint.id !== '', 'endpoint.id', 'is required with a request_id');
  }
  violations.throwIfAny();
  return { checked, ttlMs, requestId };
}

function checkEndpointName(request: EndpointName): EndpointName {
  const violations = new Violations();
  const name = checkServiceName(violations, request);
  checkName(violations, 'endpointId', 'endpoint_id', request.id);
  violations.throwIfAny();
  return { ...name, id: request.id };
}

function checkUpdate(changes: Endpoint, paths: readonly string[]) {
  const violations = new Violations();
  const name = { ...checkServiceName(violations, changes, 'endpoint.'), id: changes.id };
  checkName(violations, 'endpointId', 'endpoint.id', changes.id);
  violations.check(
    paths.length >= 1 && paths.length <= LIMITS.updateMaskPathsMax,
    'update_mask',
    `1–${LIMITS.updateMaskPathsMax} paths are required`,
  );
  const masked = Endpoint.fromPartial({});
  const updated = new Set<UpdatablePath>();
  for (const [index, path] of paths.slice(0, LIMITS.updateMaskPathsMax).entries()) {
    const known = UPDATABLE_PATHS.find((updatable) => updatable === path);
    if (known === undefined) {
      violations.add(`update_mask.paths[${index}]`, `must be one of ${UPDATABLE_PATHS.join(', ')}`);
    } else {
      Object.assign(masked, { [known]: changes[known] });
      updated.add(known);
    }
  }
  const checked = checkUpdatable(violations, masked, 'endpoint');
  violations.throwIfAny();
  return { name, parts: Object.fromEntries([...updated].map((path) => [path, checked[path]])) };
}

/** An endpoint may become too large by an update. */
function checkUpdated(endpoint: Endpoint): CheckedEndpoint {
  const violations = new Violations();
  const checked = checkEndpoint(violations, endpoint, 'endpoint');
  violations.throwIfAny();
  return checked;
}

function checkHolder(current: EndpointRecord, leaseId: LeaseId): void {
  if (current.leaseId !== leaseId) {
    throw new RollcallError('LEASE_MISMATCH', 'the endpoint is held by another lease', {
      violations: [{ field: 'lease_id', description: 'is not the lease that holds the endpoint' }],
    });
  }
}
