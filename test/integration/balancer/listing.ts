import {
  Client,
  credentials,
  experimental,
  Metadata,
  status,
  type ChannelOptions,
  type ClientReadableStream,
  type ServiceError,
} from '@grpc/grpc-js';
import type { BalancerConfigJson } from '../../../src/balancer/balancer-config.js';
import { WATCH, WHO } from './backend.js';

/** A name that resolves to what a test says, and a channel to it. */
export interface Listing extends Disposable {
  readonly client: Client;
  /** How often grpc-js asked to resolve again. */
  readonly asked: () => number;
  /** What the resolver delivers, now and to any later listener. Undefined before the first list. */
  deliver(endpoints: readonly experimental.Endpoint[], note?: string): void;
  fail(details: string): void;
  /** With the next delivery. */
  policies(loadBalancingConfig: readonly object[]): void;
  /** What happens when grpc-js asks to resolve again; nothing unless told. */
  onAsked(then: () => void): void;
}

interface State {
  result: experimental.StatusOr<experimental.Endpoint[]> | undefined;
  note: string;
  policies: readonly object[];
  listener: experimental.ResolverListener | undefined;
  asked: number;
  onAsked: () => void;
}

const states = new Map<string, State>();
let made = 0;

class ListingResolver implements experimental.Resolver {
  readonly #state: State;

  constructor(target: experimental.GrpcUri, listener: experimental.ResolverListener) {
    this.#state = states.get(target.path)!;
    this.#state.listener = listener;
  }

  updateResolution(): void {
    this.#state.asked++;
    if (this.#state.asked === 1) setImmediate(() => deliver(this.#state));
    else this.#state.onAsked();
  }

  destroy(): void {
    // Idle channels ask the same object again.
    this.#state.asked = 0;
  }

  static getDefaultAuthority(): string {
    return 'balancertest';
  }
}

function deliver({ result, listener, note, policies }: State): void {
  if (result === undefined) return;
  listener?.(
    result,
    {},
    experimental.statusOrFromValue({ loadBalancingConfig: policies as never, methodConfig: [] }),
    note,
  );
}

/** Names of this scheme resolve to what tests say. One scheme a test file. */
export function listingsOf(scheme: string) {
  experimental.registerResolver(scheme, ListingResolver);
  return (config: BalancerConfigJson = {}, options: ChannelOptions = {}): Listing => {
    const name = String(made++);
    const state: State = {
      result: undefined,
      note: '',
      policies: [{ rollcall: config }],
      listener: undefined,
      asked: 0,
      onAsked: () => undefined,
    };
    states.set(name, state);
    const client = new Client(`${scheme}:${name}`, credentials.createInsecure(), {
      'grpc.use_local_subchannel_pool': 1,
      'grpc.enable_http_proxy': 0,
      ...options,
    });
    return {
      client,
      asked: () => state.asked,
      deliver(endpoints, note = '') {
        state.result = experimental.statusOrFromValue([...endpoints]);
        state.note = note;
        deliver(state);
      },
      fail(details) {
        state.result = experimental.statusOrFromError({ code: status.UNAVAILABLE, details });
        deliver(state);
      },
      policies: (policies) => void (state.policies = policies),
      onAsked: (then) => void (state.onAsked = then),
      [Symbol.dispose]: () => client.close(),
    };
  };
}

const bytes = (value: Buffer) => value;

export interface CallOptions {
  readonly waitForReady?: boolean;
  readonly deadlineMs?: number;
}

/** One call; resolves to the name of the backend that answered, rejects with a ServiceError. */
export function who(client: Client, { waitForReady = false, deadlineMs = 10_000 }: CallOptions = {}): Promise<string> {
  const metadata = new Metadata({ waitForReady });
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(
      WHO,
      bytes,
      bytes,
      Buffer.alloc(0),
      metadata,
      { deadline: Date.now() + deadlineMs },
      (error: ServiceError | null, value?: Buffer) => (error === null ? resolve(String(value)) : reject(error)),
    );
  });
}

/** A stream that one backend serves. */
export function watch(client: Client): ClientReadableStream<Buffer> {
  return client.makeServerStreamRequest(WATCH, bytes, bytes, Buffer.alloc(0));
}

/** For `catch`, where calls may fail. */
export const noAnswers = (): Record<string, number> => ({});

/** That many calls, a few at a time; how many each backend answered. */
export async function callsByBackend(client: Client, calls: number): Promise<Record<string, number>> {
  const answered: Record<string, number> = {};
  let left = calls;
  const caller = async () => {
    while (left-- > 0) {
      const name = await who(client);
      answered[name] = (answered[name] ?? 0) + 1;
    }
  };
  await Promise.all(Array.from({ length: 8 }, caller));
  return answered;
}
