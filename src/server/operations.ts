/** What operators and their tools expect of any gRPC server: health, reflection, channelz. */
import { readFileSync } from 'node:fs';
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { addAdminServicesToServer, type Server } from '@grpc/grpc-js';
import type { PackageDefinition } from '@grpc/proto-loader';
import { ReflectionService } from '@grpc/reflection';
import { HealthImplementation } from 'grpc-health-check';

/** The compiled protos, a google.protobuf.FileDescriptorSet, that come with the package. */
const DESCRIPTORS_FILE = new URL('../../proto/rollcall.binpb', import.meta.url);

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
  new ReflectionService(reflectedFiles(), { services: [...SERVICES, 'grpc.health.v1.Health'] }).addToServer(server);
  addAdminServicesToServer(server);
  return { set };
}

/**
 * The protos as buf compiled them, for the reflection service. Those that
 * proto-loader makes of the same files lack their imports, so that a client
 * cannot resolve google.protobuf.Duration (grpc-node#3018), and misname the
 * entries of maps.
 */
function reflectedFiles(): PackageDefinition {
  const { file: files } = fromBinary(FileDescriptorSetSchema, readFileSync(DESCRIPTORS_FILE));
  const fileDescriptorProtos = files.map((file) => Buffer.from(toBinary(FileDescriptorProtoSchema, file)));
  // The reflection service reads nothing else of a definition.
  return { rollcall: { fileDescriptorProtos } as PackageDefinition[string] };
}
