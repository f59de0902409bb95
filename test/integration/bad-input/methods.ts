import type { ClientDuplexStream, ClientReadableStream } from '@grpc/grpc-js';
import {
  DiscoveryServiceService as discovery,
  ListEndpointsRequest,
  ListServicesRequest,
  WatchRequest,
} from '../../../src/gen/rollcall/v1/discovery.js';
import {
  DeregisterRequest,
  KeepAliveRequest,
  RegisterRequest,
  RegistryServiceService as registry,
  RenewRequest,
  UpdateEndpointRequest,
} from '../../../src/gen/rollcall/v1/registry.js';
import type { RawClient } from '../../support/raw-client.js';

/** Every method of both services, and the type of its request. */
export const METHODS = {
  Register: { ...registry.register, request: RegisterRequest },
  Deregister: { ...registry.deregister, request: DeregisterRequest },
  UpdateEndpoint: { ...registry.updateEndpoint, request: UpdateEndpointRequest },
  KeepAlive: { ...registry.keepAlive, request: KeepAliveRequest },
  Renew: { ...registry.renew, request: RenewRequest },
  Watch: { ...discovery.watch, request: WatchRequest },
  ListEndpoints: { ...discovery.listEndpoints, request: ListEndpointsRequest },
  ListServices: { ...discovery.listServices, request: ListServicesRequest },
} as const;

export type MethodName = keyof typeof METHODS;
export const METHOD_NAMES = Object.keys(METHODS) as MethodName[];

/** A request of a method, in part. */
export type RequestOf<Name extends MethodName> = Parameters<(typeof METHODS)[Name]['request']['fromPartial']>[0];

export function encodeRequest<Name extends MethodName>(name: Name, request: RequestOf<Name>): Buffer {
  const type = METHODS[name].request as {
    fromPartial(partial: unknown): unknown;
    encode(message: unknown): { finish(): Uint8Array };
  };
  return Buffer.from(type.encode(type.fromPartial(request)).finish());
}

/**
 * Sends one request and resolves to the first response, decoded; of a `Watch` that is the first message, after which it
 * is cancelled. Rejects with the error of the call.
 */
export async function invoke(client: RawClient, name: MethodName, request: Buffer): Promise<unknown> {
  const { path, responseDeserialize, requestStream, responseStream } = METHODS[name];
  if (!responseStream) return responseDeserialize(await client.send(path, request));
  return new Promise((resolve, reject) => {
    const stream: ClientReadableStream<Buffer> | ClientDuplexStream<Buffer, Buffer> = requestStream
      ? client.duplex(path)
      : client.stream(path, request);
    stream.on('data', (bytes: Buffer) => {
      resolve(responseDeserialize(bytes));
      stream.cancel();
    });
    stream.on('error', reject);
    stream.on('end', () => reject(new Error(`${name} ended without an answer`)));
    if (requestStream) (stream as ClientDuplexStream<Buffer, Buffer>).write(request);
  });
}
