import type { ChannelCredentials } from '@grpc/grpc-js';
import { invalidField, isRollcallError, type RollcallError } from '../../core/errors.js';
import { formatHostPort, parseHostPort } from '../../core/host-port.js';
import type { Address } from '../../gen/rollcall/v1/endpoint.js';
import { fullJitterMs, type BackoffPolicy } from '../../lib/backoff.js';
import type { Clock } from '../../lib/clock.js';
import type { Random } from '../../lib/random.js';
import { sleep } from '../../lib/sleep.js';
import { toChannelCredentials, type PemCredentials } from './channel-credentials.js';
import { dialOrder } from './dial-order.js';
import { dial, type Dial, type Link } from './link.js';
import type { ClientLogger } from '../logger.js';

const DEFAULT_PORT = 7400;

/** A connection attempt may take this long. */
const CONNECT_TIMEOUT_MS = 5_000;

/**
 * Between rounds in which no server could be reached, and between attempts of a
 * call. Short at its longest, since leases wait for it: an attempt at a server
 * that is down costs next to nothing.
 */
export const RETRY: BackoffPolicy = { baseMs: 200, maxMs: 2_000 };

export interface DiallerOptions {
  /** `host:port` each, the port 7400 unless told. At least one. */
  readonly servers: readonly string[];
  /** Insecure unless given. */
  readonly credentials?: ChannelCredentials | PemCredentials | undefined;
  readonly logger: ClientLogger;
  readonly clock: Clock;
  readonly random: Random;
  /** For tests. */
  readonly dial?: Dial | undefined;
}

/** Finds one of several servers that can be reached. */
export class Dialler {
  /** In an order of this client's own, so that clients spread, at first and when one of the servers fails. */
  readonly #servers: readonly string[];
  readonly #options: DiallerOptions;
  readonly #credentials: ChannelCredentials;
  readonly #dial: Dial;
  #alternates: readonly string[] = [];
  /** The server that was tried last. */
  #last: string | undefined;
  #failure: RollcallError | undefined;
  /** Since an attempt failed, until one succeeds. */
  #failing = false;

  /** @throws RollcallError INVALID_FIELD for an address that is none, no address at all, or credentials that are none */
  constructor(options: DiallerOptions) {
    const { servers, random } = options;
    if (servers.length === 0) throw invalidField({ field: 'servers', description: 'at least one is required' });
    const addresses = servers.map((server, index) =>
      formatHostPort(parseHostPort(server, `servers[${index}]`, DEFAULT_PORT)),
    );
    this.#servers = shuffled(addresses, random);
    this.#options = options;
    this.#dial = options.dial ?? dial;
    this.#credentials = toChannelCredentials(options.credentials);
  }

  /** The configured ones, `host:port` each, in the order in which they are tried. */
  get servers(): readonly string[] {
    return this.#servers;
  }

  /** How many different ones there are to go to, alternates included. */
  get serversKnown(): number {
    return new Set([...this.#servers, ...this.#alternates]).size;
  }

  /** Why the latest attempt of the latest {@link connect} failed; undefined once one has succeeded. */
  get failure(): RollcallError | undefined {
    return this.#failure;
  }

  /** Servers to try where no configured one can be reached, in place of those named before. */
  nameAlternates(addresses: readonly Address[]): void {
    this.#alternates = addresses.map(formatHostPort);
  }

  /**
   * Connects to the next server in turn that can be reached, and tries for as
   * long as it takes. The link is the caller's.
   *
   * @throws the signal's reason
   */
  async connect(signal: AbortSignal): Promise<Link> {
    const { clock, random } = this.#options;
    // However it was when somebody last wanted a connection: that may be long ago.
    this.#failure = undefined;
    for (let round = 0; ; round++) {
      const order = dialOrder({
        servers: this.#servers,
        alternates: this.#alternates,
        last: this.#last,
      });
      for (const address of order) {
        const link = await this.#try(address, signal);
        if (link !== undefined) return link;
      }
      await sleep(clock, fullJitterMs(RETRY, round, random.fraction()), signal);
    }
  }

  async #try(address: string, signal: AbortSignal): Promise<Link | undefined> {
    const { clock, logger } = this.#options;
    this.#last = address;
    try {
      const credentials = this.#credentials;
      const link = await this.#dial(address, { credentials, clock, connectTimeoutMs: CONNECT_TIMEOUT_MS, signal });
      if (this.#failing) logger.info({ address }, `connected to ${address}`);
      else logger.debug({ address }, `connected to ${address}`);
      this.#failing = false;
      this.#failure = undefined;
      return link;
    } catch (error) {
      if (signal.aborted || !isRollcallError(error)) throw error;
      // One line for an outage, not one for each attempt.
      if (this.#failing) logger.debug({ address, err: error }, `still cannot connect: ${error.message}`);
      else logger.warn({ address, err: error }, `cannot connect: ${error.message}`);
      this.#failing = true;
      this.#failure = error;
      return undefined;
    }
  }
}

/** In an order drawn at random; in the one given where all numbers drawn are 0. */
function shuffled(values: readonly string[], random: Random): string[] {
  const rest = [...values];
  return values.flatMap(() => rest.splice(Math.floor(random.fraction() * rest.length), 1));
}
