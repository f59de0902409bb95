import { RollcallError } from '../../src/core/errors.js';
import { Endpoint } from '../../src/gen/rollcall/v1/endpoint.js';
import { encodeRecord, livenessKey, recordKey } from '../../src/directory/schema.js';
import type { Guard, Op } from '../../src/store/contract.js';
import { MARKER_KEY, type Answer } from '../support/validators/history.js';
import type { WhichLease } from './commands.js';
import type { Acts } from './play.js';
import { paddingOf, SERVICES, shapeOf, TTLS_MS } from './shapes.js';
import type { World } from './world.js';

const FOREIGN_LEASE = 42;

/** What clients do to the catalog. */
export const writeCommands: Acts<'register' | 'pair' | 'update' | 'deregister' | 'renew' | 'churn' | 'flood'> = {
  register: (world, { service, id, ttl, shape, request }) => {
    const requestId = request === 0 ? '' : `request-${request}`;
    register(world, { service: SERVICES[service]!, id: `e${id}`, ttlMs: TTLS_MS[ttl]!, shape, requestId });
  },

  churn: async (world, { service, id, count, watching, large }) => {
    const passer = watching ? world.addWatcher({ service: SERVICES[service]!, selector: undefined }) : undefined;
    for (let index = 0; index < count; index++) {
      // Mostly small ones; large ones fill what a stream may hold at once.
      const shape = large || index % 5 === 4 ? 12 : index % 12;
      register(world, { service: SERVICES[service]!, id: `e${(id + index) % 4}`, ttlMs: 3_000, shape, requestId: '' });
      passer?.open(passer.blank);
      await world.settle();
    }
  },

  flood: (world, { service }) => {
    for (let index = 0; index < 24; index++) {
      register(world, {
        service: SERVICES[service]!,
        id: `f${index}`,
        ttlMs: 3_000,
        shape: 0,
        requestId: '',
        padding: 60_000,
      });
    }
  },

  update: (world, { service: index, id: number, shape, lease }) => {
    const [service, id] = [SERVICES[index]!, `e${number}`];
    const marker = world.nextMarker();
    const leaseId = leaseOf(world, service, id, lease);
    const changes = endpointOf(service, id, shape, marker);
    world.ask({ kind: 'update', service, id, leaseId, marker }, async () => {
      const { revision } = await world.server.catalog.update(changes, ['metadata', 'labels', 'health'], leaseId);
      return { kind: 'written', revision, leaseId };
    });
  },

  deregister: (world, { service: index, id: number, lease }) => {
    const [service, id] = [SERVICES[index]!, `e${number}`];
    const leaseId = leaseOf(world, service, id, lease);
    world.ask({ kind: 'deregister', service, id, leaseId }, async () => {
      const revision = await world.server.catalog.deregister(nameOf(service, id), leaseId);
      return { kind: 'gone', revision };
    });
  },

  renew: (world, { leases }) => {
    renew(
      world,
      leases.map((pick) => world.leases.at(-1 - pick)?.leaseId ?? FOREIGN_LEASE),
    );
  },

  pair: (world, { service: index, id: number, shape }) => {
    const service = SERVICES[index]!;
    const parts = [`e${number}`, `e${(number + 1) % 4}`].map((id) => ({
      id,
      marker: `pair ${world.nextMarker()} ${id}`,
    }));
    const committing = writePair(world, service, shape, parts);
    for (const [place, { id, marker }] of parts.entries()) {
      world.ask({ kind: 'register', service, id, requestId: '', marker }, async () => {
        const { revision, leaseIds } = await committing;
        const leaseId = leaseIds[place]!;
        world.leases.push({ service, id, leaseId });
        return { kind: 'written', revision, leaseId };
      });
    }
  },
};

async function writePair(
  { store }: World,
  service: string,
  shape: number,
  parts: readonly { readonly id: string; readonly marker: string }[],
): Promise<{ readonly revision: number; readonly leaseIds: readonly number[] }> {
  const ttlMs = 1_500;
  const guards: Guard[] = [];
  const ops: Op[] = [];
  const endLeases: number[] = [];
  const leaseIds: number[] = [];
  for (const { id, marker } of parts) {
    const name = nameOf(service, id);
    const [record, liveness, leaseId] = await Promise.all([
      store.get(recordKey(name)),
      store.get(livenessKey(name)),
      store.grantLease(ttlMs),
    ]);
    const value = encodeRecord({ endpoint: endpointOf(service, id, shape, marker), leaseId, ttlMs, requestId: '' });
    guards.push({ key: recordKey(name), modRevision: record?.modRevision ?? 0 });
    ops.push({ kind: 'put', key: recordKey(name), value });
    ops.push({ kind: 'put', key: livenessKey(name), value: Buffer.alloc(0), lease: leaseId });
    if (liveness?.lease !== undefined) endLeases.push(liveness.lease);
    leaseIds.push(leaseId);
  }
  const { committed, revision } = await store.txn({ guards, ops, endLeases });
  if (!committed) throw new RollcallError('CONTENDED', 'another one was first');
  return { revision, leaseIds };
}

interface Registration {
  readonly service: string;
  readonly id: string;
  readonly ttlMs: number;
  readonly shape: number;
  readonly requestId: string;
  readonly padding?: number;
}

function register(world: World, { service, id, ttlMs, shape, requestId, padding }: Registration): void {
  const marker = world.nextMarker();
  const endpoint = endpointOf(service, id, shape, marker, padding);
  world.ask({ kind: 'register', service, id, requestId, marker }, async (): Promise<Answer> => {
    const { leaseId, revision } = await world.server.catalog.register({ endpoint, ttlMs, requestId });
    world.leases.push({ service, id, leaseId });
    return { kind: 'written', revision, leaseId };
  });
}

/** Renews leases in one message. */
export function renew(world: World, leaseIds: readonly number[]): void {
  world.ask({ kind: 'renew', leaseIds }, async () => ({
    kind: 'renewed',
    ttlsMs: await world.server.catalog.renew(leaseIds),
  }));
}

function leaseOf(world: World, service: string, id: string, which: WhichLease): number {
  const own = world.leases.filter((lease) => lease.service === service && lease.id === id);
  const others = world.leases.filter((lease) => !own.includes(lease));
  const chosen = { held: own.at(-1), old: own.at(-2), foreign: others.at(-1) }[which];
  return chosen?.leaseId ?? FOREIGN_LEASE;
}

function nameOf(service: string, id: string) {
  const [namespace, name] = service.split('/') as [string, string];
  return { namespace, service: name, id };
}

function endpointOf(service: string, id: string, shape: number, marker: string, padding?: number): Endpoint {
  const { padding: usualPadding, ...selectable } = shapeOf(shape);
  return Endpoint.fromPartial({
    ...nameOf(service, id),
    ...selectable,
    addresses: [{ host: '10.0.0.1', port: 80 }],
    metadata: { [MARKER_KEY]: marker, ...paddingOf(padding ?? usualPadding) },
  });
}
