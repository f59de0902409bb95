import { registerRollcallBalancer } from '../../../src/balancer/index.js';
import { until } from '../../support/until.js';
import { startBackend, type Backend } from './backend.js';
import { listingsOf, who, type Listing } from './listing.js';

registerRollcallBalancer();
const listing = listingsOf('balanceroutliers');

const duration = (ms: number) => ({ seconds: Math.floor(ms / 1_000), nanos: (ms % 1_000) * 1_000_000 });

const wrapped = (ejection: object) => ({
  outlier_detection: {
    interval: duration(50),
    base_ejection_time: duration(60_000),
    max_ejection_percent: 100,
    ...ejection,
    child_policy: [{ rollcall: {} }],
  },
});

const ejecting = wrapped({
  failure_percentage_ejection: { threshold: 50, enforcement_percentage: 100, minimum_hosts: 2, request_volume: 3 },
});

let backends: Backend[];
beforeEach(async () => {
  backends = await Promise.all(['a', 'b', 'c'].map((name) => startBackend(name)));
});
afterEach(async () => {
  for (const backend of backends) await backend.die();
});

async function answers({ client }: Listing, calls: number): Promise<readonly string[]> {
  return Promise.all(Array.from({ length: calls }, () => who(client).catch(() => 'failed')));
}

const neverFails = async (service: Listing) => !(await answers(service, 30)).includes('failed');

it('a backend that fails its calls is ejected, and the others get them', async () => {
  using service = listing();
  service.policies([ejecting]);
  service.deliver(backends.map((backend) => backend.listed()));
  backends[0]!.failing = true;
  await until('a was called and failed', async () => (await answers(service, 30)).includes('failed'));
  await until('a is ejected', () => neverFails(service));
  const answered = await answers(service, 40);
  expect(answered.filter((name) => name === 'b')).toHaveLength(20);
  expect(answered.filter((name) => name === 'c')).toHaveLength(20);
});

it('ejection that is configured later counts, although no connection changes', async () => {
  using service = listing();
  service.policies([wrapped({})]);
  const listed = backends.map((backend) => backend.listed());
  service.deliver(listed);
  await until('all are called', async () => new Set(await answers(service, 30)).size === 3);
  service.policies([ejecting]);
  service.deliver(listed);
  backends[0]!.failing = true;
  await until('a is ejected', () => neverFails(service));
});

it('a backend that left and came back is watched as before', async () => {
  using service = listing();
  service.policies([ejecting]);
  const [a, b, c] = backends as [Backend, Backend, Backend];
  service.deliver([a.listed(), b.listed()]);
  await until('a and b are called', async () => new Set(await answers(service, 30)).size === 2);
  // For a moment nobody who is listed can be called, so that a and b, which have left, go on being called.
  await c.die();
  service.deliver([c.listed()]);
  expect(await answers(service, 4)).not.toContain('failed');
  service.deliver([a.listed(), b.listed(), c.listed()]);
  a.failing = true;
  await until('a was called and failed', async () => (await answers(service, 30)).includes('failed'));
  await until('a is ejected', () => neverFails(service));
});
