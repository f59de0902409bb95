import { fork } from 'node:child_process';
import { once } from 'node:events';
import { setImmediate as turn } from 'node:timers/promises';
import { Client, connectivityState, credentials, experimental, Metadata, type ServiceError } from '@grpc/grpc-js';
import { registerRollcallBalancer, withAttributes } from '../src/balancer/index.js';
import { until } from '../test/support/until.js';
import type { Figures } from './measure/figures.js';
import type { Program } from './measure/program.js';

const parameters = {
  /** Each on a port and a connection of its own, of one server process. */
  endpoints: 1_000,
  warmUpChanges: 50,
  changes: 100,
  fewEndpoints: 10,
  pickSeconds: 1,
};

/**
 * What a change costs the process of a caller, and what a call's choice of endpoint does: the policy `rollcall` against
 * grpc-js's `round_robin`, in one process.
 */
export default {
  name: 'balancer',
  parameters,
  quick: { endpoints: 200, changes: 20, pickSeconds: 0.1 },
  async measure(run, { endpoints, warmUpChanges, changes, fewEndpoints, pickSeconds }) {
    registerRollcallBalancer();
    experimental.registerResolver('balancerbench', BenchResolver);
    const server = fork(new URL('./balancer-backends.js', import.meta.url), [String(endpoints)]);
    try {
      const [ports] = (await once(server, 'message')) as [number[]];
      const measureChanges = async (policy: string, next: Change) => {
        run.log(`${policy}: ${endpoints} connections`);
        return changeCpuMicros(policy, next, { ports, warmUpChanges, changes });
      };
      const leaving = {
        rollcallCpuMicros: await measureChanges('rollcall', leaveOrReturn),
        roundRobinCpuMicros: await measureChanges('round_robin', leaveOrReturn),
      };
      const reweighting = {
        rollcallCpuMicros: await measureChanges('rollcall', reweight),
        roundRobinCpuMicros: await measureChanges('round_robin', reweight),
      };
      const picks = (seconds: number) => ({
        few: pickFigures(fewEndpoints, seconds),
        many: pickFigures(endpoints, seconds),
      });
      // First without looking: the one that runs first would be compiled for itself alone.
      picks(pickSeconds / 10);
      return {
        oneLeavesOrReturns: withRatio(leaving),
        oneChangesItsWeight: withRatio(reweighting),
        picksASecond: picks(pickSeconds),
      };
    } finally {
      const exited = once(server, 'exit');
      server.disconnect();
      await exited;
    }
  },
} satisfies Program<typeof parameters>;

function withRatio(cpu: { readonly rollcallCpuMicros: number; readonly roundRobinCpuMicros: number }): Figures {
  return { ...cpu, rollcallOfRoundRobin: cpu.rollcallCpuMicros / cpu.roundRobinCpuMicros };
}

function pickFigures(count: number, seconds: number): Figures {
  const equal = () => 100;
  return {
    roundRobin: picksASecond('round_robin', { count, seconds, weightOf: equal }),
    rollcallEqualWeights: picksASecond('rollcall', { count, seconds, weightOf: equal }),
    rollcallUnequalWeights: picksASecond('rollcall', { count, seconds, weightOf: (index) => 1 + (index % 10) }),
  };
}

function endpointAt(port: number, weight = 100): experimental.Endpoint {
  return withAttributes([{ host: '127.0.0.1', port }], { id: `endpoint-${port}`, weight, zone: '' });
}

/** The list after the `index`th change. Endpoints that do not change are the same objects, as from Rollcall's resolver. */
type Change = (
  all: readonly experimental.Endpoint[],
  ports: readonly number[],
  index: number,
) => experimental.Endpoint[];

/** One of them leaves, and with the next change it is back and so on: its connection is in the pool still. */
const leaveOrReturn: Change = (all, _ports, index) => (index % 2 === 0 ? all.slice(1) : [...all]);

const reweight: Change = (all, ports, index) => [endpointAt(ports[0]!, 100 + (index % 50)), ...all.slice(1)];

/** CPU time of this process for a change, with the call after it; the server is another process. */
async function changeCpuMicros(
  policy: string,
  next: Change,
  { ports, warmUpChanges, changes }: { readonly ports: readonly number[]; warmUpChanges: number; changes: number },
): Promise<number> {
  const all = ports.map((port) => endpointAt(port));
  deliver = (listener) => listener(experimental.statusOrFromValue([...all]), {}, null, '');
  const serviceConfig = JSON.stringify({ loadBalancingConfig: [{ [policy]: {} }] });
  const client = new Client('balancerbench:all', credentials.createInsecure(), {
    'grpc.use_local_subchannel_pool': 1,
    'grpc.enable_http_proxy': 0,
    'grpc.service_config': serviceConfig,
  });
  try {
    await call(client);
    // Every connection is made once calls have gone to as many endpoints.
    const peers = new Set<string>();
    await until('all are connected', async () => {
      for (let calls = 0; calls < ports.length; calls++) peers.add(await call(client));
      return peers.size === ports.length;
    });
    let before = process.cpuUsage();
    for (let change = 0; change < warmUpChanges + changes; change++) {
      if (change === warmUpChanges) before = process.cpuUsage();
      current!(experimental.statusOrFromValue(next(all, ports, change)), {}, null, '');
      await call(client);
      await turn();
    }
    const { user, system } = process.cpuUsage(before);
    return (user + system) / changes;
  } finally {
    client.close();
  }
}

let deliver: (listener: experimental.ResolverListener) => void;
let current: experimental.ResolverListener | undefined;

class BenchResolver implements experimental.Resolver {
  readonly #listener: experimental.ResolverListener;
  #delivered = false;

  constructor(_target: unknown, listener: experimental.ResolverListener) {
    this.#listener = listener;
    current = listener;
  }

  updateResolution(): void {
    if (this.#delivered) return;
    this.#delivered = true;
    setImmediate(() => deliver(this.#listener));
  }

  destroy(): void {
    this.#delivered = false;
  }

  static getDefaultAuthority(): string {
    return 'bench';
  }
}

const bytes = (value: Buffer) => value;

/** Resolves to the address that answered. */
function call(client: Client): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = client.makeUnaryRequest(
      '/bench.Balancer/Call',
      bytes,
      bytes,
      Buffer.alloc(0),
      (error: ServiceError | null) => (error === null ? resolve(request.getPeer()) : reject(error)),
    );
  });
}

/** Of the policy's own picker, over connections that are all ready and none of which is real. */
function picksASecond(
  policy: string,
  { count, seconds, weightOf }: { readonly count: number; seconds: number; weightOf: (index: number) => number },
): number {
  let picker: experimental.Picker | undefined;
  const balancer = new experimental.ChildLoadBalancerHandler({
    createSubchannel: () => readySubchannel(),
    updateState: (_state, made) => void (picker = made),
    requestReresolution: () => undefined,
    addChannelzChild: () => undefined,
    removeChannelzChild: () => undefined,
  });
  const list = Array.from({ length: count }, (_, index) => endpointAt(index + 1, weightOf(index)));
  const config = experimental.parseLoadBalancingConfig({ [policy]: {} });
  balancer.updateAddressList(experimental.statusOrFromValue(list), config, {}, '');
  const args = { metadata: new Metadata(), extraPickInfo: {} };
  const pickFor = (ms: number) => {
    const startMs = performance.now();
    let picks = 0;
    for (; performance.now() < startMs + ms; picks += 1_000)
      for (let pick = 0; pick < 1_000; pick++) picker!.pick(args);
    return (picks / (performance.now() - startMs)) * 1_000;
  };
  const figure = pickFor(seconds * 1_000);
  balancer.destroy();
  return figure;
}

/** As much of a subchannel as grpc-js's pick_first asks for. */
function readySubchannel(): experimental.SubchannelInterface {
  const nothing = () => undefined;
  return {
    getConnectivityState: () => connectivityState.READY,
    addConnectivityStateListener: nothing,
    removeConnectivityStateListener: nothing,
    addHealthStateWatcher: nothing,
    removeHealthStateWatcher: nothing,
    getAddress: () => 'ready',
    getChannelzRef: () => ({}),
    isHealthy: () => true,
    ref: nothing,
    unref: nothing,
  } as unknown as experimental.SubchannelInterface;
}
