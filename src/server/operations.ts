/** What operators and their tools expect of any gRPC server: health, reflection, channelz. */
import { addAdminServicesToServer, type Server } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { ReflectionService } from '@grpc/reflection';
import { HealthImplementation, protoPath as healthProtoPath } from 'grpc-health-check';
import { PROTO_DIR } from './package-files.js';

const SERVICES = ['rollcall.v1.RegistryService', 'rollcall.v1.DiscoveryService'];

/** Whether this server serves, as told by grpc.health.v1 for the whole server and for each service. */
export interface Health {
  set(serving: boolean): void;
}

/** Adds grpc.health.v1, reflection (v1 and v1alpha) and channelz. Health begins as not serving. */
export function addOperations(server: Server): Health {
  const health = new HealthImplementation();
  const set = (serving: boolean) => {
    for (const service of ['', ...SERVICES]) health.setStatus(service, serving ? 'SERVING' : 'NOT_SERVING');
  };
  set(false);
  health.addToServer(server);
  const protos = loadSync(['rollcall/v1/registry.proto', 'rollcall/v1/discovery.proto', healthProtoPath], {
    includeDirs: [PROTO_DIR],
    keepCase: true,
  });
  new ReflectionService(protos).addToServer(server);
  addAdminServicesToServer(server);
  return { set };
}
