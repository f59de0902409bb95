import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { loadSync } from '@grpc/proto-loader';
import { DynamicClient } from './dynamic-client.js';
import { rpcFailure } from './rpc-failure.js';

/** The connections and calls of a server, as it tells of them itself (grpc.channelz.v1). */
export class Channelz implements Disposable {
  readonly #client: DynamicClient;

  constructor(address: string) {
    const grpcDir = dirname(createRequire(join(process.cwd(), 'package.json')).resolve('@grpc/grpc-js/package.json'));
    const definition = loadSync(join(grpcDir, 'proto/channelz.proto'), { keepCase: true, longs: Number });
    this.#client = new DynamicClient(address, definition, 'grpc.channelz.v1.Channelz');
  }

  /** Streams that are open on each connection. Its own connection is among them. */
  async openStreams(): Promise<number[]> {
    const { server: servers } = (await this.#client.call('GetServers', {})) as {
      server: { ref: { server_id: number } }[];
    };
    const open: number[] = [];
    for (const { ref } of servers) {
      const request = { server_id: ref.server_id, start_socket_id: 0 };
      const { socket_ref: sockets = [] } = (await this.#client.call('GetServerSockets', request)) as {
        socket_ref?: { socket_id: number }[];
      };
      for (const { socket_id } of sockets) open.push(...(await this.#openStreamsOf(socket_id)));
    }
    return open;
  }

  /** Of one connection; nothing if it has gone since it was listed. */
  async #openStreamsOf(socket_id: number): Promise<number[]> {
    try {
      const { socket } = (await this.#client.call('GetSocket', { socket_id })) as {
        socket: { data: { streams_started?: number; streams_succeeded?: number; streams_failed?: number } };
      };
      const { streams_started = 0, streams_succeeded = 0, streams_failed = 0 } = socket.data;
      return [streams_started - streams_succeeded - streams_failed];
    } catch (error) {
      const { status } = rpcFailure(error);
      if (status === 'NOT_FOUND') return [];
      // grpc-js asks a session for its socket that is just being torn down, which throws: it is still there.
      if (status === 'UNKNOWN') return [0];
      throw error;
    }
  }

  [Symbol.dispose](): void {
    this.#client[Symbol.dispose]();
  }
}
