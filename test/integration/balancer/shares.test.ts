import { registerRollcallBalancer } from '../../../src/balancer/index.js';
import { until } from '../../support/until.js';
import { startBackend, type Backend } from './backend.js';
import { callsByBackend, listingsOf, noAnswers, type Listing } from './listing.js';

registerRollcallBalancer();
const listing = listingsOf('balancershares');

let a: Backend;
let b: Backend;
let c: Backend;
beforeEach(async () => {
  [a, b, c] = await Promise.all([startBackend('a'), startBackend('b'), startBackend('c')]);
});
afterEach(async () => {
  for (const backend of [a, b, c]) await backend.die();
});

async function allConnected({ client }: Listing, ...backends: readonly Backend[]): Promise<void> {
  client.getChannel().getConnectivityState(true);
  await until('all are connected', () => backends.every(({ connections }) => connections.open > 0));
  await until('all are called', async () => Object.keys(await callsByBackend(client, 30)).length === backends.length);
}

it('calls go 5:3:2 within 2 %', async () => {
  using service = listing();
  service.deliver([a.listed({ weight: 50 }), b.listed({ weight: 30 }), c.listed({ weight: 20 })]);
  await allConnected(service, a, b, c);
  const answered = await callsByBackend(service.client, 400);
  expect(Math.abs(answered['a']! - 200)).toBeLessThanOrEqual(8);
  expect(Math.abs(answered['b']! - 120)).toBeLessThanOrEqual(8);
  expect(Math.abs(answered['c']! - 80)).toBeLessThanOrEqual(8);
});

it('fifty changes of weights and zones make no connection, and the last counts', async () => {
  using service = listing();
  service.deliver([a.listed(), b.listed(), c.listed()]);
  await allConnected(service, a, b, c);
  for (let change = 1; change <= 50; change++) {
    service.deliver([a.listed({ weight: change * 10 }), b.listed({ zone: `z${change}` }), c.listed({ weight: 0 })]);
    await callsByBackend(service.client, 4);
  }
  const answered = await callsByBackend(service.client, 300);
  expect(Math.abs(answered['a']! - 250)).toBeLessThanOrEqual(3);
  expect(answered['c']).toBeUndefined();
  expect([a, b, c].map(({ connections }) => connections.made)).toEqual([1, 1, 1]);
});

it('calls stay in the own zone, spill over as it grows thin, and all leave when nobody is left there', async () => {
  using service = listing({ zone: 'near', zoneEndpointsMin: 2 });
  const all = [a.listed({ zone: 'near' }), b.listed({ zone: 'near' }), c.listed({ zone: 'far' })];
  service.deliver(all);
  service.client.getChannel().getConnectivityState(true);
  await until('all are connected', () => [a, b, c].every(({ connections }) => connections.open > 0));
  await until('a and b are called alone', async () => {
    const answered = await callsByBackend(service.client, 40);
    return answered['a'] === 20 && answered['b'] === 20;
  });
  await b.die();
  await until('half of the calls spill over', async () => {
    const answered = await callsByBackend(service.client, 40).catch(noAnswers);
    return answered['a'] === 20 && answered['c'] === 20;
  });
  service.deliver(all.slice(2));
  expect(await callsByBackend(service.client, 40)).toEqual({ c: 40 });
  service.deliver(all.slice(0, 1));
  await until('all calls are in the zone, where nobody is elsewhere', async () => {
    const answered = await callsByBackend(service.client, 40);
    return answered['a'] === 40;
  });
});

it('one subset is connected to, and no others', async () => {
  using service = listing({ subsetSize: 2, subsetKey: 'pod-7' });
  const backends = [a, b, c];
  service.deliver(backends.map((backend) => backend.listed()));
  await until('two are called', async () => Object.keys(await callsByBackend(service.client, 20)).length === 2);
  const chosen = backends.filter(({ connections }) => connections.made === 1);
  expect(chosen).toHaveLength(2);
  expect(backends.filter(({ connections }) => connections.made === 0)).toHaveLength(1);
  service.deliver(backends.filter((backend) => backend !== chosen[0]).map((backend) => backend.listed()));
  await until('the third is called in its place', async () => {
    const answered = await callsByBackend(service.client, 20);
    return Object.keys(answered).length === 2 && answered[chosen[0]!.name] === undefined;
  });
  expect(backends.map(({ connections }) => connections.made)).toEqual([1, 1, 1]);
});

it('all channels of a process choose the same subset, where no key is given', async () => {
  using one = listing({ subsetSize: 1 });
  using other = listing({ subsetSize: 1 });
  const listed = [a, b, c].map((backend) => backend.listed());
  one.deliver(listed);
  other.deliver(listed.toReversed());
  const [chosen] = Object.keys(await callsByBackend(one.client, 10));
  expect(await callsByBackend(other.client, 10)).toEqual({ [chosen!]: 10 });
});
