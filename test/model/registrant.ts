import { Connection } from '../../src/client/connection/connection.js';
import type { Registration } from '../../src/client/registration/registration.js';
import { Registrations } from '../../src/client/registration/registrations.js';
import { silentLogger } from '../../src/client/logger.js';
import { Health, type Endpoint } from '../../src/gen/rollcall/v1/endpoint.js';
import { FakeClock } from '../support/fake-clock.js';
import { RegistryDouble, type Weather } from './registry-double.js';

/** One step of a run. `which` picks one of the registrations that there are. */
export type RegistrantStep =
  | { readonly do: 'register'; readonly ttlMs: number; readonly weight: number }
  | { readonly do: 'update'; readonly which: number; readonly weight: number }
  | { readonly do: 'close'; readonly which: number }
  | { readonly do: 'give-up'; readonly which: number }
  | { readonly do: 'advance'; readonly ms: number }
  | { readonly do: 'weather'; readonly weather: Weather }
  | { readonly do: 'sever' | 'end-streams' | 'stop' | 'restart' | 'come-back-empty' }
  | { readonly do: 'rival' | 'forget'; readonly which: number };

/** A registration as the application sees it. */
interface Known {
  readonly id: string;
  readonly impatience: AbortController;
  registration: Registration | undefined;
  /** Neither open nor to be opened any more. */
  over: boolean;
  /** What may be registered: what was set last, and what was to be set since and may have been. */
  weights: number[];
}

const CALL_TIMEOUT_MS = 10_000;

/** Longest after the last fault: a call's time, a lease's, and the longest pause between attempts to register anew. */
const HEALED_MS = 60_000;

/** A process that registers endpoints at a server of which a run decides what it does. */
export class Registrant {
  readonly problems: string[] = [];
  readonly #clock = new FakeClock();
  readonly #server: RegistryDouble;
  readonly #connection: Connection;
  readonly #registrations: Registrations;
  readonly #known: Known[] = [];
  readonly #underWay: Promise<unknown>[] = [];

  /** @param seed of the randomness that the client draws from */
  constructor(seed: number) {
    this.#server = new RegistryDouble(this.#clock, {
      onRegister: (id) => {
        if (this.#known.find((known) => known.id === id)?.over === true)
          this.#note(`${id} is registered though closed`);
      },
      onExpired: (leaseId, undisturbed) => {
        if (undisturbed && this.#isHeld(leaseId)) this.#note(`lease ${leaseId} expired though all was well`);
      },
      onProblem: (problem) => this.#note(problem),
    });
    const random = seeded(seed);
    const shared = { clock: this.#clock, random, logger: silentLogger };
    this.#connection = new Connection({ ...shared, servers: ['a:1', 'b:1'], dial: this.#server.dial });
    this.#registrations = new Registrations({
      ...shared,
      connection: this.#connection,
      callTimeoutMs: CALL_TIMEOUT_MS,
      guard: undefined,
    });
  }

  async take(step: RegistrantStep): Promise<void> {
    switch (step.do) {
      case 'register':
        this.#register(step);
        break;
      case 'update':
        this.#update(this.#pick(step.which), step.weight);
        break;
      case 'close':
        this.#close(this.#pick(step.which));
        break;
      case 'give-up':
        this.#giveUp(this.#pick(step.which));
        break;
      case 'advance':
        await this.#clock.advance(step.ms);
        break;
      case 'weather':
        this.#server.weather = step.weather;
        break;
      case 'sever':
        this.#server.sever();
        break;
      case 'end-streams':
        this.#server.endStreams();
        break;
      case 'stop':
        this.#server.stop();
        break;
      case 'restart':
      case 'come-back-empty':
        this.#server.start({ empty: step.do === 'come-back-empty' });
        break;
      case 'rival':
        this.#server.replaceByRival(this.#pick(step.which)?.id ?? '');
        break;
      case 'forget':
        this.#server.forget(this.#pick(step.which)?.id ?? '');
        break;
    }
    await this.#clock.settle();
  }

  /** The last fault heals, time passes, and all is as the application wants it. */
  async heal(): Promise<void> {
    this.#server.weather = { kind: 'fine' };
    this.#server.start({ empty: false });
    await this.#clock.advance(HEALED_MS);
    await Promise.all(this.#underWay);
    const registered = new Map(
      this.#server.endpoints.map(({ endpoint, leaseId }) => [endpoint.id, { endpoint, leaseId }]),
    );
    for (const { id, registration, over, weights } of this.#known) {
      const there = registered.get(id);
      if (over || registration === undefined) {
        if (there !== undefined) this.#note(`${id} is still registered`);
        continue;
      }
      const { state } = registration;
      if (state.kind !== 'registered') this.#note(`${id} is ${state.kind}`);
      else if (there === undefined) this.#note(`${id} is not registered`);
      else if (there.leaseId !== state.leaseId) this.#note(`${id} is not held by the lease that its holder has`);
      else if (!weights.includes(there.endpoint.weight ?? -1)) {
        this.#note(`${id} has the weight ${there.endpoint.weight}, not one of ${weights.join(', ')}`);
      } else if (weights.length === 1 && state.endpoint.weight !== there.endpoint.weight) {
        this.#note(`${id} is not what its state says`);
      }
    }
  }

  /** Closes everything; the server answers, if slowly. Nothing is left once that is done, and nothing comes back. */
  async close(): Promise<void> {
    const left = this.#registrations.close().then(() => this.#server.endpoints);
    for (const known of this.#known) known.over = true;
    await this.#clock.advance(CALL_TIMEOUT_MS);
    for (const { endpoint } of await left) this.#note(`${endpoint.id} is left when all is closed`);
    this.#connection.close();
    await this.#clock.advance(HEALED_MS);
    await Promise.all(this.#underWay);
    for (const { endpoint } of this.#server.endpoints) this.#note(`${endpoint.id} has come back after the end`);
  }

  #register({ ttlMs, weight }: Extract<RegistrantStep, { do: 'register' }>): void {
    const id = `e${this.#known.length}`;
    const impatience = new AbortController();
    const known: Known = { id, impatience, registration: undefined, over: false, weights: [weight] };
    this.#known.push(known);
    const limits = { signal: impatience.signal, timeoutMs: CALL_TIMEOUT_MS, ttlMs };
    const opening = this.#registrations.register(endpointOf(id, weight), limits).then(
      (registration) => (known.registration = registration),
      () => (known.over = true),
    );
    this.#underWay.push(opening);
  }

  #update(known: Known | undefined, weight: number): void {
    if (known?.registration === undefined) return;
    const updating = known.registration.update({ weight }).then(
      () => (known.weights = [weight]),
      () => known.weights.push(weight),
    );
    this.#underWay.push(updating);
  }

  #close(known: Known | undefined): void {
    if (known?.registration === undefined) return;
    known.over = true;
    // That no server could be told is not held against it: the endpoint lapses.
    this.#underWay.push(known.registration.close().catch(() => undefined));
  }

  #giveUp(known: Known | undefined): void {
    if (known === undefined || known.registration !== undefined) return;
    known.over = true;
    known.impatience.abort(new Error('enough'));
  }

  #pick(which: number): Known | undefined {
    return this.#known[which % Math.max(1, this.#known.length)];
  }

  #isHeld(leaseId: bigint): boolean {
    return this.#known.some(({ registration, over }) => {
      const state = registration?.state;
      return !over && state?.kind === 'registered' && state.leaseId === leaseId;
    });
  }

  #note(problem: string): void {
    this.problems.push(`at ${this.#clock.monotonicMs()} ms: ${problem}`);
  }
}

function endpointOf(id: string, weight: number): Endpoint {
  return {
    namespace: 'default',
    service: 'payments',
    id,
    addresses: [{ host: '10.0.0.7', port: 80 }],
    locality: undefined,
    weight,
    labels: {},
    metadata: {},
    health: Health.HEALTHY,
    createRevision: 0,
    modRevision: 0,
  };
}

/** Numbers that look random, the same for the same seed: a linear congruential generator, of whose bits the high ones are used. */
function seeded(seed: number) {
  let state = seed >>> 0;
  const fraction = (): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return (state >>> 8) / 2 ** 24;
  };
  const fill = (bytes: Uint8Array): void => {
    for (let i = 0; i < bytes.length; i++) bytes[i] = Math.floor(fraction() * 256);
  };
  return { fraction, fill };
}
