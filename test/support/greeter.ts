import {
  type Client,
  credentials,
  makeClientConstructor,
  Metadata,
  Server,
  ServerCredentials,
  type ChannelOptions,
  type MethodDefinition,
  type ServerUnaryCall,
  type sendUnaryData,
} from '@grpc/grpc-js';

/** `test.Greeter/Greet`: answers with the name of whoever was called. Strings on the wire, no protos. */
const toBytes = (text: string): Buffer => Buffer.from(text);
const toText = (bytes: Buffer): string => bytes.toString();
const greet: MethodDefinition<string, string> = {
  path: '/test.Greeter/Greet',
  requestStream: false,
  responseStream: false,
  requestSerialize: toBytes,
  requestDeserialize: toText,
  responseSerialize: toBytes,
  responseDeserialize: toText,
};
const service = { greet };
const GreeterClient = makeClientConstructor(service, 'test.Greeter');

/** A backend that calls go to. Owned by whoever started it. */
export interface Greeter extends AsyncDisposable {
  readonly name: string;
  /** `host:port`. */
  readonly address: string;
  /** Calls taken so far. */
  readonly calls: number;
  /** Connections that were used for calls so far. */
  readonly connections: number;
  /** The different `:authority`s that calls had. */
  readonly authorities: readonly string[];
  /** Ends it with everything under way. */
  kill(): void;
}

/** Starts a backend on a free port of 127.0.0.1, or where it is told; a silent one takes calls and never answers. */
export async function startGreeter(
  name: string,
  { listen = '127.0.0.1:0', serverCredentials = ServerCredentials.createInsecure(), silent = false } = {},
): Promise<Greeter> {
  let calls = 0;
  const peers = new Set<string>();
  const authorities = new Set<string>();
  const server = new Server();
  server.addService(service, {
    greet(call: ServerUnaryCall<string, string>, callback: sendUnaryData<string>) {
      calls++;
      peers.add(call.getPeer());
      authorities.add(call.getHost());
      if (!silent) callback(null, name);
    },
  });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(listen, serverCredentials, (error, bound) => {
      if (error === null) resolve(bound);
      else reject(error);
    });
  });
  const kill = (): void => server.forceShutdown();
  return {
    name,
    address: `127.0.0.1:${port}`,
    get calls() {
      return calls;
    },
    get connections() {
      return peers.size;
    },
    get authorities() {
      return [...authorities];
    },
    kill,
    [Symbol.asyncDispose]() {
      kill();
      return Promise.resolve();
    },
  };
}

/** A caller of {@link startGreeter}s, over a channel of its own. Owned by whoever made it. */
export class Caller implements Disposable {
  readonly client: Client;

  constructor(target: string, options: ChannelOptions = {}, channelCredentials = credentials.createInsecure()) {
    this.client = new GreeterClient(target, channelCredentials, { 'grpc.use_local_subchannel_pool': 1, ...options });
  }

  /** One call; resolves to the name of the backend. `timeoutMs` is its deadline, 10,000 unless told. */
  call({ timeoutMs = 10_000, waitForReady = false } = {}): Promise<string> {
    const metadata = new Metadata({ waitForReady });
    const options = { deadline: Date.now() + timeoutMs };
    return new Promise((resolve, reject) => {
      this.client.makeUnaryRequest(greet.path, toBytes, toText, 'hello', metadata, options, (error, answer) => {
        if (error === null) resolve(answer ?? '');
        else reject(error);
      });
    });
  }

  /** Makes calls one after the other; how many each backend answered. */
  async tally(calls: number): Promise<Map<string, number>> {
    const tally = new Map<string, number>();
    for (let call = 0; call < calls; call++) {
      const name = await this.call();
      tally.set(name, (tally.get(name) ?? 0) + 1);
    }
    return tally;
  }

  [Symbol.dispose](): void {
    this.client.close();
  }
}
