import { randomInt } from 'node:crypto';
import { status } from '@grpc/grpc-js';
import { Health } from '../../src/gen/rollcall/v1/endpoint.js';
import { LabelRequirement_Operator as Operator } from '../../src/gen/rollcall/v1/selector.js';
import { encodeRequest, METHODS, type MethodName, type RequestOf } from '../integration/bad-input/methods.js';
import { FaultStage } from '../support/fault-stage.js';
import { mutated } from '../support/mutate.js';
import { callHeaders, RawConnection, type RawOutcome } from '../support/raw-connection.js';
import { RawClient } from '../support/raw-client.js';
import { framed } from '../support/raw-http2.js';
import { seededPick } from '../support/seeded-random.js';

/** At least so many damaged requests for each method: half of them in each of two rounds. */
const INPUTS = Number(process.env['ROLLCALL_MUTATIONS'] ?? 10_000);
/** What a hundred thousand may take where others use the machine, too. */
const TIMEOUT_MS = Math.max(120_000, 10 * INPUTS);
const SEED = Number(process.env['ROLLCALL_MUTATIONS_SEED'] ?? randomInt(2 ** 31));
const CALLS_AT_ONCE = 100;
/** The client of a watch ends it with its connection: resets, in such numbers, count as an attack. */
const WATCHES_PER_CONNECTION = 500;

/** What may be said of a request that is nonsense; `answered` is a message, where a stream has no end of its own. */
const REASONABLE = ['OK', 'answered', 'INVALID_ARGUMENT', 'NOT_FOUND', 'FAILED_PRECONDITION', 'ABORTED', 'UNAVAILABLE'];

/** Real requests of a method, with everything in them that there is. */
type Originals = { readonly [Name in MethodName]: readonly RequestOf<Name>[] };

/** What of an endpoint that is registered a request can name. */
interface Registered {
  readonly leaseId: bigint;
  readonly resumeToken: string;
}

const service = 'mutated';
const addresses = [
  { host: '10.0.0.1', port: 80 },
  { host: '2001:db8::1', port: 65_535 },
];
const selector = {
  labelRequirements: [
    { key: 'version', operator: Operator.IN, values: ['1', '2'] },
    { key: 'canary', operator: Operator.NOT_EXISTS },
  ],
  health: [Health.HEALTHY, Health.SUSPECT],
  zones: ['a', 'b'],
};

function originals({ leaseId, resumeToken }: Registered): Originals {
  const endpoint = {
    namespace: 'default',
    service,
    id: 'm1',
    addresses,
    locality: { region: 'r', zone: 'a', subZone: 's' },
    weight: 7,
    labels: { version: '1', tier: 'gold' },
    metadata: { build: 'abc' },
    health: Health.DRAINING,
  };
  const watch = { namespace: 'default', service, selector };
  return {
    Register: [
      { endpoint, ttl: { seconds: 1n, nanos: 5 }, requestId: 'q' },
      { endpoint: { service, addresses }, ttl: { seconds: 1n } },
    ],
    Deregister: [{ namespace: 'default', service, endpointId: 'm1', leaseId }],
    UpdateEndpoint: [{ endpoint, updateMask: ['weight', 'labels', 'health'], leaseId }],
    KeepAlive: [{ leaseIds: [leaseId, 2n, 2n ** 62n] }],
    Renew: [{ leaseIds: [leaseId, 2n, 2n ** 62n] }],
    Watch: [watch, { service, resumeToken, viewDigest: 1n }],
    WatchMany: [
      { command: { $case: 'start', value: { watchId: 7, request: watch } } },
      { command: { $case: 'start', value: { watchId: 7, request: { service, resumeToken, viewDigest: 1n } } } },
      { command: { $case: 'stop', value: { watchId: 7 } } },
    ],
    ListEndpoints: [{ ...watch, pageSize: 2, minToken: resumeToken }],
    ListServices: [{ namespace: 'default', pageSize: 2, minToken: resumeToken }],
  };
}

/** A request to stop has no answer. This one comes after whatever answer there is. */
const PROBE = framed(
  encodeRequest('WatchMany', { command: { $case: 'start', value: { watchId: 0xffff_ffff, request: { service } } } }),
);

/** Tests that each of these methods answers or refuses whatever it is sent, and what that does to everybody else. */
export function describeMutations(methods: readonly MethodName[]): void {
  let stage: FaultStage;
  let registered: Registered;

  beforeAll(async () => {
    process.stderr.write(`mutations: ROLLCALL_MUTATIONS_SEED=${SEED}\n`);
    stage = await FaultStage.start();
    using client = await RawClient.connect(stage.server.address);
    registered = await client.register({ endpoint: { service, id: 'm1', addresses }, ttl: { seconds: 3_600n } });
  });

  afterAll(() => stage[Symbol.asyncDispose]());

  test.each(methods)(
    '%s answers or refuses whatever it is sent',
    async (name) => {
      const pick = seededPick(SEED);
      const messages = originals(registered)[name].map((request) => encodeRequest(name, request as never));
      const answers: Record<string, number> = {};
      await stage.endure(`mutations of ${name}`, () =>
        send(stage.server.address, name, () => mutated(messages, pick), answers),
      );
      process.stderr.write(`mutations of ${name}: ${JSON.stringify(answers)}\n`);
      expect(Object.keys(answers).filter((answer) => !REASONABLE.includes(answer))).toEqual([]);
      expect(Object.values(answers).reduce((sum, count) => sum + count)).toBeGreaterThanOrEqual(INPUTS);
      // Else nothing was damaged, or nothing is taken.
      expect(Object.keys(answers).length).toBeGreaterThan(1);
    },
    TIMEOUT_MS,
  );
}

/** Sends half of the inputs, many at once, and counts what is said of them. */
async function send(
  address: string,
  name: MethodName,
  next: () => Buffer,
  answers: Record<string, number>,
): Promise<void> {
  const block = callHeaders(METHODS[name].path);
  const isWatch = METHODS[name].responseStream && name !== 'KeepAlive';
  const lanes = new Lanes(address, isWatch ? WATCHES_PER_CONNECTION : Infinity);
  let left = Math.ceil(INPUTS / 2);
  const work = async () => {
    while (left > 0) {
      left--;
      const input = framed(next());
      const body = name === 'WatchMany' ? Buffer.concat([input, PROBE]) : input;
      const answer = said(await lanes.use((connection) => connection.call(block, [body], { untilData: isWatch })));
      answers[answer] = (answers[answer] ?? 0) + 1;
    }
  };
  await Promise.all(Array.from({ length: CALLS_AT_ONCE }, work));
  lanes.close();
}

interface Lane {
  readonly connection: Promise<RawConnection>;
  room: number;
  pending: number;
}

/** Connections that are used so often each, and closed once what was asked on them is answered. */
class Lanes {
  readonly #address: string;
  readonly #usesMax: number;
  #lane: Lane;

  constructor(address: string, usesMax: number) {
    this.#address = address;
    this.#usesMax = usesMax;
    this.#lane = this.#open();
  }

  async use<T>(call: (connection: RawConnection) => Promise<T>): Promise<T> {
    if (this.#lane.room === 0) this.#lane = this.#open();
    const lane = this.#lane;
    lane.room--;
    lane.pending++;
    const connection = await lane.connection;
    const outcome = await call(connection);
    if (--lane.pending === 0 && lane.room === 0) connection[Symbol.dispose]();
    return outcome;
  }

  /** To be called when nothing is pending. */
  close(): void {
    void this.#lane.connection.then((connection) => connection[Symbol.dispose]());
  }

  #open(): Lane {
    return { connection: RawConnection.greet(this.#address), room: this.#usesMax, pending: 0 };
  }
}

function said({ grpcStatus, reset, dataFrames }: RawOutcome): string {
  if (grpcStatus !== undefined) return status[grpcStatus] ?? String(grpcStatus);
  if (dataFrames > 0) return 'answered';
  return reset === undefined ? 'nothing' : `reset ${reset}`;
}
