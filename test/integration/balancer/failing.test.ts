import { status } from '@grpc/grpc-js';
import { registerRollcallBalancer } from '../../../src/balancer/index.js';
import { FakeClock } from '../../support/fake-clock.js';
import { until } from '../../support/until.js';
import { startBackend, type Backend } from './backend.js';
import { callsByBackend, listingsOf, who } from './listing.js';
import { startRaw } from './raw-backend.js';

const clock = new FakeClock();
registerRollcallBalancer({ clock });
const listing = listingsOf('balancerfailing');

let backends: Backend[] = [];
afterEach(async () => {
  for (const backend of backends) await backend.die();
  backends = [];
});

async function start(name: string): Promise<Backend> {
  const backend = await startBackend(name);
  backends.push(backend);
  return backend;
}

async function startDead(name: string): Promise<Backend> {
  const backend = await start(name);
  await backend.die();
  return backend;
}

it('a subset whose zone is dead calls others, and the first call too is answered', async () => {
  const dead = await Promise.all([startDead('dead1'), startDead('dead2')]);
  const live = await Promise.all([start('live1'), start('live2'), start('live3')]);
  using service = listing({ subsetSize: 2, subsetKey: 'pod-7', zone: 'near' });
  service.deliver([
    ...dead.map((backend) => backend.listed({ zone: 'near' })),
    ...live.map((backend) => backend.listed({ zone: 'far' })),
  ]);
  expect(await who(service.client)).toMatch(/^live/);
  await until('two are called', async () => Object.keys(await callsByBackend(service.client, 20)).length === 2);
});

it('a subset that is left with one in its zone lets half of the calls leave it', async () => {
  const near = [await start('near'), await startDead('dead1'), await startDead('dead2')];
  const far = await Promise.all([start('far1'), start('far2'), start('far3')]);
  using service = listing({ subsetSize: 3, zone: 'near' });
  service.deliver([
    ...near.map((backend) => backend.listed({ zone: 'near' })),
    ...far.map((backend) => backend.listed({ zone: 'far' })),
  ]);
  await until('half of the calls spill over', async () => {
    const answered = await callsByBackend(service.client, 40);
    return answered['near'] === 20 && Object.keys(answered).length === 3;
  });
});

it.each(['refuses', 'says nothing'])(
  'an endpoint whose weight becomes 0 is called while the other %s',
  async (manner) => {
    const a = await start('a');
    const dead = await startDead('dead');
    await using mute = await startRaw('mute');
    using service = listing();
    service.deliver([a.listed()]);
    await who(service.client);
    service.deliver([a.listed({ weight: 0 }), (manner === 'refuses' ? dead : mute).listed()]);
    for (let round = 0; round < 20; round++) expect(await callsByBackend(service.client, 20)).toEqual({ a: 20 });
    expect(a.connections.made).toBe(1);
  },
);

it('an endpoint that hangs up at once is left alone for the backoff, and the others are called', async () => {
  const a = await start('a');
  await using fickle = await startRaw('fickle', 'fickle');
  using service = listing();
  service.deliver([a.listed(), fickle.listed()]);
  service.client.getChannel().getConnectivityState(true);
  await until('it has hung up twice', () => fickle.accepted() === 2);
  await until(
    'a is called alone',
    async () => (await callsByBackend(service.client, 20).catch(() => ({ a: 0 })))['a'] === 20,
  );
  expect(await callsByBackend(service.client, 200)).toEqual({ a: 200 });
  expect(fickle.accepted()).toBe(2);
  await clock.advance(240);
  await until('it is tried once more', () => fickle.accepted() === 3);
});

it('calls fail within the connect timeout where one says nothing and the others refuse', async () => {
  const dead = await startDead('dead');
  await using mute = await startRaw('mute');
  using service = listing();
  service.deliver([mute.listed(), dead.listed()]);
  const call = who(service.client, { deadlineMs: 60_000 }).catch((error: unknown) => error);
  await until('it is connected to', () => mute.accepted() === 1);
  await clock.advance(5_000);
  expect(await call).toMatchObject({
    code: status.UNAVAILABLE,
    details: expect.stringMatching(/^none of 2 endpoints can be reached/) as string,
  });
});
