import { experimental } from '@grpc/grpc-js';
import { registerRollcallBalancer } from '../../../src/balancer/register-balancer.js';

beforeEach(() => registerRollcallBalancer());

it('makes the policy known, also a second time', () => {
  registerRollcallBalancer();
  expect(experimental.isLoadBalancerNameRegistered('rollcall')).toBe(true);
  const json = { rollcall: { zone: 'eu-1a', slowStartWindow: '30s' } };
  const config = experimental.parseLoadBalancingConfig(json);
  expect(config.getLoadBalancerName()).toBe('rollcall');
  expect(config.toJsonObject()).toEqual(json);
});

it('has grpc-js tell of a configuration that is wrong, which in a service config it passes over in silence', () => {
  const wrong = { rollcall: { zoneEndpointsMin: 0 } };
  expect(() => experimental.parseLoadBalancingConfig(wrong)).toThrow(/rollcall: zoneEndpointsMin: must be an integer/);
  expect(experimental.selectLbConfigFromList([wrong, { pick_first: {} }])?.getLoadBalancerName()).toBe('pick_first');
});
