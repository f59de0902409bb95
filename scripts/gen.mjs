// `npm run gen [-- DIR]`: what is made of the protos, in this folder or under DIR: TypeScript in src/gen and
// examples/gen, and proto/rollcall.binpb, the descriptors that reflection serves, with those of grpc.health.v1 behind
// them (concatenated FileDescriptorSets are one).
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const output = process.argv[2] ?? '.';
const describe = (...args) =>
  execFileSync('buf', ['build', ...args, '--as-file-descriptor-set', '-o', '-#format=binpb']);

execFileSync('buf', ['generate', '--output', output], { stdio: 'inherit' });
const ofExamples = ['--template', 'examples/buf.gen.yaml', '--output', output];
execFileSync('buf', ['generate', 'examples', ...ofExamples], { stdio: 'inherit' });
mkdirSync(join(output, 'proto'), { recursive: true });
const descriptors = [describe('--path', 'proto/rollcall/v1'), describe('node_modules/grpc-health-check/proto')];
writeFileSync(join(output, 'proto/rollcall.binpb'), Buffer.concat(descriptors));
