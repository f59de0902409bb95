import {
  DiscoveryServiceService as discovery,
  WatchManyRequest,
  WatchRequest,
} from '../../src/gen/rollcall/v1/discovery.js';
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
import { readWatchManyResponse, readWatchResponse } from './rollcall-messages.js';
import type {
  Connection,
  EndpointSpec,
  Lease,
  Registration,
  Renewals,
  ResumePoint,
  SubjectOptions,
  Watch,
  WatchListener,
} from './subject.js';

const TTL = { seconds: 3_600, nanos: 0 };

/**
 * Discovery on Rollcall in the way of its own client: all watches of a
 * connection share one stream, unless each is to have its own.
 */
export class RollcallConnection implements Connection {
  readonly #grpc: GrpcConnection;
  readonly #streamEach: boolean;
  #shared: SharedWatches | undefined;

  constructor(grpc: GrpcConnection, { streamEach }: Pick<SubjectOptions, 'streamEach'>) {
    this.#grpc = grpc;
    this.#streamEach = streamEach;
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

  watch(service: string, listener: WatchListener, from?: ResumePoint): Watch {
    const request = WatchRequest.fromPartial({ service, resumeToken: from ?? '' });
    const watch = new RollcallWatch(listener, from);
    if (this.#streamEach) {
      const { onEnd } = listener;
      watch.stream = this.#grpc.open(discovery.watch.path, { onMessage: (bytes) => watch.take(bytes), onEnd });
      watch.stream.end(framesOf([discovery.watch.requestSerialize(request)]));
    } else {
      this.#shared ??= new SharedWatches(this.#grpc);
      this.#shared.begin(watch, request);
    }
    return watch;
  }

  renewals(): Renewals {
    return new KeepAlive(this.#grpc);
  }

  close(): void {
    this.#grpc.close();
  }
}

class RollcallWatch implements Watch {
  readonly listener: WatchListener;
  /** May be that of other watches, too. */
  stream!: GrpcStream;
  #resumePoint: ResumePoint | undefined;

  constructor(listener: WatchListener, from: ResumePoint | undefined) {
    this.listener = listener;
    this.#resumePoint = from;
  }

  get answered(): Promise<void> {
    return this.stream.answered;
  }

  take(bytes: Buffer): void {
    const message = readWatchResponse(bytes);
    this.#resumePoint = message.resumeToken || this.#resumePoint;
    this.listener.onMessage(message);
  }

  resumePoint(): ResumePoint {
    if (this.#resumePoint === undefined) throw new Error('a watch without a view has no resume token');
    return this.#resumePoint;
  }

  pause(): void {
    this.stream.pause();
  }

  close(): void {
    // With the others of its connection.
    this.stream.close();
  }
}

/** Watches on one WatchMany stream. */
class SharedWatches {
  readonly #stream: GrpcStream;
  /** By id. */
  readonly #watches: RollcallWatch[] = [];

  constructor(grpc: GrpcConnection) {
    this.#stream = grpc.open(discovery.watchMany.path, {
      onMessage: (bytes) =>
        readWatchManyResponse(bytes, {
          onResponse: (watchId, response) => this.#watches[watchId]!.take(response),
          onEnded: (watchId) => this.#watches[watchId]!.listener.onEnd(new Error('Rollcall ended the watch')),
        }),
      onEnd: (error) => {
        for (const { listener } of this.#watches) listener.onEnd(error);
      },
    });
  }

  begin(watch: RollcallWatch, request: WatchRequest): void {
    watch.stream = this.#stream;
    const command = { $case: 'start' as const, value: { watchId: this.#watches.length, request } };
    this.#watches.push(watch);
    this.#stream.send(framesOf([discovery.watchMany.requestSerialize(WatchManyRequest.fromPartial({ command }))]));
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
