import {
  Client,
  credentials,
  type ClientDuplexStream,
  type ClientReadableStream,
  type MethodDefinition,
} from '@grpc/grpc-js';
import type { PackageDefinition } from '@grpc/proto-loader';

/** A message whose type is only known at run time. */
export type DynamicMessage = Readonly<Record<string, unknown>>;

/** Calls the methods of a service by their names, by what a package definition says of them. */
export class DynamicClient implements Disposable {
  readonly #client: Client;
  readonly #methods: Readonly<Record<string, MethodDefinition<object, DynamicMessage>>>;

  constructor(address: string, definition: PackageDefinition, service: string) {
    const methods = definition[service];
    if (methods === undefined || 'format' in methods) throw new Error(`there is no service ${service}`);
    this.#methods = methods as Readonly<Record<string, MethodDefinition<object, DynamicMessage>>>;
    this.#client = new Client(address, credentials.createInsecure());
  }

  call(name: string, request: object): Promise<DynamicMessage> {
    const { path, requestSerialize, responseDeserialize } = this.#method(name);
    return new Promise((resolve, reject) => {
      this.#client.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, (error, response) => {
        if (error === null) resolve(response as DynamicMessage);
        else reject(error);
      });
    });
  }

  stream(name: string, request: object): ClientReadableStream<DynamicMessage> {
    const { path, requestSerialize, responseDeserialize } = this.#method(name);
    return this.#client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, request);
  }

  duplex(name: string): ClientDuplexStream<object, DynamicMessage> {
    const { path, requestSerialize, responseDeserialize } = this.#method(name);
    return this.#client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
  }

  [Symbol.dispose](): void {
    this.#client.close();
  }

  #method(name: string): MethodDefinition<object, DynamicMessage> {
    const method = this.#methods[name];
    if (method === undefined) throw new Error(`there is no method ${name}`);
    return method;
  }
}
