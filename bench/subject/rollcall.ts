import { once } from 'node:events';
import { BinaryReader } from '@bufbuild/protobuf/wire';
import { type ClientDuplexStream, type ServiceError, status } from '@grpc/grpc-js';
import { EMPTY_DIGEST, endpointDigest } from '../../src/core/digest.js';
import { loadXxh64, type Xxh64 } from '../../src/core/hash.js';
import { DiscoveryServiceService, WatchRequest, WatchResponse } from '../../src/gen/rollcall/v1/discovery.js';
import { Endpoint } from '../../src/gen/rollcall/v1/endpoint.js';
import type { KeepAliveRequest, KeepAliveResponse } from '../../src/gen/rollcall/v1/registry.js';
import { RawClient } from '../../test/support/raw-client.js';
import { startServer } from '../../test/support/server-process.js';
import { until } from '../../test/support/until.js';
import { GrpcStreams } from './grpc-stream.js';
import type {
  Connection,
  EndpointSpec,
  Lease,
  MessageKind,
  Registration,
  Renewals,
  Subject,
  SubjectOptions,
  Watch,
  WatchListener,
} from './subject.js';

/** Limits that would end a measurement before it has measured anything. */
const LIMITS = ['--watches-per-connection-max', '100000', '--streams-per-connection-max', '100000'];

const TTL = { seconds: 3_600, nanos: 0 };

/**
 * Has Node answer SIGUSR2 with a full collection and a line on stderr. The
 * server knows nothing of it. What the first collection finds dead may hold the
 * last reference to something outside the heap, hence the second.
 */
const TELL_MEMORY =
  'process.on("SIGUSR2",()=>{gc();setTimeout(()=>{gc();const{heapUsed,external}=process.memoryUsage();' +
  'process.stderr.write(`live ${heapUsed+external}\\n`)},100)})';

/** A Rollcall server on an lmdb store, in a process of its own, otherwise with the settings that it comes with. */
export async function startRollcall({ dataDir, runtimeArgs }: SubjectOptions): Promise<Subject> {
  const xxh64 = await loadXxh64();
  const server = await startServer({
    dataDir,
    nodeArgs: ['--expose-gc', '--import', `data:text/javascript,${encodeURIComponent(TELL_MEMORY)}`, ...runtimeArgs],
    args: ['--log-level', 'warn', ...LIMITS],
  });
  return {
    pids: [server.pid],
    connect: async () => new RollcallConnection(server.address, await RawClient.connect(server.address)),
    liveBytes: async () => {
      const answers = () => [...server.stderr().matchAll(/^live (\d+)$/gm)];
      const before = answers().length;
      server.signal('SIGUSR2');
      return until('the server told its memory', () => answers()[before] && Number(answers()[before]?.[1]));
    },
    countEndpoints: (messages) => countEndpoints(messages, xxh64),
    [Symbol.asyncDispose]: async () => {
      const { code } = await server.stop('SIGTERM');
      if (code !== 0) throw new Error(`the server ended with ${code}:\n${server.stderr()}`);
    },
  };
}

class RollcallConnection implements Connection {
  readonly #client: RawClient;
  readonly #address: string;
  readonly #renewals: KeepAlive[] = [];
  #watches: GrpcStreams | undefined;

  /** Connects with the first call. Watches and other calls have a TCP connection each, if there are both. */
  constructor(address: string, client: RawClient) {
    this.#address = address;
    this.#client = client;
  }

  async register({ service, id, bytes }: EndpointSpec): Promise<Registration> {
    const endpoint = { service, id, addresses: [{ host: '10.1.2.3', port: 8080 }] };
    // The server adds the namespace, the weight, the health and two revisions.
    const padding = Math.max(0, bytes - Endpoint.encode(Endpoint.fromPartial(endpoint)).finish().length - 40);
    const metadata = (change: number) => ({ change: String(change).padStart(padding, '0') });
    const { leaseId } = await this.#client.register({ endpoint: { ...endpoint, metadata: metadata(0) }, ttl: TTL });
    let changes = 0;
    return {
      lease: leaseId,
      change: async () => {
        await this.#client.update({
          endpoint: { service, id, metadata: metadata(++changes) },
          updateMask: ['metadata'],
          leaseId,
        });
      },
    };
  }

  watch(service: string, { onMessage, onEnd }: WatchListener): Watch {
    const { path, requestSerialize } = DiscoveryServiceService.watch;
    const request = requestSerialize(WatchRequest.fromPartial({ service }));
    this.#watches ??= new GrpcStreams(this.#address);
    return this.#watches.open(path, request, { onMessage: (bytes) => onMessage(kindOf(bytes), bytes), onEnd });
  }

  renewals(): Renewals {
    const renewals = new KeepAlive(this.#client.keepAlive());
    this.#renewals.push(renewals);
    return renewals;
  }

  close(): void {
    for (const renewals of this.#renewals) renewals.close();
    this.#watches?.close();
    this.#client[Symbol.dispose]();
  }
}

/** Renewals on one KeepAlive stream, one message at a time. */
class KeepAlive implements Renewals {
  readonly #stream: ClientDuplexStream<KeepAliveRequest, KeepAliveResponse>;

  constructor(stream: ClientDuplexStream<KeepAliveRequest, KeepAliveResponse>) {
    this.#stream = stream;
    // Ends the program: nothing may end a stream but the close() of its connection.
    stream.on('error', (error: ServiceError) => {
      if (error.code !== status.CANCELLED) throw error;
    });
  }

  async renew(leases: readonly Lease[]): Promise<void> {
    const answered = once(this.#stream, 'data') as Promise<[KeepAliveResponse]>;
    this.#stream.write({ leaseIds: [...leases] });
    const [{ results }] = await answered;
    if (results.length !== leases.length || !results.every(({ found }) => found)) throw new Error('a lease was lost');
  }

  close(): void {
    this.#stream.cancel();
  }
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

const FIELD = { snapshot: 1, delta: 2, resumeToken: 5 } as const;

/** Read off the first fields of a WatchResponse, so that a driver with a thousand watches need not decode them all. */
function kindOf(message: Buffer): MessageKind {
  const reader = new BinaryReader(message);
  const [event, wireType] = reader.tag();
  switch (event) {
    case FIELD.snapshot: {
      reader.skip(wireType);
      return reader.tag()[0] === FIELD.resumeToken ? 'view' : 'part';
    }
    case FIELD.delta:
      return 'change';
    default:
      return 'other';
  }
}
