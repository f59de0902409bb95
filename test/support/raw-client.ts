import {
  Client,
  credentials,
  type CallOptions,
  type ChannelOptions,
  type ClientDuplexStream,
  type ClientReadableStream,
  Metadata,
} from '@grpc/grpc-js';
import { loadXxh64, type Xxh64 } from '../../src/core/hash.js';
import {
  DiscoveryServiceService as discovery,
  ListEndpointsRequest,
  ListServicesRequest,
  WatchRequest,
  WatchResponse,
} from '../../src/gen/rollcall/v1/discovery.js';
import {
  DeregisterRequest,
  type KeepAliveRequest,
  RegisterRequest,
  RegistryServiceService as registry,
  RenewRequest,
  UpdateEndpointRequest,
  type KeepAliveResponse,
} from '../../src/gen/rollcall/v1/registry.js';

type Partial_<T extends { fromPartial(object: never): unknown }> = Parameters<T['fromPartial']>[0];

interface UnaryMethod<Request, Response> {
  readonly path: string;
  readonly requestSerialize: (request: Request) => Buffer;
  readonly responseDeserialize: (bytes: Buffer) => Response;
}

/** A message of a watch and its size on the wire. */
export interface SizedWatchResponse {
  readonly message: WatchResponse;
  readonly bytes: number;
}

type Cancellable = NodeJS.EventEmitter & { cancel(): void };

const bytesAsTheyAre = (bytes: Buffer) => bytes;

/**
 * Plain grpc-js stubs on a connection of their own, without retries or any wisdom: what a test says is what is sent.
 * Requests are given in part; what is left out has its default.
 */
export class RawClient implements Disposable {
  readonly xxh64: Xxh64;
  /** How long a unary call may take that does not say; for ever unless set. */
  callTimeoutMs = Infinity;
  readonly #client: Client;
  readonly #streams = new Set<Cancellable>();

  static async connect(address: string, options: ChannelOptions = {}): Promise<RawClient> {
    return new RawClient(address, await loadXxh64(), options);
  }

  private constructor(address: string, xxh64: Xxh64, options: ChannelOptions) {
    this.xxh64 = xxh64;
    this.#client = new Client(address, credentials.createInsecure(), {
      // Else grpc-js would share one connection among all clients of a process.
      'grpc.use_local_subchannel_pool': 1,
      'grpc.enable_retries': 0,
      'grpc.initial_reconnect_backoff_ms': 20,
      'grpc.max_reconnect_backoff_ms': 50,
      'grpc.enable_http_proxy': 0,
      ...options,
    });
  }

  register = (request: Partial_<typeof RegisterRequest>, options?: CallOptions) =>
    this.#unary(registry.register, RegisterRequest.fromPartial(request), options);

  deregister = (request: Partial_<typeof DeregisterRequest>) =>
    this.#unary(registry.deregister, DeregisterRequest.fromPartial(request));

  update = (request: Omit<Partial_<typeof UpdateEndpointRequest>, 'updateMask'> & { updateMask?: string[] }) =>
    this.#unary(registry.updateEndpoint, UpdateEndpointRequest.fromPartial(request));

  renew = (...leaseIds: bigint[]) => this.#unary(registry.renew, RenewRequest.fromPartial({ leaseIds }));

  listEndpoints = (request: Partial_<typeof ListEndpointsRequest>) =>
    this.#unary(discovery.listEndpoints, ListEndpointsRequest.fromPartial(request));

  listServices = (request: Partial_<typeof ListServicesRequest>) =>
    this.#unary(discovery.listServices, ListServicesRequest.fromPartial(request));

  watch(request: Partial_<typeof WatchRequest>): ClientReadableStream<SizedWatchResponse> {
    const { path, requestSerialize } = discovery.watch;
    const sized = (bytes: Buffer) => ({ message: WatchResponse.decode(bytes), bytes: bytes.length });
    return this.#hold(
      this.#client.makeServerStreamRequest(path, requestSerialize, sized, WatchRequest.fromPartial(request)),
    );
  }

  /** A watch whose messages are not decoded. */
  rawWatch(request: Partial_<typeof WatchRequest>): ClientReadableStream<Buffer> {
    return this.stream(discovery.watch.path, discovery.watch.requestSerialize(WatchRequest.fromPartial(request)));
  }

  keepAlive(): ClientDuplexStream<KeepAliveRequest, KeepAliveResponse> {
    const { path, requestSerialize, responseDeserialize } = registry.keepAlive;
    return this.#hold(this.#client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize));
  }

  /** A unary call of any method with any bytes. */
  send(path: string, request: Buffer, options?: CallOptions): Promise<Buffer> {
    const method = { path, requestSerialize: bytesAsTheyAre, responseDeserialize: bytesAsTheyAre };
    return this.#unary(method, request, options);
  }

  /** A server stream of any method with any bytes. */
  stream(path: string, request: Buffer): ClientReadableStream<Buffer> {
    return this.#hold(this.#client.makeServerStreamRequest(path, bytesAsTheyAre, bytesAsTheyAre, request));
  }

  /** A bidirectional stream of any method with any bytes. */
  duplex(path: string): ClientDuplexStream<Buffer, Buffer> {
    return this.#hold(this.#client.makeBidiStreamRequest(path, bytesAsTheyAre, bytesAsTheyAre));
  }

  /** Cancels every stream, and closes the connection. */
  [Symbol.dispose](): void {
    for (const stream of this.#streams) stream.on('error', () => undefined).cancel();
    this.#client.close();
  }

  #hold<Stream extends Cancellable>(stream: Stream): Stream {
    this.#streams.add(stream);
    stream.on('status', () => this.#streams.delete(stream));
    return stream;
  }

  #unary<Request, Response>(
    { path, requestSerialize, responseDeserialize }: UnaryMethod<Request, Response>,
    request: Request,
    options: CallOptions = {},
  ): Promise<Response> {
    return new Promise((resolve, reject) => {
      this.#client.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        request,
        new Metadata(),
        { deadline: Date.now() + this.callTimeoutMs, ...options },
        (error, response) => {
          if (error === null) resolve(response as Response);
          else reject(error);
        },
      );
    });
  }
}
