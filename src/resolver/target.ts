import type { experimental } from '@grpc/grpc-js';
import type { SelectorInit } from '../client/index.js';
import { invalidField } from '../core/errors.js';
import { checkName } from '../core/names.js';
import { checkSelector } from '../core/selector.js';
import { Violations } from '../core/violations.js';
import { LabelRequirement_Operator } from '../gen/rollcall/v1/selector.js';

/** What a target of the scheme `rollcall` says. */
export interface ServiceTarget {
  /** Names the client that answers; empty for the default one. */
  readonly authority: string;
  /** The client's unless given. */
  readonly namespace: string | undefined;
  readonly service: string;
  readonly selector: SelectorInit | undefined;
}

const SHAPE = 'must be rollcall:///SERVICE or rollcall://CLIENT/SERVICE, with a query such as ?zone=a&label.version=v2';

/** What habits of DNS names and of URLs leave around a name; a port also nice-grpc, where there are no slashes. */
const AROUND_NAME = /^\/+|(?::\d+)?\/*$/g;

/**
 * Reads a target: `rollcall://[CLIENT]/SERVICE[?QUERY]`, where the query is of
 * `namespace=NAME`, `zone=ZONE` and `label.KEY=VALUE`. A zone or a label that
 * is repeated matches any of its values; different ones must all match.
 *
 * @throws RollcallError INVALID_FIELD with the parts of `target` that are wrong
 */
export function parseTarget(target: experimental.GrpcUri): ServiceTarget {
  const { authority = '', path } = target;
  const question = path.indexOf('?');
  const name = question === -1 ? path : path.slice(0, question);
  const query = question === -1 ? '' : path.slice(question + 1);
  checkSurroundings(name, target);
  const service = decode('target.service', name);
  const violations = new Violations();
  checkName(violations, 'service', 'target.service', service);
  const { namespace, selector } = parseQuery(violations, query);
  if (namespace !== undefined) checkName(violations, 'namespace', 'target.namespace', namespace);
  if (selector !== undefined) checkSelector(violations, selector, 'target.selector');
  violations.throwIfAny();
  return { authority, namespace, service, selector };
}

/** Says what was meant where nothing but the name's surroundings are wrong. */
function checkSurroundings(name: string, { scheme = 'rollcall', authority, path }: experimental.GrpcUri): void {
  const bare = name.replace(AROUND_NAME, '');
  if (bare === name) return;
  const written = `${scheme}:${authority === undefined ? '' : `//${authority}/`}${path}`;
  const meant = `rollcall://${authority ?? ''}/${bare === '' ? 'SERVICE' : bare}${path.slice(name.length)}`;
  throw invalidField({ field: 'target', description: `${SHAPE}, not ${JSON.stringify(written)}; write ${meant}` });
}

/** In which namespace a target looks for endpoints, and for which, as a message says it. */
export function whereOf({ namespace, selector }: ServiceTarget, defaultNamespace: string): string {
  const { zones = [], labelRequirements = [] } = selector ?? {};
  const wanted = [
    ...(zones.length > 0 ? [`zone ${zones.join(' or ')}`] : []),
    ...labelRequirements.map(({ key, values }) => `label ${key}=${values.join(' or ')}`),
  ];
  const only = wanted.length > 0 ? ` with ${wanted.join(' and ')}` : '';
  return `in namespace ${namespace ?? defaultNamespace}${only}`;
}

function parseQuery(violations: Violations, query: string) {
  const zones: string[] = [];
  const labels = new Map<string, string[]>();
  let namespace: string | undefined;
  // Not URLSearchParams, to which a + is a space: versions have them.
  for (const pair of query.split('&').filter((part) => part !== '')) {
    const [key = '', ...rest] = pair.split('=').map((part) => decode('target.query', part));
    const value = rest.join('=');
    if (key === 'zone') {
      if (violations.check(value !== '', 'target.zone', 'must not be empty')) zones.push(value);
    } else if (key === 'namespace') {
      violations.check(namespace === undefined, 'target.namespace', 'must not be repeated');
      namespace = value;
    } else if (key.startsWith('label.')) {
      const label = key.slice('label.'.length);
      labels.set(label, [...(labels.get(label) ?? []), value]);
    } else {
      violations.add(`target.${key}`, 'is not known: the query may have namespace, zone and label.KEY');
    }
  }
  const labelRequirements = [...labels].map(([key, values]) => ({
    key,
    operator: LabelRequirement_Operator.IN,
    values,
  }));
  const any = zones.length + labelRequirements.length > 0;
  return { namespace, selector: any ? { labelRequirements, health: [], zones } : undefined };
}

function decode(field: string, text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw invalidField({ field, description: 'has a % that begins no escape' });
  }
}
