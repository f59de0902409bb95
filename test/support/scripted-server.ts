import { Server, ServerCredentials, type handleUnaryCall, type ServiceError } from '@grpc/grpc-js';
import { DiscoveryServiceService, type DiscoveryServiceServer } from '../../src/gen/rollcall/v1/discovery.js';
import { RegistryServiceService, type RegistryServiceServer } from '../../src/gen/rollcall/v1/registry.js';
import { RollcallError, type Reason } from '../../src/core/errors.js';
import { toStatus } from '../../src/rpc/error-map.js';

/** The methods a test gives; calls of the others are answered UNIMPLEMENTED. */
export type Script = Partial<
  Pick<RegistryServiceServer, 'register' | 'deregister' | 'updateEndpoint' | 'keepAlive' | 'renew'> &
    Pick<DiscoveryServiceServer, 'watch' | 'watchMany' | 'listEndpoints' | 'listServices'>
>;

/** A gRPC server that answers what a test says: for what no Rollcall server does, or not when asked. */
export interface ScriptedServer extends AsyncDisposable {
  readonly address: string;
  /** Ends all connections at once. */
  kill(): void;
}

/** Starts it on a free port, or on that of an earlier one. Owned by the caller. */
export async function startScripted(
  script: Script,
  listen = '127.0.0.1:0',
  credentials = ServerCredentials.createInsecure(),
): Promise<ScriptedServer> {
  const server = new Server();
  server.addService(RegistryServiceService, script);
  server.addService(DiscoveryServiceService, script);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(listen, credentials, (error, bound) => {
      if (error === null) resolve(bound);
      else reject(error);
    });
  });
  const kill = () => server.forceShutdown();
  return {
    address: `127.0.0.1:${port}`,
    kill,
    [Symbol.asyncDispose]() {
      kill();
      return Promise.resolve();
    },
  };
}

/** The status of a Rollcall error, as servers send it. */
export function failureOf(reason: Reason, message = 'as the script says'): ServiceError {
  const status = toStatus(new RollcallError(reason, message), 'scripted', () => undefined);
  return Object.assign(new Error(message), status);
}

/** Answers calls one after the other as given; the last answer goes on for all that follow. */
export function inTurn<Request, Response>(
  ...answers: readonly (Response | ServiceError)[]
): handleUnaryCall<Request, Response> & { readonly requests: Request[] } {
  const requests: Request[] = [];
  const handle: handleUnaryCall<Request, Response> = (call, callback) => {
    const answer = answers[Math.min(requests.length, answers.length - 1)];
    requests.push(call.request);
    if (answer instanceof Error) callback(answer);
    else callback(null, answer);
  };
  return Object.assign(handle, { requests });
}
