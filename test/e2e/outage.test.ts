import { RollcallClient } from '../../src/client/index.js';
import { decodeToken } from '../../src/core/token.js';
import { registerRollcallResolver } from '../../src/resolver/index.js';
import { Caller } from '../support/greeter.js';
import { startGreeterProcess, type GreeterProcess } from '../support/greeter-process.js';
import { Load } from '../support/load.js';
import { startServer } from '../support/server-process.js';
import { startFaultProxy } from '../support/fault-proxy.js';
import { until } from '../support/until.js';
import { ViewReader } from '../support/view-reader.js';

// Real processes, on a machine that may be busy with others.
jest.setTimeout(120_000);

const NAMES = ['a', 'b', 'c'];
/** Short, so that an outage is longer. */
const TTL_MS = 2_000;
/** Within so long after a server is back, a view is live. Seen: half a second; the bound is for a machine that is busy. */
const RECOVERY_MS = 15_000;

/** Three backends, a caller and a view of them, at work, and where each of them finds the control plane. */
async function startWork({ caller: address, backends: from = address }: { caller: string; backends?: string }) {
  const startBackend = (name: string) =>
    startGreeterProcess({ name, service: 'greeter', servers: [from], ttlMs: TTL_MS });
  const backends: GreeterProcess[] = await Promise.all(NAMES.map(startBackend));
  const client = new RollcallClient({ servers: [address], callTimeoutMs: 2_000 });
  const registration = registerRollcallResolver(client);
  const view = client.watch('greeter');
  const reader = new ViewReader(view);
  const caller = new Caller('rollcall:///greeter');
  const load = new Load(caller, { pauseMs: 5 });
  await load.reaches(...NAMES);
  return {
    load,
    reader,
    view,
    /** A backend that is started now is called: all is well again. */
    async takesInAnother(): Promise<void> {
      backends.push(await startBackend('d'));
      await load.reaches(...NAMES, 'd');
    },
    /** Stops the load, and checks what no outage may do. */
    async expectUnharmed(): Promise<void> {
      await load.stop();
      expect(load.failures).toEqual([]);
      expect(wentBack(reader)).toEqual([]);
    },
    async [Symbol.asyncDispose]() {
      await load.stop();
      caller[Symbol.dispose]();
      registration.unregister();
      await Promise.all(backends.map((backend) => backend[Symbol.asyncDispose]()));
      await client.close();
    },
  };
}

/** Pairs of tokens, one after the other, of which the second is older. */
function wentBack({ events }: ViewReader): string[] {
  const tokens = events.flatMap((event) => (event.type === 'status' ? [] : [decodeToken(event.resumeToken, 'token')]));
  const past = new Set<string>();
  return tokens.flatMap(({ epoch, revision }, index) => {
    const before = tokens[index - 1];
    if (before === undefined) return [];
    if (before.epoch !== epoch) past.add(before.epoch);
    const older = before.epoch === epoch ? revision < before.revision : past.has(epoch);
    return older ? [`${before.epoch}/${before.revision} ${epoch}/${revision}`] : [];
  });
}

/** The ids that a server lists, asked without anything in between. */
async function listedAt(address: string): Promise<string[]> {
  await using client = new RollcallClient({ servers: [address] });
  const ids = [];
  for await (const { id } of client.listEndpoints('greeter')) ids.push(id);
  return ids;
}

const isLive = (work: { view: { current(): { status: string } } }) => work.view.current().status === 'live';

it('the control plane is killed and comes back: no call fails, and everything is as it was', async () => {
  await using server = await startServer();
  const { address, dataDir } = server;
  await using work = await startWork({ caller: address });
  await server.stop('SIGKILL');
  await until('the view knows', () => !isLive(work));
  await outlastLeases(work);
  await using again = await startServer({ listen: address, dataDir });
  await until('the view is live', () => isLive(work), RECOVERY_MS);
  expect(await listedAt(again.address)).toEqual(NAMES);
  // It resumed where it was.
  expect(work.reader.story.filter((event) => event.startsWith('INITIAL'))).toHaveLength(1);
  await work.takesInAnother();
  expect(work.reader.story.filter((event) => event.includes('-'))).toEqual([]);
  await work.expectUnharmed();
});

it('the control plane is stopped and goes on: no call fails, and nobody has lapsed', async () => {
  await using server = await startServer();
  await using work = await startWork({ caller: server.address });
  server.signal('SIGSTOP');
  await outlastLeases(work);
  server.signal('SIGCONT');
  await work.takesInAnother();
  expect(work.reader.story.filter((event) => event.includes('-'))).toEqual([]);
  await work.expectUnharmed();
});

it('the control plane is cut off from all, until every lease has lapsed: no call fails, and all register again', async () => {
  await using server = await startServer();
  await using callerProxy = await startFaultProxy(server.address);
  await using backendProxy = await startFaultProxy(server.address);
  await using work = await startWork({ caller: callerProxy.address, backends: backendProxy.address });
  callerProxy.silence();
  backendProxy.silence();
  await until('all have lapsed', async () => (await listedAt(server.address)).length === 0);
  // Pings find out.
  await until('the view knows', () => !isLive(work), 30_000);
  // The caller is back before the backends, and learns that there are none.
  callerProxy.restore();
  await until('the view is live', () => isLive(work), RECOVERY_MS);
  expect(work.reader.ids).toEqual([]);
  await work.load.more(500);
  backendProxy.restore();
  await until('all are back', async () => (await listedAt(server.address)).join(' ') === NAMES.join(' '));
  await work.takesInAnother();
  await work.expectUnharmed();
});

it('the control plane is replaced by an empty one: no call fails, and all register again', async () => {
  await using server = await startServer();
  const { address } = server;
  await using backendProxy = await startFaultProxy(address);
  await using work = await startWork({ caller: address, backends: backendProxy.address });
  // The backends hear of it later than the caller, who learns that there are none.
  backendProxy.silence();
  await server.stop('SIGKILL');
  await outlastLeases(work);
  await using empty = await startServer({ listen: address });
  const isReplaced = () => work.reader.story.some((event) => event.startsWith('EPOCH_CHANGED'));
  await until('the view is of the new one', isReplaced, RECOVERY_MS);
  expect(work.reader.ids).toEqual([]);
  await work.load.more(500);
  backendProxy.restore();
  await until('all are back', async () => (await listedAt(empty.address)).join(' ') === NAMES.join(' '), 30_000);
  await work.takesInAnother();
  await work.expectUnharmed();
});

async function outlastLeases({ load }: { readonly load: Load }): Promise<void> {
  const endsMs = performance.now() + 2 * TTL_MS;
  while (performance.now() < endsMs) await load.more(100);
}
