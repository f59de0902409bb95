// What proto-loader makes of greeter.proto at run time: nothing is generated, and nothing is typed.
import { fileURLToPath } from 'node:url';
import { loadPackageDefinition, type ServiceClientConstructor } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';

// From examples/dist/proto-loader, where this runs.
const file = fileURLToPath(new URL('../../greeter.proto', import.meta.url));

const loaded = loadPackageDefinition(loadSync(file)) as unknown as {
  greeter: { v1: { Greeter: ServiceClientConstructor } };
};

export const { Greeter } = loaded.greeter.v1;
