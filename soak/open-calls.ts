import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { loadSync } from '@grpc/proto-loader';
import { DynamicClient } from '../test/support/dynamic-client.js';

interface SocketData {
  readonly streams_started: string;
  readonly streams_succeeded: string;
  readonly streams_failed: string;
}

/** Connections and calls that a server has open, but for the one by which it is asked: by its own channelz. */
export async function openCalls(address: string): Promise<{ readonly connections: number; readonly calls: number }> {
  const grpcDir = dirname(createRequire(import.meta.url).resolve('@grpc/grpc-js/package.json'));
  const definition = loadSync(join(grpcDir, 'proto/channelz.proto'), { keepCase: true, longs: String, defaults: true });
  using channelz = new DynamicClient(address, definition, 'grpc.channelz.v1.Channelz');
  const { server: servers } = (await channelz.call('GetServers', {})) as { server: { ref: { server_id: string } }[] };
  let [connections, calls] = [-1, -1];
  for (const { ref } of servers) {
    const asked = { server_id: ref.server_id, start_socket_id: 0, max_results: 10_000 };
    const { socket_ref: sockets } = (await channelz.call('GetServerSockets', asked)) as {
      socket_ref: { socket_id: string }[];
    };
    for (const { socket_id } of sockets) {
      const { socket } = (await channelz.call('GetSocket', { socket_id })) as { socket: { data: SocketData } | null };
      if (socket === null) continue;
      const { streams_started, streams_succeeded, streams_failed } = socket.data;
      connections++;
      calls += Number(streams_started) - Number(streams_succeeded) - Number(streams_failed);
    }
  }
  return { connections, calls };
}
