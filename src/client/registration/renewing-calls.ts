import { Metadata } from '@grpc/grpc-js';
import { RegistryServiceClient, type LeaseRenewal } from '../../gen/rollcall/v1/registry.js';
import type { Clock } from '../../lib/clock.js';
import { toChannelCredentials, type PemCredentials } from '../connection/channel-credentials.js';

export interface RenewingCallsOptions {
  readonly servers: readonly string[];
  readonly credentials: PemCredentials | undefined;
  readonly clock: Clock;
}

/**
 * Renewals by single calls, on connections that are made when they are needed:
 * what the worker thread does the main thread's work with. Deliberately less
 * than a `Connection`, so that it loads at once.
 */
export class RenewingCalls {
  readonly #options: RenewingCallsOptions;
  #client: RegistryServiceClient | undefined;
  #servers: readonly string[];

  constructor(options: RenewingCallsOptions) {
    this.#options = options;
    this.#servers = options.servers;
  }

  /** The server to ask first from now on. */
  prefer(address: string): void {
    this.#servers = [address, ...this.#servers.filter((server) => server !== address)];
  }

  /**
   * Renews leases at one server. After a failure the next call goes to the next server.
   *
   * @throws Error of grpc-js
   */
  async renew(leaseIds: readonly bigint[], timeoutMs: number): Promise<readonly LeaseRenewal[]> {
    const client = (this.#client ??= this.#connect());
    const deadline = new Date(this.#options.clock.wallMs() + timeoutMs);
    try {
      return await new Promise((resolve, reject) => {
        client.renew({ leaseIds: [...leaseIds] }, new Metadata(), { deadline }, (error, response) => {
          if (error === null) resolve(response.results);
          else reject(error);
        });
      });
    } catch (error) {
      this.close();
      const [failed, ...others] = this.#servers;
      this.#servers = failed === undefined ? others : [...others, failed];
      throw error;
    }
  }

  /** Lets go of the connection; the next call makes another. */
  close(): void {
    this.#client?.close();
    this.#client = undefined;
  }

  #connect(): RegistryServiceClient {
    const [address = ''] = this.#servers;
    return new RegistryServiceClient(address, toChannelCredentials(this.#options.credentials), {
      'grpc.enable_http_proxy': 0,
      'grpc.use_local_subchannel_pool': 1,
      'grpc.service_config_disable_resolution': 1,
      'grpc.enable_retries': 0,
    });
  }
}
