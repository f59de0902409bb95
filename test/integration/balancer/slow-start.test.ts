import { registerRollcallBalancer } from '../../../src/balancer/index.js';
import { systemRandom } from '../../../src/lib/random.js';
import { FakeClock } from '../../support/fake-clock.js';
import { until } from '../../support/until.js';
import { startBackend } from './backend.js';
import { callsByBackend, listingsOf } from './listing.js';

const clock = new FakeClock();
registerRollcallBalancer({ clock, random: systemRandom });
const listing = listingsOf('balancerslowstart');

it('a new endpoint gets a tenth of its share at first, and all of it after the window', async () => {
  await using a = await startBackend('a');
  await using b = await startBackend('b');
  using service = listing({ slowStartWindow: '30s' });
  service.deliver([a.listed()]);
  expect(await callsByBackend(service.client, 10)).toEqual({ a: 10 });
  service.deliver([a.listed(), b.listed()]);
  await until('b is called', async () => (await callsByBackend(service.client, 20))['b'] !== undefined);
  const early = await callsByBackend(service.client, 220);
  expect(Math.abs(early['b']! - 20)).toBeLessThanOrEqual(2);
  await clock.advance(15_000);
  const midway = await callsByBackend(service.client, 310);
  expect(Math.abs(midway['b']! - 110)).toBeLessThanOrEqual(3);
  await clock.advance(15_000);
  expect(await callsByBackend(service.client, 200)).toEqual({ a: 100, b: 100 });
});
