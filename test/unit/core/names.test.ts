import { isRollcallError } from '../../../src/core/errors.js';
import { isName, checkServiceName, type NameKind } from '../../../src/core/names.js';
import { Violations } from '../../../src/core/violations.js';

const long = (length: number) => 'a'.repeat(length);

/** For each kind: what is a name, and what is not. */
const EXAMPLES: Record<NameKind, { names: string[]; others: string[] }> = {
  namespace: {
    names: ['default', 'a', '0', 'team-7', long(63)],
    others: ['', 'Default', '-a', 'a-', 'a.b', 'a_b', 'a b', 'ü', long(64)],
  },
  service: {
    names: ['payments', 'a', 'acme.payments.v1.Payments', 'a_b-c', long(253)],
    others: ['', '.a', 'a.', '-a', 'a-', 'a/b', 'a b', 'a\n', 'ü', long(254)],
  },
  endpointId: {
    names: ['018f3a7e-1c2d-7b3a-9f10-2b6c5d4e3f21', '10.0.0.1:80', '::1', '-', '.', long(128)],
    others: ['', 'a/b', 'a b', 'a\0', 'a\n', 'é', long(129)],
  },
  labelKey: {
    names: ['version', 'app.kubernetes.io/name', 'a_b', '0', long(63)],
    others: ['', '/a', 'a/', '-a', 'a-', 'a b', 'a=b', '__proto__', 'ü', long(64)],
  },
  localityPart: {
    names: ['', 'eu-west-1', 'eu-west-1a', '_', long(63)],
    others: ['a b', 'a/b', 'ü', 'a\n', long(64)],
  },
  hostName: {
    names: ['localhost', 'db-1.internal', 'a.b.', '_dmarc.example', 'A', long(253)],
    others: ['', '-a', '.', 'a b', '[::1]', 'a:80', 'a/b', 'ü', 'a..', long(254)],
  },
  requestId: {
    names: ['', '018f3a7e-1c2d-7b3a-9f10-2b6c5d4e3f21', '!~', long(128)],
    others: ['a b', 'a\n', '\x7f', 'ü', long(129)],
  },
};

describe.each(Object.entries(EXAMPLES))('a %s', (kind, { names, others }) => {
  it.each(names)('may be %j', (name) => {
    expect(isName(kind as NameKind, name)).toBe(true);
  });

  it.each(others)('may not be %j', (name) => {
    expect(isName(kind as NameKind, name)).toBe(false);
  });
});

describe('the name of a service', () => {
  it('is in the namespace default unless told otherwise', () => {
    const violations = new Violations();
    expect(checkServiceName(violations, { namespace: '', service: 'payments' })).toEqual({
      namespace: 'default',
      service: 'payments',
    });
    expect(() => violations.throwIfAny()).not.toThrow();
  });

  it('is refused with the path of each part that is wrong', () => {
    const violations = new Violations();
    checkServiceName(violations, { namespace: 'A', service: '' }, 'endpoint.');
    expect(() => violations.throwIfAny()).toThrow(
      expect.objectContaining({
        reason: 'INVALID_FIELD',
        violations: [
          { field: 'endpoint.namespace', description: expect.stringContaining('at most 63') as string },
          { field: 'endpoint.service', description: 'is required' },
        ],
      }),
    );
  });
});

describe('violations', () => {
  it('are told all at once, but never without end', () => {
    const violations = new Violations();
    expect(() => violations.throwIfAny()).not.toThrow();
    for (let index = 0; index < 1_000; index++) violations.check(index % 2 === 0, `field${index}`, 'is odd');
    let error: unknown;
    try {
      violations.throwIfAny();
    } catch (thrown) {
      error = thrown;
    }
    if (!isRollcallError(error, 'INVALID_FIELD')) throw new Error('the violations were not thrown');
    expect(error.violations.slice(0, 2)).toEqual([
      { field: 'field1', description: 'is odd' },
      { field: 'field3', description: 'is odd' },
    ]);
    expect(error.violations.length).toBeLessThanOrEqual(16);
  });
});
