import { DEFAULTS, LIMITS } from './limits.js';
import type { Violations } from './violations.js';

/**
 * The grammar of names. All of them are plain ASCII without `/` or control
 * characters, so that they can be parts of a store key and of a log line.
 */
const NAMESPACE = /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/;
const SERVICE = /^[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?$/;
const ENDPOINT_ID = /^[A-Za-z0-9._:-]+$/;
const LABEL_KEY = /^[A-Za-z0-9](?:[A-Za-z0-9._/-]*[A-Za-z0-9])?$/;
const LOCALITY_PART = /^[A-Za-z0-9._-]*$/;
const HOST_NAME = /^[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?\.?$/;
const REQUEST_ID = /^[\x21-\x7e]*$/;

interface NameRule {
  readonly pattern: RegExp;
  readonly lengthMax: number;
  readonly description: string;
}

const RULES = {
  namespace: {
    pattern: NAMESPACE,
    lengthMax: LIMITS.namespaceLengthMax,
    description: 'lower-case letters, digits and -, beginning and ending with a letter or digit',
  },
  service: {
    pattern: SERVICE,
    lengthMax: LIMITS.serviceLengthMax,
    description: 'letters, digits and . _ -, beginning and ending with a letter or digit',
  },
  endpointId: {
    pattern: ENDPOINT_ID,
    lengthMax: LIMITS.endpointIdLengthMax,
    description: 'letters, digits and . _ : -',
  },
  labelKey: {
    pattern: LABEL_KEY,
    lengthMax: LIMITS.labelKeyLengthMax,
    description: 'letters, digits and . _ / -, beginning and ending with a letter or digit',
  },
  localityPart: {
    pattern: LOCALITY_PART,
    lengthMax: LIMITS.localityPartLengthMax,
    description: 'letters, digits and . _ -',
  },
  hostName: {
    pattern: HOST_NAME,
    lengthMax: LIMITS.hostLengthMax,
    description: 'an IP address without brackets, or a DNS name',
  },
  requestId: {
    pattern: REQUEST_ID,
    lengthMax: LIMITS.requestIdLengthMax,
    description: 'printable ASCII without spaces',
  },
} as const satisfies Record<string, NameRule>;

export type NameKind = keyof typeof RULES;

/** Whether `value` is a name of that kind. */
export function isName(kind: NameKind, value: string): boolean {
  const rule = RULES[kind];
  return value.length <= rule.lengthMax && rule.pattern.test(value);
}

/** Adds a violation that says what a name of that kind looks like, unless `value` is one. */
export function checkName(violations: Violations, kind: NameKind, field: string, value: string): void {
  if (value === '' && !isName(kind, '')) {
    violations.add(field, 'is required');
  } else if (!isName(kind, value)) {
    const rule = RULES[kind];
    violations.add(field, `must be at most ${rule.lengthMax} characters: ${rule.description}`);
  }
}

/** A service within its namespace. */
export interface ServiceName {
  readonly namespace: string;
  readonly service: string;
}

/** Fills in the default namespace and checks both names; fields are `prefix` + `namespace` and `service`. */
export function checkServiceName(violations: Violations, request: ServiceName, prefix = ''): ServiceName {
  const namespace = request.namespace === '' ? DEFAULTS.namespace : request.namespace;
  checkName(violations, 'namespace', `${prefix}namespace`, namespace);
  checkName(violations, 'service', `${prefix}service`, request.service);
  return { namespace, service: request.service };
}
