import type { ClientDuplexStream, ClientReadableStream } from '@grpc/grpc-js';
import {
  DiscoveryServiceService as discovery,
  ListEndpointsRequest,
  ListServicesRequest,
  WatchManyRequest,
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
import { serviceError } from '../../support/shared-watches.js';

/** Every method of both services, and the type of its request. */
export const METHODS = {
  Register: { ...registry.register, request: RegisterRequest },
  Deregister: { ...registry.deregister, request: DeregisterRequest },
  UpdateEndpoint: { ...registry.updateEndpoint, request: UpdateEndpointRequest },
  KeepAlive: { ...registry.keepAlive, request: KeepAliveRequest },
  Renew: { ...registry.renew, request: RenewRequest },
  Watch: { ...discovery.watch, request: WatchRequest },
  WatchMany: { ...discovery.watchMany, request: WatchManyRequest },
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

const PROBE = encodeRequest('WatchMany', {
  command: { $case: 'start', value: { watchId: 0xffff_ffff, request: { service: 'probe' } } },
});

/**
 * Sends one request and resolves to the first response, decoded; of a `Watch` that is the first message, after which it
 * is cancelled. Rejects with the error of the call, or of the one watch of a `WatchMany`.
 */
export async function invoke(client: RawClient, name: MethodName, request: Buffer): Promise<unknown> {
  const { path, responseDeserialize, requestStream, responseStream } = METHODS[name];
  if (!responseStream) return responseDeserialize(await client.send(path, request));
  return new Promise((resolve, reject) => {
    const stream: ClientReadableStream<Buffer> | ClientDuplexStream<Buffer, Buffer> = requestStream
      ? client.duplex(path)
      : client.stream(path, request);
    stream.on('data', (bytes: Buffer) => {
      const response = responseDeserialize(bytes);
      const event = 'events' in response ? response.events[0]?.event : undefined;
      if (event?.$case === 'status') reject(serviceError(event.value));
      else resolve(response);
      stream.cancel();
    });
    stream.on('error', reject);
    stream.on('end', () => reject(new Error(`${name} ended without an answer`)));
    if (requestStream) (stream as ClientDuplexStream<Buffer, Buffer>).write(request);
    // A request to stop has no answer. This one comes after whatever answer there is.
    if (name === 'WatchMany') (stream as ClientDuplexStream<Buffer, Buffer>).write(PROBE);
  });
}
