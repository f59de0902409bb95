import type { ServerWritableStream } from '@grpc/grpc-js';
import { RollcallClient } from '../../../src/client/index.js';
import type { WatchEvent } from '../../../src/client/index.js';
import { endpointDigest } from '../../../src/core/digest.js';
import { loadXxh64 } from '../../../src/core/hash.js';
import { Snapshot_Reason, WatchResponse, type WatchRequest } from '../../../src/gen/rollcall/v1/discovery.js';
import { Endpoint } from '../../../src/gen/rollcall/v1/endpoint.js';
import { LabelRequirement_Operator } from '../../../src/gen/rollcall/v1/selector.js';
import { startInProcess } from '../../support/in-process-server.js';
import { RecordingLogger } from '../../support/recording-logger.js';
import { failureOf, startScripted, type Script } from '../../support/scripted-server.js';
import { startFaultProxy } from '../../support/fault-proxy.js';
import { until, within } from '../../support/until.js';

/** Reads a watch in the background. */
class Reader {
  readonly events: WatchEvent[] = [];
  /** Settles as the iteration does. */
  readonly done: Promise<void>;
  /** The view that the events make. */
  readonly view = new Map<string, Endpoint>();

  constructor(events: AsyncIterable<WatchEvent>) {
    this.done = this.#read(events);
    // Whoever waits for the end sees how it ended.
    this.done.catch(() => undefined);
  }

  count(type: WatchEvent['type']): number {
    return this.events.filter((event) => event.type === type).length;
  }

  async #read(events: AsyncIterable<WatchEvent>): Promise<void> {
    for await (const event of events) {
      if (event.type === 'snapshot') this.view.clear();
      const upserted = event.type === 'snapshot' ? event.endpoints : event.type === 'delta' ? event.upserted : [];
      if (event.type === 'delta') for (const { endpointId } of event.removed) this.view.delete(endpointId);
      for (const endpoint of upserted) this.view.set(endpoint.id, endpoint);
      this.events.push(event);
    }
  }
}

type WatchCall = ServerWritableStream<WatchRequest, WatchResponse>;

/** A scripted Watch: keeps the calls, and answers the nth with the nth of these. */
function scriptedWatch(...answers: readonly ((call: WatchCall) => void)[]) {
  const requests: WatchRequest[] = [];
  const watch: Script['watch'] = (call) => {
    requests.push(call.request);
    answers[Math.min(requests.length, answers.length) - 1]?.(call);
  };
  return { watch, requests };
}

const a = Endpoint.fromPartial({ namespace: 'default', service: 'payments', id: 'a', modRevision: 1 });

async function snapshotOf(revision: number, digest?: bigint): Promise<WatchResponse> {
  const xxh64 = await loadXxh64();
  return WatchResponse.create({
    event: { $case: 'snapshot', value: { endpoints: [a], last: true, reason: Snapshot_Reason.INITIAL } },
    resumeToken: `t${revision}`,
    digest: digest ?? endpointDigest(xxh64, 'a', 1),
    revision,
  });
}

describe('a watch', () => {
  it('begins with a snapshot and follows every change', async () => {
    await using server = await startInProcess();
    await using client = new RollcallClient({ servers: [server.address] });
    const reader = new Reader(client.follow('payments'));
    await until('the snapshot is there', () => reader.count('snapshot') === 1);
    expect(reader.events[0]).toMatchObject({ type: 'snapshot', reason: 'INITIAL', endpoints: [] });
    const one = await client.register({ service: 'payments', addresses: ['10.0.0.7:80'] });
    await until('one is seen', () => reader.view.has(one.id));
    await one.update({ weight: 3 });
    await until('its weight is seen', () => reader.view.get(one.id)?.weight === 3);
    await one.close();
    await until('it is gone', () => reader.view.size === 0);
    expect(reader.events.at(-1)).toMatchObject({
      type: 'delta',
      removed: [{ endpointId: one.id, reason: 'DEREGISTERED' }],
    });
  });

  it('sees only what its selector matches, in its own namespace', async () => {
    await using server = await startInProcess();
    await using client = new RollcallClient({ servers: [server.address], namespace: 'prod' });
    const labelRequirements = [{ key: 'version', operator: LabelRequirement_Operator.IN, values: ['v1'] }];
    const reader = new Reader(client.follow('payments', { selector: { labelRequirements } }));
    const addresses = ['10.0.0.7:80'];
    await client.register({ service: 'payments', id: 'other', addresses, labels: { version: 'v2' } });
    await client.register({ service: 'payments', id: 'elsewhere', addresses, namespace: 'default' });
    const matching = await client.register({ service: 'payments', id: 'this', addresses, labels: { version: 'v1' } });
    await until('it is seen', () => reader.view.has('this'));
    await matching.update({ labels: {} });
    await until('it left', () => reader.view.size === 0);
    expect(reader.events.at(-1)).toMatchObject({ removed: [{ endpointId: 'this', reason: 'NO_LONGER_MATCHES' }] });
  });

  it('goes on where it was when its connection breaks, without a new snapshot', async () => {
    await using server = await startInProcess();
    await using proxy = await startFaultProxy(server.address);
    await using owner = new RollcallClient({ servers: [server.address] });
    const logger = new RecordingLogger();
    await using client = new RollcallClient({ servers: [proxy.address], logger });
    await owner.register({ service: 'payments', id: 'before', addresses: ['10.0.0.7:80'] });
    const reader = new Reader(client.follow('payments'));
    await until('the snapshot is there', () => reader.view.has('before'));
    proxy.sever();
    await owner.register({ service: 'payments', id: 'meanwhile', addresses: ['10.0.0.8:80'] });
    await until('what happened meanwhile is seen', () => reader.view.has('meanwhile'));
    expect(reader.count('snapshot')).toBe(1);
    expect(logger.lines.at(-1)).toBe(`info: watching payments again, at ${proxy.address}`);
  });

  it('goes on from a token that the application kept', async () => {
    await using server = await startInProcess();
    await using client = new RollcallClient({ servers: [server.address] });
    const first = new Reader(client.follow('payments'));
    const { resumeToken } = await until('the snapshot is there', () => first.events[0]);
    await client.register({ service: 'payments', id: 'since', addresses: ['10.0.0.7:80'] });
    const second = new Reader(client.follow('payments', { resumeToken }));
    await until('what happened since is seen', () => second.view.has('since'));
    expect(second.count('snapshot')).toBe(0);
  });

  it('moves, with its token and digest, to the server that a leaving one names', async () => {
    const alternate = scriptedWatch((call) => void snapshotOf(9).then((message) => call.write(message)));
    await using there = await startScripted(alternate);
    const [host = '', port] = there.address.split(':');
    const leaving = scriptedWatch((call) => {
      void snapshotOf(5).then((message) => {
        call.write(message);
        const value = { delayMax: undefined, alternates: [{ host, port: Number(port) }] };
        call.write(WatchResponse.create({ ...message, event: { $case: 'reconnect', value } }));
      });
    });
    await using here = await startScripted(leaving);
    await using client = new RollcallClient({ servers: [here.address] });
    const reader = new Reader(client.follow('payments'));
    await until('the other server answered', () => reader.count('snapshot') === 2);
    expect(reader.events.map(({ type }) => type)).toEqual(['snapshot', 'reconnect', 'snapshot']);
    const viewDigest = endpointDigest(await loadXxh64(), 'a', 1);
    expect(alternate.requests).toMatchObject([{ service: 'payments', resumeToken: 't5', viewDigest }]);
  });

  it('asks anew, without its token, when its view turns out to be wrong', async () => {
    const { watch, requests } = scriptedWatch(
      (call) => {
        void snapshotOf(5).then((message) => {
          call.write(message);
          const event = { $case: 'checkpoint', value: {} } as const;
          call.write(WatchResponse.create({ ...message, event, revision: 6, resumeToken: 't6', digest: 1n }));
        });
      },
      (call) => void snapshotOf(6).then((message) => call.write(message)),
    );
    await using server = await startScripted({ watch });
    const logger = new RecordingLogger();
    await using client = new RollcallClient({ servers: [server.address], logger });
    const reader = new Reader(client.follow('payments'));
    await until('there is a new snapshot', () => reader.count('snapshot') === 2);
    expect(reader.events.map((event) => event.type === 'snapshot' && event.reason)).toEqual(['INITIAL', 'DRIFT']);
    expect(requests[1]).toMatchObject({ resumeToken: '' });
    expect(requests[1]?.viewDigest).toBeUndefined();
    expect(logger.lines[0]).toMatch(/^error: watch of payments: the view at revision 6 has digest/);
  });

  it('drops a token of its own that a server does not take', async () => {
    const { watch, requests } = scriptedWatch(
      (call) => {
        void snapshotOf(5).then((message) =>
          call.write(message, () => call.emit('error', failureOf('STORE_UNAVAILABLE'))),
        );
      },
      (call) => void call.emit('error', failureOf('INVALID_TOKEN')),
      (call) => void snapshotOf(7).then((message) => call.write(message)),
    );
    await using server = await startScripted({ watch });
    await using client = new RollcallClient({ servers: [server.address] });
    const reader = new Reader(client.follow('payments'));
    await until('there is a new snapshot', () => reader.count('snapshot') === 2);
    expect(requests.map(({ resumeToken }) => resumeToken)).toEqual(['', 't5', '']);
  });

  it('that was answered once goes on, whatever a server says later', async () => {
    const { watch } = scriptedWatch(
      (call) => {
        void snapshotOf(5).then((message) => call.write(message, () => call.emit('error', failureOf('INVALID_FIELD'))));
      },
      (call) => void call.emit('error', failureOf('INTERNAL')),
      (call) => void snapshotOf(7).then((message) => call.write(message)),
    );
    await using server = await startScripted({ watch });
    await using client = new RollcallClient({ servers: [server.address] });
    const reader = new Reader(client.follow('payments'));
    await until('there is a new snapshot', () => reader.count('snapshot') === 2);
  });

  it('with a token that is none throws', async () => {
    await using server = await startInProcess();
    await using client = new RollcallClient({ servers: [server.address] });
    const { done } = new Reader(client.follow('payments', { resumeToken: 'x' }));
    await expect(within('the watch fails', done)).rejects.toMatchObject({ reason: 'INVALID_TOKEN' });
  });

  it('of a service or with a selector that cannot be throws at once, and names the fields', async () => {
    await using client = new RollcallClient({ servers: ['127.0.0.1:1'] });
    const selector = { labelRequirements: [{ key: '', operator: LabelRequirement_Operator.EXISTS, values: [] }] };
    for (const watch of [client.follow.bind(client), client.watch.bind(client)]) {
      expect(() => watch('pay ments', { selector })).toThrow(
        expect.objectContaining({
          reason: 'INVALID_FIELD',
          violations: [
            { field: 'service', description: expect.stringContaining('letters') },
            { field: 'selector.label_requirements[0].key', description: 'is required' },
          ],
        }),
      );
    }
  });

  it('of a server without the method throws', async () => {
    await using server = await startScripted({});
    await using client = new RollcallClient({ servers: [server.address] });
    const { done } = new Reader(client.follow('payments'));
    await expect(within('the watch fails', done)).rejects.toMatchObject({ reason: 'UNEXPECTED_STATUS' });
  });
});

describe('a watch ends without an error', () => {
  it('at once when its iterator is returned, though it waits for a message', async () => {
    await using server = await startInProcess();
    await using client = new RollcallClient({ servers: [server.address] });
    const events = client.follow('payments');
    await events.next();
    const waiting = events.next();
    await within('return resolves', Promise.resolve(events.return?.()));
    await expect(waiting).resolves.toEqual({ done: true, value: undefined });
    await until('the server has forgotten it', () => server.server.counts.watches === 0);
  });

  it('when the loop over it is left', async () => {
    await using server = await startInProcess();
    await using client = new RollcallClient({ servers: [server.address] });
    for await (const event of client.follow('payments')) {
      expect(event.type).toBe('snapshot');
      break;
    }
    await until('the server has forgotten it', () => server.server.counts.watches === 0);
  });

  it('when its signal is aborted, while it watches and while it cannot', async () => {
    await using server = await startInProcess();
    await using client = new RollcallClient({ servers: [server.address] });
    await using lonely = new RollcallClient({ servers: ['127.0.0.1:1'] });
    const controller = new AbortController();
    const { signal } = controller;
    const reader = new Reader(client.follow('payments', { signal }));
    const waiting = new Reader(lonely.follow('payments', { signal }));
    await until('it watches', () => reader.events.length > 0);
    controller.abort();
    await within('both end', Promise.all([reader.done, waiting.done]));
  });

  it('when its client is closed', async () => {
    await using server = await startInProcess();
    const client = new RollcallClient({ servers: [server.address] });
    const reader = new Reader(client.follow('payments'));
    await until('it watches', () => reader.events.length > 0);
    await client.close();
    await within('it ends', reader.done);
    await within('a new one ends too', new Reader(client.follow('payments')).done);
  });
});

describe('listing', () => {
  it('reads all pages', async () => {
    await using server = await startInProcess();
    await using client = new RollcallClient({ servers: [server.address] });
    const ids = ['a', 'b', 'c', 'd', 'e'];
    for (const id of ids) await client.register({ service: `s-${id}`, id, addresses: ['10.0.0.7:80'] });
    for (const id of ids) await client.register({ service: 'all', id, addresses: ['10.0.0.7:80'] });
    const endpoints: string[] = [];
    for await (const { id } of client.listEndpoints('all', { pageSize: 2 })) endpoints.push(id);
    expect(endpoints).toEqual(ids);
    const services: string[] = [];
    for await (const { service, healthy } of client.listServices({ pageSize: 2 }))
      services.push(`${service} ${healthy}`);
    expect(services).toEqual(['all 5', 's-a 1', 's-b 1', 's-c 1', 's-d 1', 's-e 1']);
  });

  it('reads a service that never was as empty', async () => {
    await using server = await startInProcess();
    await using client = new RollcallClient({ servers: [server.address] });
    for await (const endpoint of client.listEndpoints('nobody')) throw new Error(`there is ${endpoint.id}`);
  });
});

describe('deregister', () => {
  it('resolves when the endpoint is gone already, and refuses that of another lease', async () => {
    await using server = await startInProcess();
    await using client = new RollcallClient({ servers: [server.address] });
    const { id } = await client.register({ service: 'payments', addresses: ['10.0.0.7:80'] });
    await expect(client.deregister({ service: 'payments', endpointId: 'nobody', leaseId: 1n })).resolves.not.toBe('');
    await expect(client.deregister({ service: 'payments', endpointId: id, leaseId: 1n })).rejects.toMatchObject({
      reason: 'LEASE_MISMATCH',
    });
  });
});

describe('a client', () => {
  it('takes its servers from ROLLCALL_SERVER unless told', async () => {
    await using server = await startInProcess();
    process.env['ROLLCALL_SERVER'] = `127.0.0.1:1, ${server.address}`;
    try {
      await using client = new RollcallClient();
      for await (const service of client.listServices()) throw new Error(`there is ${service.service}`);
    } finally {
      delete process.env['ROLLCALL_SERVER'];
    }
  });
});
