import { randomInt } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeToken } from '../../src/core/token.js';
import type { Endpoint } from '../../src/gen/rollcall/v1/endpoint.js';
import { LabelRequirement_Operator as Operator } from '../../src/gen/rollcall/v1/selector.js';
import { AccountableWriter } from '../support/accountable-writer.js';
import { ObservedWatch, type WatchPosition } from '../support/observed-watch.js';
import { RawClient } from '../support/raw-client.js';
import { seededPick } from '../support/seeded-random.js';
import { startServer } from '../support/server-process.js';
import { until } from '../support/until.js';

const CYCLES = Number(process.env['ROLLCALL_E2E_CYCLES'] ?? 100);
const SEED = Number(process.env['ROLLCALL_E2E_SEED'] ?? randomInt(2 ** 31));

const SERVICE = 'payments';
const odd = { labelRequirements: [{ key: 'parity', operator: Operator.IN, values: ['odd'] }], health: [], zones: [] };

/** What watchers of every kind ask for, and which endpoints that is. */
const WATCHES = [
  { request: { service: SERVICE }, matches: () => true },
  { request: { service: SERVICE }, matches: () => true },
  { request: { service: SERVICE, selector: odd }, matches: ({ labels }: Endpoint) => labels['parity'] === 'odd' },
  { request: { service: 'orders' }, matches: () => false },
];

test(
  `${CYCLES} times kill -9 under writes: no acknowledged write is lost, no revision goes back, no watcher needs a snapshot`,
  async () => {
    process.stderr.write(`kill -9: ROLLCALL_E2E_SEED=${SEED}\n`);
    const pick = seededPick(SEED);
    const dataDir = await mkdtemp(join(tmpdir(), 'rollcall-kill-'));
    const writers = ['a', 'b', 'c', 'd'].map((name) => new AccountableWriter(name, SERVICE, pick));
    const positions: (WatchPosition | undefined)[] = WATCHES.map(() => undefined);
    try {
      for (let cycle = 0; cycle < CYCLES; cycle++) {
        await runUntilKilled({ dataDir, writers, positions, writesMore: 1 + pick(60) });
      }
    } finally {
      await rm(dataDir, { recursive: true, force: true });
    }
    const acknowledged = writers.reduce((sum, writer) => sum + writer.acknowledged, 0);
    process.stderr.write(`kill -9: ${acknowledged} acknowledged writes over ${CYCLES} lives of the server\n`);
    expect(acknowledged).toBeGreaterThanOrEqual(CYCLES);
  },
  10 * 60_000,
);

/** One life of the server: audits what it finds, has everyone go on, and kills it amid their writes. */
async function runUntilKilled(life: {
  readonly dataDir: string;
  readonly writers: readonly AccountableWriter[];
  readonly positions: (WatchPosition | undefined)[];
  readonly writesMore: number;
}): Promise<void> {
  const { dataDir, writers, positions, writesMore } = life;
  await using server = await startServer({ dataDir });
  using client = await RawClient.connect(server.address);

  const { endpoints, resumeToken } = await client.listEndpoints({ service: SERVICE, pageSize: 1000 });
  const found = new Map(endpoints.map((endpoint) => [endpoint.id, endpoint]));
  const { revision } = decodeToken(resumeToken, 'resume_token');
  for (const writer of writers) {
    writer.audit(found);
    expect(revision).toBeGreaterThanOrEqual(writer.revision);
  }

  const watches = WATCHES.map(({ request }, index) => {
    const from = positions[index];
    return { from, watch: new ObservedWatch(client, request, from === undefined ? {} : { from }) };
  });
  for (const [index, { from, watch }] of watches.entries()) {
    await watch.reach(revision);
    expect(watch.snapshots.length).toBe(from === undefined ? 1 : 0);
    const expected = endpoints.filter((endpoint) => WATCHES[index]?.matches(endpoint));
    expect([...watch.view.values()].sort(byId)).toEqual(expected.sort(byId));
  }

  const goal = writers.reduce((sum, writer) => sum + writer.acknowledged, 0) + writesMore;
  const writing = writers.map((writer) => writer.writeUntilFailure(client));
  await until('enough was written', () => writers.reduce((sum, writer) => sum + writer.acknowledged, 0) >= goal);
  await server.stop('SIGKILL');
  await Promise.all(writing);
  for (const [index, { watch }] of watches.entries()) {
    await watch.ended();
    watch.check();
    positions[index] = watch.position;
  }
}

function byId(a: Endpoint, b: Endpoint): number {
  return a.id < b.id ? -1 : 1;
}
