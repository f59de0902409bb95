import { connectivityState, experimental, Metadata, status, type ChannelOptions } from '@grpc/grpc-js';
import { withAttributes } from '../../../src/balancer/endpoint-attributes.js';
import type { BalancerConfigJson } from '../../../src/balancer/balancer-config.js';
import { PolicyConfig } from '../../../src/balancer/policy-config.js';
import { RollcallPolicy } from '../../../src/balancer/rollcall-policy.js';
import { FakeClock } from '../../support/fake-clock.js';

const { IDLE, CONNECTING, READY, TRANSIENT_FAILURE } = connectivityState;

/** A connection that comes and goes as the test says. There is one an address, as in the pool of a channel. */
export class ScriptedConnection {
  readonly address: string;
  state: connectivityState = IDLE;
  refs = 0;
  starts = 0;
  #healthy = true;
  readonly #healthWatchers = new Set<experimental.HealthListener>();
  readonly #listeners = new Set<experimental.ConnectivityStateListener>();

  constructor(address: string) {
    this.address = address;
  }

  ready(): void {
    this.#go(READY);
  }

  connecting(): void {
    this.#go(CONNECTING);
  }

  lost(): void {
    this.#go(IDLE);
  }

  refused(why = 'refused'): void {
    this.#go(TRANSIENT_FAILURE, why);
  }

  /** As outlier_detection ejects one, and takes it back. */
  setHealthy(healthy: boolean): void {
    this.#healthy = healthy;
    for (const watcher of this.#healthWatchers) watcher(healthy);
  }

  #go(state: connectivityState, why?: string): void {
    const before = this.state;
    this.state = state;
    for (const listener of this.#listeners) listener(this.subchannel, before, state, -1, why);
  }

  /** What grpc-js's pick_first uses of a subchannel. */
  readonly subchannel = {
    getConnectivityState: () => this.state,
    addConnectivityStateListener: (listener: experimental.ConnectivityStateListener) => this.#listeners.add(listener),
    removeConnectivityStateListener: (listener: experimental.ConnectivityStateListener) =>
      this.#listeners.delete(listener),
    addHealthStateWatcher: (watcher: experimental.HealthListener) => this.#healthWatchers.add(watcher),
    removeHealthStateWatcher: (watcher: experimental.HealthListener) => this.#healthWatchers.delete(watcher),
    startConnecting: () => {
      this.starts++;
    },
    getAddress: () => this.address,
    isHealthy: () => this.#healthy,
    ref: () => this.refs++,
    unref: () => this.refs--,
    getChannelzRef: () => ({}),
    realSubchannelEquals: (other: unknown) => other === this.subchannel,
  } as unknown as experimental.SubchannelInterface;
}

/** A policy in a channel whose connections the test makes and breaks, on a clock that it moves. */
export class ScriptedChannel {
  readonly clock = new FakeClock();
  /** States in the order in which they were reported. */
  readonly states: string[] = [];
  readonly policy: RollcallPolicy;
  /** With which options connections were asked for, in order. */
  readonly asked: ChannelOptions[] = [];
  reresolutions = 0;
  /** How the resolver answers when it is asked again. */
  onReresolution: () => void = () => undefined;
  readonly #connections = new Map<string, ScriptedConnection>();
  #picker: experimental.Picker | undefined;

  constructor() {
    const helper = {
      createSubchannel: (address: experimental.SubchannelAddress, options: ChannelOptions) => {
        this.asked.push(options);
        return this.at(experimental.subchannelAddressToString(address)).subchannel;
      },
      updateState: (state: connectivityState, picker: experimental.Picker) => {
        this.states.push(connectivityState[state]);
        this.#picker = picker;
      },
      requestReresolution: () => {
        this.reresolutions++;
        this.onReresolution();
      },
      addChannelzChild: () => undefined,
      removeChannelzChild: () => undefined,
    };
    const random = { fraction: () => 0, fill: () => undefined };
    this.policy = new RollcallPolicy(helper, { clock: this.clock, random, subsetKey: 'test' });
  }

  get state(): string | undefined {
    return this.states.at(-1);
  }

  /** The connection to an address, such as `a:1`. */
  at(address: string): ScriptedConnection {
    const connection = this.#connections.get(address) ?? new ScriptedConnection(address);
    this.#connections.set(address, connection);
    return connection;
  }

  /** Those that somebody holds. */
  connected(): readonly ScriptedConnection[] {
    return [...this.#connections.values()].filter(({ refs }) => refs > 0);
  }

  list(
    endpoints: readonly experimental.Endpoint[],
    { config = {}, options = {}, note = '' }: ListOptions = {},
  ): boolean {
    return this.policy.updateAddressList(
      experimental.statusOrFromValue([...endpoints]),
      PolicyConfig.createFromJson(config),
      options,
      note,
    );
  }

  /** The resolver fails. */
  fail(details: string): boolean {
    const failure = experimental.statusOrFromError<experimental.Endpoint[]>({ code: status.UNAVAILABLE, details });
    return this.policy.updateAddressList(failure, PolicyConfig.createFromJson({}), {}, '');
  }

  /** Addresses in the order in which calls go to them; `queued` or the status for calls that go nowhere. */
  calls(count: number): readonly string[] {
    return Array.from({ length: count }, () => {
      const result = this.#picker!.pick({ metadata: new Metadata(), extraPickInfo: {} });
      return result.subchannel?.getAddress() ?? result.status?.details ?? 'queued';
    });
  }

  callsByAddress(count: number): Record<string, number> {
    const found: Record<string, number> = {};
    for (const address of this.calls(count)) found[address] = (found[address] ?? 0) + 1;
    return found;
  }
}

export interface ListOptions {
  readonly config?: BalancerConfigJson;
  readonly options?: ChannelOptions;
  readonly note?: string;
}

/** An endpoint of id `a` at address `a:1`, unless told otherwise. */
export function endpoint(
  id: string,
  { weight = 100, zone = '', host = id }: { weight?: number; zone?: string; host?: string } = {},
): experimental.Endpoint {
  return withAttributes([{ host, port: 1 }], { id, weight, zone });
}
