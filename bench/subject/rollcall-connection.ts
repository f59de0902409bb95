import { BinaryReader } from '@bufbuild/protobuf/wire';
import { DiscoveryServiceService as discovery, WatchRequest } from '../../src/gen/rollcall/v1/discovery.js';
import { Endpoint } from '../../src/gen/rollcall/v1/endpoint.js';
import {
  KeepAliveRequest,
  KeepAliveResponse,
  RegisterRequest,
  RegisterResponse,
  RegistryServiceService as registry,
  UpdateEndpointRequest,
  UpdateEndpointResponse,
} from '../../src/gen/rollcall/v1/registry.js';
import type { GrpcConnection } from './grpc-connection.js';
import { framesOf, type GrpcStream } from './grpc-stream.js';
import type {
  Connection,
  EndpointSpec,
  Lease,
  Registration,
  Renewals,
  ResumePoint,
  Watch,
  WatchListener,
  WatchMessage,
} from './subject.js';

const TTL = { seconds: 3_600, nanos: 0 };

export class RollcallConnection implements Connection {
  readonly #grpc: GrpcConnection;

  constructor(grpc: GrpcConnection) {
    this.#grpc = grpc;
  }

  get receivedBytes(): number {
    return this.#grpc.receivedBytes;
  }

  /** A registration and its lease are one transaction. */
  async prepareLease(): Promise<undefined> {
    return undefined;
  }

  async register({ service, id, bytes }: EndpointSpec): Promise<Registration> {
    const endpoint = { service, id, addresses: [{ host: '10.1.2.3', port: 8080 }] };
    // The server adds the namespace, the weight, the health and two revisions.
    const padding = Math.max(0, bytes - Endpoint.encode(Endpoint.fromPartial(endpoint)).finish().length - 40);
    const metadata = (change: number) => ({ change: String(change).padStart(padding, '0') });
    const request = RegisterRequest.fromPartial({ endpoint: { ...endpoint, metadata: metadata(0) }, ttl: TTL });
    const answer = await this.#grpc.unary(registry.register.path, registry.register.requestSerialize(request));
    const { leaseId, endpoint: registered } = RegisterResponse.decode(answer);
    let changes = 0;
    return {
      lease: leaseId,
      revision: registered!.modRevision,
      change: async () => {
        const update = UpdateEndpointRequest.fromPartial({
          endpoint: { service, id, metadata: metadata(++changes) },
          updateMask: ['metadata'],
          leaseId,
        });
        const { path, requestSerialize } = registry.updateEndpoint;
        return UpdateEndpointResponse.decode(await this.#grpc.unary(path, requestSerialize(update))).endpoint!
          .modRevision;
      },
    };
  }

  watch(service: string, { onMessage, onEnd }: WatchListener, from?: ResumePoint): Watch {
    let resumePoint = from;
    const stream = this.#grpc.open(discovery.watch.path, {
      onMessage: (bytes) => {
        const message = readMessage(bytes);
        resumePoint = message.resumeToken || resumePoint;
        onMessage(message);
      },
      onEnd,
    });
    const request = WatchRequest.fromPartial({ service, resumeToken: from ?? '' });
    stream.end(framesOf([discovery.watch.requestSerialize(request)]));
    return {
      answered: stream.answered,
      resumePoint: () => {
        if (resumePoint === undefined) throw new Error('a watch without a view has no resume token');
        return resumePoint;
      },
      pause: () => stream.pause(),
      close: () => stream.close(),
    };
  }

  renewals(): Renewals {
    return new KeepAlive(this.#grpc);
  }

  close(): void {
    this.#grpc.close();
  }
}

/** Renewals on one KeepAlive stream, one message at a time. */
class KeepAlive implements Renewals {
  readonly #stream: GrpcStream;
  #onAnswer: (bytes: Buffer) => void = () => undefined;

  constructor(grpc: GrpcConnection) {
    this.#stream = grpc.open(registry.keepAlive.path, {
      onMessage: (bytes) => this.#onAnswer(bytes),
      // Ends the program: nothing may end a stream but the close() of its connection.
      onEnd: (error) => {
        throw error;
      },
    });
  }

  async renew(leases: readonly Lease[]): Promise<void> {
    const answered = new Promise<Buffer>((resolve) => (this.#onAnswer = resolve));
    this.#stream.send(
      framesOf([
        Buffer.from(KeepAliveRequest.encode(KeepAliveRequest.fromPartial({ leaseIds: [...leases] })).finish()),
      ]),
    );
    const { results } = KeepAliveResponse.decode(await answered);
    if (results.length !== leases.length || !results.every(({ found }) => found)) throw new Error('a lease was lost');
  }
}

const FIELD = { snapshot: 1, delta: 2, resumeToken: 5, revision: 7 } as const;

/** Reads past the event of a WatchResponse, so that a driver with a thousand watches need not decode them all. */
function readMessage(bytes: Buffer): WatchMessage & { readonly resumeToken: string } {
  const reader = new BinaryReader(bytes);
  let event = 0;
  let resumeToken = '';
  let revision = 0;
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    if (field === FIELD.resumeToken) resumeToken = reader.string();
    else if (field === FIELD.revision) revision = Number(reader.int64());
    else reader.skip(wireType);
    if (field < FIELD.resumeToken) event = field;
  }
  return { kind: kindOf(event, resumeToken), revision, bytes, resumeToken };
}

function kindOf(event: number, resumeToken: string): WatchMessage['kind'] {
  switch (event) {
    case FIELD.snapshot:
      // Only the last chunk has one.
      return resumeToken === '' ? 'part' : 'view';
    case FIELD.delta:
      return 'change';
    default:
      return 'other';
  }
}
