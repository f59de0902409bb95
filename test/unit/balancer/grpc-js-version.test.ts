import { experimental } from '@grpc/grpc-js';
import { checkGrpcJs, grpcJsFault } from '../../../src/balancer/grpc-js-version.js';

it('is content with the grpc-js that is installed here', () => {
  expect(() => checkGrpcJs()).not.toThrow();
});

it.each(['1.14.5', '1.14.7', '1.14.50'])('is content with %s', (version) => {
  expect(grpcJsFault(version, experimental)).toBeUndefined();
});

it.each(['1.13.4', '1.14.4', '1.15.0', '2.14.7', '1.140.5', '1.14.6-pre1', '1.14.', ''])(
  'refuses version "%s"',
  (version) => {
    expect(grpcJsFault(version, experimental)).toContain(`@grpc/grpc-js ${version} is loaded`);
  },
);

it('names what an API of the right version lacks', () => {
  class LeafLoadBalancer extends experimental.LeafLoadBalancer {}
  Object.defineProperty(LeafLoadBalancer.prototype, 'getPicker', { value: undefined });
  const api = { ...experimental, LeafLoadBalancer, registerResolver: undefined };
  expect(grpcJsFault('1.14.7', api)).toMatch(/lacks registerResolver, LeafLoadBalancer\.getPicker$/);
  expect(grpcJsFault('1.14.7', {})).toMatch(/lacks registerResolver, .*LeafLoadBalancer\.destroy$/);
});
