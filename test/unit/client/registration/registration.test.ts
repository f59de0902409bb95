import { getEventListeners } from 'node:events';
import { RollcallClient } from '../../../../src/client/index.js';
import type { Registration, RegistrationState } from '../../../../src/client/index.js';
import { Health, type Endpoint } from '../../../../src/gen/rollcall/v1/endpoint.js';
import type {
  DeregisterRequest,
  DeregisterResponse,
  KeepAliveRequest,
  RegisterRequest,
  RegisterResponse,
  UpdateEndpointRequest,
  UpdateEndpointResponse,
} from '../../../../src/gen/rollcall/v1/registry.js';
import { systemClock, type Clock } from '../../../../src/lib/clock.js';
import { FakeClock } from '../../../support/fake-clock.js';
import { startInProcess } from '../../../support/in-process-server.js';
import { passTime } from '../../../support/pass-time.js';
import { RecordingLogger } from '../../../support/recording-logger.js';
import { failureOf, inTurn, startScripted, type Script } from '../../../support/scripted-server.js';
import { startFaultProxy } from '../../../support/fault-proxy.js';
import { until } from '../../../support/until.js';

const payments = { service: 'payments', addresses: ['10.0.0.7:80'] };

function clientOf(address: string, { clock = systemClock }: { clock?: Clock } = {}) {
  const logger = new RecordingLogger();
  return { client: new RollcallClient({ servers: [address], logger, clock }), logger };
}

/** How long it takes by the clock, which passes meanwhile. */
async function timeToClose(client: RollcallClient, clock: FakeClock): Promise<number> {
  const beganMs = clock.monotonicMs();
  let closed = false;
  void client.close().then(() => (closed = true));
  await passTime(clock, 'the client is closed', () => closed, 10);
  return clock.monotonicMs() - beganMs;
}

function held(registration: Registration): Extract<RegistrationState, { kind: 'registered' }> {
  if (registration.state.kind !== 'registered') throw new Error(`the registration is ${registration.state.kind}`);
  return registration.state;
}

async function endpointsOf(client: RollcallClient, service = 'payments'): Promise<Endpoint[]> {
  const endpoints: Endpoint[] = [];
  for await (const endpoint of client.listEndpoints(service)) endpoints.push(endpoint);
  return endpoints;
}

describe('a registration', () => {
  it('stands once register resolves, with what the server filled in', async () => {
    await using server = await startInProcess();
    await using client = clientOf(server.address).client;
    const registration = await client.register({ ...payments, labels: { version: 'v1' } }, { ttlMs: 20_000 });
    const { endpoint, ttlMs, leaseId, resumeToken } = held(registration);
    expect(ttlMs).toBe(20_000);
    expect(leaseId).toBeGreaterThan(0n);
    expect(endpoint).toMatchObject({ id: registration.id, weight: 100, health: Health.HEALTHY, createRevision: 1 });
    expect(registration.id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7/);
    for await (const listed of client.listEndpoints('payments', { minToken: resumeToken })) {
      expect(listed).toEqual(endpoint);
    }
  });

  it('lives on for many TTLs, on a server whose leases do end', async () => {
    const clock = new FakeClock();
    await using server = await startInProcess({ clock });
    await using client = clientOf(server.address, { clock }).client;
    const other = clientOf(server.address, { clock });
    const registration = await client.register(payments, { ttlMs: 1_000 });
    const { leaseId } = held(registration);
    // A client that dies without a word.
    await using proxy = await startFaultProxy(server.address);
    const dying = clientOf(proxy.address, { clock });
    await dying.client.register({ ...payments, id: 'dying' }, { ttlMs: 1_000 });
    proxy.silence();
    await passTime(clock, 'the other endpoint has lapsed', async () => (await endpointsOf(other.client)).length === 1);
    await passTime(clock, 'ten TTLs have passed', () => clock.monotonicMs() > 10_000);
    expect(held(registration).leaseId).toBe(leaseId);
    expect(await endpointsOf(other.client)).toEqual([held(registration).endpoint]);
    proxy.restore();
    await Promise.all([other.client.close(), dying.client.close()]);
  });

  it('is made anew, as the application last set it, when its lease is lost', async () => {
    const clock = new FakeClock();
    await using server = await startInProcess({ clock });
    const { client, logger } = clientOf(server.address, { clock });
    const registration = await client.register(payments, { ttlMs: 3_000 });
    await registration.update({ weight: 7, labels: { version: 'v2' } });
    const { leaseId } = held(registration);
    await client.deregister({ service: 'payments', endpointId: registration.id, leaseId });
    const [endpoint] = await passTime(clock, 'it is back', async () => {
      const endpoints = await endpointsOf(client);
      return endpoints.length > 0 && endpoints;
    });
    expect(endpoint).toMatchObject({ id: registration.id, weight: 7, labels: { version: 'v2' } });
    await passTime(clock, 'the client knows', () => registration.state.kind === 'registered');
    expect(held(registration).leaseId).not.toBe(leaseId);
    expect(logger.lines).toEqual([
      `warn: the registration of ${registration.id} in payments was lost; registering anew`,
      `info: ${registration.id} in payments is registered again`,
    ]);
    await client.close();
  });

  it('with a TTL of an hour is back within seconds of an empty server taking the place of its own', async () => {
    const clock = new FakeClock();
    const server = await startInProcess({ clock });
    const { client } = clientOf(server.address, { clock });
    const registration = await client.register(payments, { ttlMs: 3_600_000 });
    await registration.update({ weight: 7 });
    const { leaseId } = held(registration);
    await passTime(clock, 'a minute has passed', () => clock.monotonicMs() > 60_000, 5_000);
    await server[Symbol.asyncDispose]();
    await using empty = await startInProcess({ clock, settings: { listen: server.address } });
    const beganMs = clock.monotonicMs();
    await passTime(
      clock,
      'it is back',
      () => registration.state.kind === 'registered' && held(registration).leaseId !== leaseId,
      50,
    );
    // Reconnecting and renewing take up to 2 s each.
    expect(clock.monotonicMs() - beganMs).toBeLessThanOrEqual(4_500);
    expect(empty.address).toBe(server.address);
    expect(await endpointsOf(client)).toMatchObject([{ id: registration.id, weight: 7 }]);
    await client.close();
  });

  it('stays the same one when its server is merely restarted: that is told by a renewal, soon', async () => {
    const clock = new FakeClock();
    const renewals: bigint[] = [];
    const register = inTurn<RegisterRequest, RegisterResponse>({
      endpoint: held0,
      leaseId: 5n,
      ttl: { seconds: 3_600n, nanos: 0 },
      resumeToken: 't',
    });
    const script: Script = {
      ...registering,
      register,
      keepAlive: (call) => {
        call.on('data', ({ leaseIds }: KeepAliveRequest) => {
          renewals.push(...leaseIds);
          call.write({
            results: leaseIds.map((leaseId) => ({ leaseId, found: true, ttl: { seconds: 3_600n, nanos: 0 } })),
          });
        });
        call.on('end', () => call.end());
      },
    };
    const server = await startScripted(script);
    const { client } = clientOf(server.address, { clock });
    const registration = await client.register(payments, { ttlMs: 3_600_000 });
    server.kill();
    await using again = await startScripted(script, server.address);
    expect(again.address).toBe(server.address);
    await passTime(clock, 'it is renewed', () => renewals.length > 0, 50);
    expect(clock.monotonicMs()).toBeLessThanOrEqual(4_500);
    await passTime(clock, 'a minute has passed', () => clock.monotonicMs() > 60_000, 1_000);
    expect(renewals).toEqual([5n]);
    expect(register.requests).toHaveLength(1);
    expect(held(registration).leaseId).toBe(5n);
    await client.close();
  });

  it('that another one replaced is left alone when it is closed', async () => {
    await using server = await startInProcess();
    await using first = clientOf(server.address).client;
    await using second = clientOf(server.address).client;
    const replaced = await first.register({ ...payments, id: 'same' });
    const replacing = await second.register({ ...payments, id: 'same', weight: 5 });
    await replaced.close();
    expect(await endpointsOf(second)).toEqual([held(replacing).endpoint]);
  });

  it('is gone when close resolves; closing again does nothing', async () => {
    await using server = await startInProcess();
    await using client = clientOf(server.address).client;
    const registration = await client.register(payments);
    await Promise.all([registration.close(), registration.close()]);
    expect(registration.state).toEqual({ kind: 'closed' });
    expect(await endpointsOf(client)).toEqual([]);
    await registration.close();
  });

  it('is closed with its client', async () => {
    await using server = await startInProcess();
    await using other = clientOf(server.address).client;
    const { client } = clientOf(server.address);
    const registration = await client.register(payments);
    await client.close();
    expect(registration.state).toEqual({ kind: 'closed' });
    expect(await endpointsOf(other)).toEqual([]);
    await expect(client.register(payments)).rejects.toMatchObject({ reason: 'CLIENT_CLOSED' });
  });

  it('whose server is gone says so when it is closed', async () => {
    const server = await startInProcess();
    await using client = clientOf(server.address).client;
    const registration = await client.register(payments);
    await server[Symbol.asyncDispose]();
    await expect(registration.close({ timeoutMs: 50 })).rejects.toMatchObject({ reason: 'SERVER_UNREACHABLE' });
    expect(registration.state).toEqual({ kind: 'closed' });
  });

  it('whose server is gone tries to close for as long as a call may take', async () => {
    const server = await startInProcess();
    const clock = new FakeClock();
    const client = new RollcallClient({ servers: [server.address], callTimeoutMs: 500, clock });
    const registration = await client.register(payments);
    await server[Symbol.asyncDispose]();
    const beganMs = clock.monotonicMs();
    const closed = registration.close().catch((error: unknown) => error);
    let settled = false;
    void closed.then(() => (settled = true));
    await passTime(clock, 'it has been given up', () => settled, 10);
    expect(await closed).toMatchObject({ reason: 'SERVER_UNREACHABLE' });
    expect(clock.monotonicMs() - beganMs).toBeGreaterThanOrEqual(500);
    expect(clock.monotonicMs() - beganMs).toBeLessThan(1_500);
    await client.close();
  });

  it('whose server is gone keeps its client from closing for no longer than a call may take', async () => {
    const server = await startInProcess();
    const logger = new RecordingLogger();
    const clock = new FakeClock();
    const client = new RollcallClient({ servers: [server.address], callTimeoutMs: 500, logger, clock });
    const { id } = await client.register(payments);
    await server[Symbol.asyncDispose]();
    const tookMs = await timeToClose(client, clock);
    expect(tookMs).toBeGreaterThanOrEqual(500);
    expect(tookMs).toBeLessThan(1_500);
    expect(logger.lines.at(-1)).toContain(`could not deregister ${id}`);
  });

  it('that the server refuses is the application’s to mend', async () => {
    await using server = await startInProcess();
    await using client = clientOf(server.address).client;
    await expect(client.register({ service: 'pay ments', addresses: ['a:1'], weight: 70_000 })).rejects.toMatchObject({
      reason: 'INVALID_FIELD',
      violations: [{ field: 'endpoint.service' }, { field: 'endpoint.weight' }],
    });
  });
});

describe('many calls with one signal', () => {
  it('give it one listener, so that Node has nothing to warn of', async () => {
    await using server = await startInProcess();
    await using client = clientOf(server.address).client;
    const { signal } = new AbortController();
    const registering30 = Array.from({ length: 30 }, () => client.register(payments, { signal }));
    expect(getEventListeners(signal, 'abort')).toHaveLength(1);
    const registration = (await Promise.all(registering30))[0] as Registration;
    const updating30 = Array.from({ length: 30 }, (_, weight) => registration.update({ weight }, { signal }));
    expect(getEventListeners(signal, 'abort')).toHaveLength(1);
    await Promise.all(updating30);
    expect(getEventListeners(signal, 'abort')).toHaveLength(1);
  });
});

describe('a Register whose answer is lost', () => {
  it('is repeated as the same one, on another connection', async () => {
    const register = inTurn<RegisterRequest, RegisterResponse>(failureOf('STORE_UNAVAILABLE'), {
      endpoint: undefined,
      leaseId: 5n,
      ttl: { seconds: 15n, nanos: 0 },
      resumeToken: 't',
    });
    const deregister = inTurn<DeregisterRequest, DeregisterResponse>({ resumeToken: 't' });
    await using server = await startScripted({ register, deregister });
    await using client = clientOf(server.address).client;
    const registration = await client.register(payments);
    const [first, second] = register.requests;
    expect(second).toEqual(first);
    expect(first?.requestId).toMatch(/^[0-9a-f-]{36}$/);
    expect(first?.endpoint?.id).toBe(registration.id);
    await registration.close();
    expect(deregister.requests).toEqual([
      { namespace: 'default', service: 'payments', endpointId: registration.id, leaseId: 5n },
    ]);
  });
});

describe('a Register that is not answered before it is no longer wanted', () => {
  /** Answers Register only when told to. */
  function slow() {
    let answer: (() => void) | undefined;
    const deregister = inTurn<DeregisterRequest, DeregisterResponse>({ resumeToken: 't' });
    const register: Script['register'] = (call, callback) => {
      answer = () => registering.register(call, callback);
    };
    return {
      script: { register, deregister },
      asked: () => answer !== undefined,
      answer: () => answer?.(),
      deregister,
    };
  }

  it('is taken back when the answer comes while the client closes', async () => {
    const { script, asked, answer, deregister } = slow();
    await using server = await startScripted(script);
    const { client } = clientOf(server.address);
    const registered = client.register({ ...payments, id: 'late' });
    await until('the server was asked', asked);
    const closed = client.close();
    await expect(registered).rejects.toMatchObject({ reason: 'CLIENT_CLOSED' });
    expect(deregister.requests).toEqual([]);
    answer();
    await closed;
    const [taken] = deregister.requests;
    expect(taken).toEqual({ namespace: 'default', service: 'payments', endpointId: 'late', leaseId: 5n });
  });

  it('is taken back after the application gave it up', async () => {
    const { script, asked, answer, deregister } = slow();
    await using server = await startScripted(script);
    await using client = clientOf(server.address).client;
    const impatient = new AbortController();
    const registered = client.register(payments, { signal: impatient.signal });
    await until('the server was asked', asked);
    impatient.abort(new Error('enough'));
    await expect(registered).rejects.toThrow('enough');
    answer();
    await until('it was taken back', () => deregister.requests.length === 1);
  });

  it('is taken back though it was to register anew what was lost', async () => {
    const { script, asked, answer, deregister } = slow();
    let registered = false;
    const register: Script['register'] = (call, callback) => {
      (registered ? script : registering).register(call, callback);
      registered = true;
    };
    const updateEndpoint = inTurn<UpdateEndpointRequest, UpdateEndpointResponse>(failureOf('LEASE_NOT_FOUND'));
    await using server = await startScripted({ ...script, register, updateEndpoint });
    await using client = clientOf(server.address).client;
    const registration = await client.register(payments);
    const update = registration.update({ weight: 1 }).catch((error: unknown) => error);
    await until('the server was asked again', asked);
    const closed = registration.close();
    expect(await update).toMatchObject({ reason: 'CLIENT_CLOSED' });
    answer();
    await closed;
    expect(deregister.requests).toMatchObject([{ endpointId: registration.id, leaseId: 5n }]);
  });

  it('keeps the client from closing for no longer than a call may take', async () => {
    const { script, asked } = slow();
    await using server = await startScripted(script);
    const clock = new FakeClock();
    const client = new RollcallClient({ servers: [server.address], callTimeoutMs: 500, clock });
    const registered = client.register(payments).catch((error: unknown) => error);
    await until('the server was asked', asked);
    const tookMs = await timeToClose(client, clock);
    expect(tookMs).toBeGreaterThanOrEqual(500);
    expect(tookMs).toBeLessThan(1_500);
    expect(await registered).toMatchObject({ reason: 'CLIENT_CLOSED' });
  });

  it.each(['its time', 'its signal'])(
    'keeps a lost registration from closing for no longer than %s says',
    async (limit) => {
      const { script, asked, answer } = slow();
      let registered = false;
      const register: Script['register'] = (call, callback) => {
        (registered ? script : registering).register(call, callback);
        registered = true;
      };
      const updateEndpoint = inTurn<UpdateEndpointRequest, UpdateEndpointResponse>(failureOf('LEASE_NOT_FOUND'));
      await using server = await startScripted({ ...script, register, updateEndpoint });
      await using client = clientOf(server.address).client;
      const registration = await client.register(payments);
      const update = registration.update({ weight: 1 }).catch((error: unknown) => error);
      await until('the server was asked again', asked);
      const options = limit === 'its time' ? { timeoutMs: 50 } : { signal: AbortSignal.abort(new Error('enough')) };
      const closed = registration.close(options);
      await expect(closed).rejects.toThrow(limit === 'its time' ? 'was not taken back within 50 ms' : 'enough');
      expect(registration.state).toEqual({ kind: 'closed' });
      expect(await update).toMatchObject({ reason: 'CLIENT_CLOSED' });
      answer();
    },
  );
});

describe('an update', () => {
  it('is stored when it resolves, and leaves the rest as it was', async () => {
    await using server = await startInProcess();
    await using client = clientOf(server.address).client;
    const registration = await client.register({ ...payments, labels: { version: 'v1' } });
    const stored = await registration.update({ health: Health.DRAINING });
    expect(stored).toMatchObject({ health: Health.DRAINING, labels: { version: 'v1' }, modRevision: 2 });
    expect(held(registration).endpoint).toEqual(stored);
    expect(await endpointsOf(client)).toEqual([stored]);
  });

  it('that is refused leaves everything as it was', async () => {
    await using server = await startInProcess();
    await using client = clientOf(server.address).client;
    const registration = await client.register(payments);
    await expect(registration.update({ weight: 70_000 })).rejects.toMatchObject({ reason: 'INVALID_FIELD' });
    await expect(registration.update({ weight: 8 })).resolves.toMatchObject({ weight: 8 });
  });

  it('that finds the lease lost registers anew, and is stored then', async () => {
    await using server = await startInProcess();
    await using client = clientOf(server.address).client;
    const registration = await client.register(payments);
    const { leaseId } = held(registration);
    await client.deregister({ service: 'payments', endpointId: registration.id, leaseId });
    await expect(registration.update({ weight: 9 })).resolves.toMatchObject({ weight: 9 });
    expect(held(registration).leaseId).not.toBe(leaseId);
    expect(await endpointsOf(client)).toMatchObject([{ id: registration.id, weight: 9 }]);
  });

  it('asked for later takes effect later, though the one before has to be repeated', async () => {
    const responses = [1, 2, 3].map((weight) => ({
      endpoint: { ...held0, weight },
      resumeToken: `t${weight}`,
    }));
    const updateEndpoint = inTurn<UpdateEndpointRequest, UpdateEndpointResponse>(failureOf('CONTENDED'), ...responses);
    await using server = await startScripted({ ...registering, updateEndpoint });
    await using client = clientOf(server.address).client;
    const registration = await client.register(payments);
    await Promise.all([1, 2, 3].map((weight) => registration.update({ weight })));
    expect(updateEndpoint.requests.map(({ endpoint }) => endpoint?.weight)).toEqual([1, 1, 2, 3]);
    expect(held(registration)).toMatchObject({ endpoint: { weight: 3 }, resumeToken: 't3' });
  });

  it('ends when its time is up', async () => {
    await using server = await startScripted({ ...registering, updateEndpoint: () => undefined });
    await using client = clientOf(server.address).client;
    const registration = await client.register(payments);
    const update = registration.update({ weight: 1 }, { timeoutMs: 50 });
    await expect(update).rejects.toMatchObject({ reason: 'TIMED_OUT' });
  });

  it('has the time of a call unless it is told otherwise', async () => {
    await using server = await startScripted({ ...registering, updateEndpoint: () => undefined });
    await using client = new RollcallClient({ servers: [server.address], callTimeoutMs: 300 });
    const registration = await client.register(payments);
    await expect(registration.update({ weight: 1 })).rejects.toThrow('the update was not stored within 300 ms');
  });

  it('that waits for another one ends by its own time and signal', async () => {
    let asked = 0;
    await using server = await startScripted({ ...registering, updateEndpoint: () => void asked++ });
    await using client = clientOf(server.address).client;
    const registration = await client.register(payments);
    const first = registration.update({ weight: 1 }).catch((error: unknown) => error);
    await until('the first is under way', () => asked === 1);
    await expect(registration.update({ weight: 2 }, { timeoutMs: 50 })).rejects.toMatchObject({ reason: 'TIMED_OUT' });
    const impatient = new AbortController();
    const third = registration.update({ weight: 3 }, { signal: impatient.signal });
    impatient.abort(new Error('enough'));
    await expect(third).rejects.toThrow('enough');
    expect(asked).toBe(1);
    await registration.close();
    expect(await first).toMatchObject({ reason: 'CLIENT_CLOSED' });
  });

  it('answered when its lease is lost already is made again under the next one', async () => {
    const stored: string[] = [];
    let answerFirst: (() => void) | undefined;
    const leases = () => stored.filter((what) => what.startsWith('registered')).length;
    await using server = await startScripted({
      ...registering,
      register: (call, callback) => {
        stored.push(`registered with ${call.request.endpoint?.weight}`);
        const ttl = { seconds: 1n, nanos: 0 };
        callback(null, { endpoint: call.request.endpoint, leaseId: BigInt(leases()), ttl, resumeToken: 't' });
      },
      updateEndpoint: ({ request: { endpoint, leaseId } }, callback) => {
        stored.push(`updated to ${endpoint?.weight} under ${leaseId}`);
        const answer = () => callback(null, { endpoint, resumeToken: 'u' });
        if (leaseId === 1n) answerFirst = answer;
        else answer();
      },
      renew: ({ request: { leaseIds } }, callback) => {
        const ttl = { seconds: 1n, nanos: 0 };
        callback(null, { results: leaseIds.map((leaseId) => ({ leaseId, found: leaseId !== 1n, ttl })) });
      },
    });
    const clock = new FakeClock();
    const { client } = clientOf(server.address, { clock });
    const registration = await client.register({ ...payments, weight: 5 }, { ttlMs: 1_000 });
    const update = registration.update({ weight: 7 });
    await until('the update was asked for', () => answerFirst !== undefined);
    await passTime(clock, 'it is registered anew', () => leases() === 2 && registration.state.kind === 'registered');
    answerFirst?.();
    await expect(update).resolves.toMatchObject({ weight: 7 });
    expect(stored).toEqual(['registered with 5', 'updated to 7 under 1', 'registered with 5', 'updated to 7 under 2']);
    expect(held(registration)).toMatchObject({ leaseId: 2n, endpoint: { weight: 7 }, resumeToken: 'u' });
    await client.close();
  });

  it('ends when the registration is closed, and so do later ones', async () => {
    let asked = false;
    await using server = await startScripted({ ...registering, updateEndpoint: () => void (asked = true) });
    await using client = clientOf(server.address).client;
    const registration = await client.register(payments);
    const update = registration.update({ weight: 1 });
    await until('the server was asked', () => asked);
    const [outcome] = await Promise.allSettled([update, registration.close()]);
    expect(outcome).toMatchObject({ status: 'rejected', reason: { reason: 'CLIENT_CLOSED' } });
    await expect(registration.update({ weight: 2 })).rejects.toMatchObject({ reason: 'CLIENT_CLOSED' });
  });
});

const held0: Endpoint = {
  namespace: 'default',
  service: 'payments',
  id: 'x',
  addresses: [],
  locality: undefined,
  labels: {},
  metadata: {},
  health: Health.HEALTHY,
  createRevision: 1,
  modRevision: 1,
};

const registering = {
  register: inTurn<RegisterRequest, RegisterResponse>({
    endpoint: held0,
    leaseId: 5n,
    ttl: { seconds: 15n, nanos: 0 },
    resumeToken: 't',
  }),
  deregister: inTurn<DeregisterRequest, DeregisterResponse>({ resumeToken: 't' }),
};
