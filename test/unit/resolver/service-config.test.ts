import { registerRollcallBalancer } from '../../../src/balancer/index.js';
import { RETRY_POLICY, serviceConfigsOf, type ServiceConfigInit } from '../../../src/resolver/service-config.js';

beforeAll(() => registerRollcallBalancer());

const configOf = (own?: ServiceConfigInit) => serviceConfigsOf({ balancing: { zone: 'a' }, retries: true }, own).normal;
/** As it stands in a channel's `grpc.service_config`. */
const configOfJson = (own: object) => configOf(own);

describe('the service config of a channel', () => {
  it('has policy rollcall, and retries for every method', () => {
    expect(configOf()).toEqual({
      loadBalancingConfig: [{ rollcall: { zone: 'a' } }],
      methodConfig: [{ name: [{}], retryPolicy: RETRY_POLICY }],
    });
  });

  it('has parts of its own in place of ours', () => {
    const retryThrottling = { maxTokens: 10, tokenRatio: 1 };
    const loadBalancingConfig = [{ round_robin: {} }];
    expect(configOf({ retryThrottling, loadBalancingConfig })).toMatchObject({ retryThrottling, loadBalancingConfig });
  });

  it('keeps retries for the methods that it does not name', () => {
    const pay = { name: [{ service: 'acme.Payments', method: 'Pay' }] };
    expect(configOf({ methodConfig: [pay] }).methodConfig).toEqual([pay, { name: [{}], retryPolicy: RETRY_POLICY }]);
  });

  it('has none when told so', () => {
    expect(serviceConfigsOf({ balancing: {}, retries: false }).normal.methodConfig).toEqual([]);
  });

  it.each([{}, { service: '' }])('has none where it names all methods itself: %j', (all) => {
    expect(configOf({ methodConfig: [{ name: [all] }] }).methodConfig).toEqual([{ name: [all] }]);
  });

  it.each([
    ['2s', { seconds: 2, nanos: 0 }],
    ['1.5s', { seconds: 1, nanos: 500_000_000 }],
    ['0.000000001s', { seconds: 0, nanos: 1 }],
    [
      { seconds: 3, nanos: 4 },
      { seconds: 3, nanos: 4 },
    ],
  ])('reads the timeout %j of a method', (timeout, read) => {
    const { methodConfig } = configOfJson({ methodConfig: [{ name: [{}], timeout }] });
    expect(methodConfig[0]?.timeout).toEqual(read);
  });

  it.each<[string, object, string, string]>([
    ['no policy', { loadBalancingConfig: [] }, 'loadBalancingConfig', 'names a policy'],
    ['an unknown policy', { loadBalancingConfig: [{ best: {} }] }, 'loadBalancingConfig[0]', 'best'],
    [
      'a bad configuration of rollcall',
      { loadBalancingConfig: [{ rollcall: { subsetSize: 0 } }] },
      'loadBalancingConfig[0]',
      'subsetSize: must be an integer',
    ],
    [
      'an unknown key of rollcall',
      { loadBalancingConfig: [{ round_robin: {} }, { rollcall: { size: 1 } }] },
      'loadBalancingConfig[1]',
      'size: is unknown',
    ],
    [
      'a bad outlier_detection',
      { loadBalancingConfig: [{ outlier_detection: { interval: '1s', child_policy: [{ rollcall: {} }] } }] },
      'loadBalancingConfig[0]',
      'interval',
    ],
    [
      'a bad rollcall under outlier_detection',
      { loadBalancingConfig: [{ outlier_detection: { child_policy: [{ rollcall: { subsetSize: 0 } }] } }] },
      'loadBalancingConfig[0].outlier_detection.child_policy[0]',
      'subsetSize: must be an integer',
    ],
    [
      'a bad rollcall under outlier_detection, though another would do',
      {
        loadBalancingConfig: [{ outlier_detection: { child_policy: [{ rollcall: { bad: 1 } }, { round_robin: {} }] } }],
      },
      'loadBalancingConfig[0].outlier_detection.child_policy[0]',
      'bad: is unknown',
    ],
    [
      'a bad retry policy',
      { methodConfig: [{ name: [{}], retryPolicy: { ...RETRY_POLICY, initialBackoff: '20ms' } }] },
      'serviceConfig',
      'initialBackoff',
    ],
    ['a bad timeout', { methodConfig: [{ name: [{}], timeout: '2 seconds' }] }, 'serviceConfig', 'timeout'],
    ['bad throttling', { retryThrottling: { maxTokens: 5_000, tokenRatio: 1 } }, 'serviceConfig', 'maxTokens'],
  ])('is refused with %s', (_, own, field, says) => {
    const violations = [{ field, description: expect.stringContaining(says) }];
    expect(() => configOfJson(own)).toThrow(expect.objectContaining({ reason: 'INVALID_FIELD', violations }));
  });

  it('goes with rollcall under outlier_detection', () => {
    const loadBalancingConfig = [{ outlier_detection: { child_policy: [{ rollcall: { zone: 'b' } }] } }];
    expect(configOf({ loadBalancingConfig }).loadBalancingConfig).toEqual(loadBalancingConfig);
  });

  it('has our balancing where its own rollcall, at any depth, says nothing', () => {
    const loadBalancingConfig = [
      { outlier_detection: { child_policy: [{ rollcall: {} }] } },
      { rollcall: { subsetSize: 5 } },
    ];
    expect(configOf({ loadBalancingConfig }).loadBalancingConfig).toEqual([
      { outlier_detection: { child_policy: [{ rollcall: { zone: 'a' } }] } },
      { rollcall: { zone: 'a', subsetSize: 5 } },
    ]);
  });

  it('is the same for an empty list, save that policy rollcall fails the calls', () => {
    const own = serviceConfigsOf({ balancing: { zone: 'a' }, retries: true });
    expect(own.whenEmpty).toBe(own.normal);
    const { normal, whenEmpty } = serviceConfigsOf(
      { balancing: { zone: 'a' }, retries: true },
      { loadBalancingConfig: [{ round_robin: {} }] },
    );
    expect(whenEmpty).toEqual({ ...normal, loadBalancingConfig: [{ rollcall: {} }] });
  });
});
