import { readFileSync } from 'node:fs';
import { EMPTY_DIGEST, endpointDigest } from '../../src/core/digest.js';
import { loadXxh64, type Xxh64 } from '../../src/core/hash.js';
import { WatchResponse } from '../../src/gen/rollcall/v1/discovery.js';
import { startServer } from '../../test/support/server-process.js';
import { GrpcConnection } from './grpc-connection.js';
import { RollcallConnection } from './rollcall-connection.js';
import type { Subject, SubjectOptions } from './subject.js';

/** Limits that would end a measurement before it has measured anything. */
const LIMITS = [
  ['--watches-per-connection-max', '100000'],
  ['--streams-per-connection-max', '100000'],
].flat();

/** A Rollcall server on an lmdb store, in a process of its own, otherwise with the settings that it comes with. */
export async function startRollcall({ dataDir, runtimeArgs, streamEach }: SubjectOptions): Promise<Subject> {
  const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
  const xxh64 = await loadXxh64();
  const start = (listen: string) =>
    startServer({ dataDir, listen, nodeArgs: runtimeArgs, args: ['--log-level', 'warn', ...LIMITS] });
  let server = await start('127.0.0.1:0');
  return {
    name: 'rollcall',
    version,
    get pids() {
      return [server.pid];
    },
    connect: async () => new RollcallConnection(await GrpcConnection.open(server.address), { streamEach }),
    restart: async () => {
      await server.stop('SIGKILL');
      server = await start(server.address);
    },
    countEndpoints: (messages) => countEndpoints(messages, xxh64),
    [Symbol.asyncDispose]: async () => {
      const { code } = await server.stop('SIGTERM');
      if (code !== 0) throw new Error(`the server ended with ${code}:\n${server.stderr()}`);
    },
  };
}

function countEndpoints(messages: readonly Buffer[], xxh64: Xxh64): number {
  const chunks = messages.map((message) => WatchResponse.decode(message));
  const endpoints = chunks.flatMap(({ event }) => (event?.$case === 'snapshot' ? event.value.endpoints : []));
  const digest = endpoints.reduce(
    (xor, { id, modRevision }) => xor ^ endpointDigest(xxh64, id, modRevision),
    EMPTY_DIGEST,
  );
  if (digest !== chunks.at(-1)?.digest) throw new Error('the digest of the view is not the one that was sent');
  return endpoints.length;
}
