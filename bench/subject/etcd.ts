import { EtcdConnection } from './etcd-connection.js';
import { etcdBinary } from './etcd-binary.js';
import { countKeys } from './etcd-messages.js';
import { startEtcdProcess } from './etcd-process.js';
import { GrpcConnection } from './grpc-connection.js';
import type { Subject, SubjectOptions } from './subject.js';

/** An etcd of one member, in a process of its own, with the settings that it comes with. */
export async function startEtcd({ dataDir, streamEach }: SubjectOptions): Promise<Subject> {
  const { path, version } = etcdBinary();
  const start = (listen: string) => startEtcdProcess(path, { dataDir, listen });
  let server = await start('127.0.0.1:0');
  return {
    name: 'etcd',
    version,
    get pids() {
      return [server.pid];
    },
    connect: async () => new EtcdConnection(await GrpcConnection.open(server.address), { streamEach }),
    restart: async () => {
      await server.stop('SIGKILL');
      server = await start(server.address);
    },
    countEndpoints: (messages) => messages.reduce((sum, message) => sum + countKeys(message), 0),
    [Symbol.asyncDispose]: () => server.stop('SIGTERM'),
  };
}
