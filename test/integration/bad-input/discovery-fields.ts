import { LIMITS } from '../../../src/core/limits.js';
import {
  Snapshot_Reason as Reason,
  type ListEndpointsResponse,
  type ListServicesResponse,
  type WatchResponse,
} from '../../../src/gen/rollcall/v1/discovery.js';
import type { Health } from '../../../src/gen/rollcall/v1/endpoint.js';
import { LabelRequirement_Operator as Operator } from '../../../src/gen/rollcall/v1/selector.js';
import type { RequestOf } from './methods.js';
import { answered, invalid, nameOf, row, type Refused, type Row, type Stage } from './row.js';

type SelectorInput = NonNullable<RequestOf<'Watch'>['selector']>;

const READS = ['Watch', 'ListEndpoints'] as const;

function selector(input: string, value: SelectorInput, ...fields: string[]): readonly Row[] {
  return READS.map((method) =>
    row(
      method,
      input,
      { service: 'read', selector: value },
      fields.length === 0 ? answered('read') : invalid(...fields),
    ),
  );
}

const requirement = (values: string[], operator: Operator = Operator.IN, key = 'k') => ({
  labelRequirements: [{ key, operator, values }],
});
const many = <T>(count: number, value: T): T[] => Array.from({ length: count }, () => value);

const SELECTORS: readonly Row[] = [
  ...selector('an empty selector', {}),
  ...selector(`${LIMITS.labelRequirementsMax} requirements`, {
    labelRequirements: many(LIMITS.labelRequirementsMax, { key: 'k', operator: Operator.EXISTS }),
  }),
  ...selector(
    `${LIMITS.labelRequirementsMax + 1} requirements`,
    { labelRequirements: many(LIMITS.labelRequirementsMax + 1, { key: 'k', operator: Operator.EXISTS }) },
    'selector.label_requirements',
  ),
  ...selector(`${LIMITS.labelRequirementValuesMax} values`, requirement(many(LIMITS.labelRequirementValuesMax, 'v'))),
  ...selector(
    `${LIMITS.labelRequirementValuesMax + 1} values`,
    requirement(many(LIMITS.labelRequirementValuesMax + 1, 'v')),
    'selector.label_requirements[0].values',
  ),
  ...selector('IN without values', requirement([]), 'selector.label_requirements[0].values'),
  ...selector('NOT_IN without values', requirement([], Operator.NOT_IN), 'selector.label_requirements[0].values'),
  ...selector('EXISTS with values', requirement(['v'], Operator.EXISTS), 'selector.label_requirements[0].values'),
  ...selector(
    'NOT_EXISTS with values',
    requirement(['v'], Operator.NOT_EXISTS),
    'selector.label_requirements[0].values',
  ),
  ...selector('no operator', requirement(['v'], Operator.UNSPECIFIED), 'selector.label_requirements[0].operator'),
  ...selector(
    'operator 99, which is no value of the enum',
    requirement(['v'], 99 as Operator),
    'selector.label_requirements[0].operator',
  ),
  ...selector(
    'operator -1, which is no value of the enum',
    requirement(['v'], -1),
    'selector.label_requirements[0].operator',
  ),
  ...selector('a requirement without a key', requirement(['v'], Operator.IN, ''), 'selector.label_requirements[0].key'),
  ...selector(
    `a requirement's key of ${LIMITS.labelKeyLengthMax + 1} characters`,
    requirement(['v'], Operator.IN, nameOf(LIMITS.labelKeyLengthMax + 1)),
    'selector.label_requirements[0].key',
  ),
  ...selector(
    `a requirement's value of ${LIMITS.labelValueBytesMax} bytes`,
    requirement(['v'.repeat(LIMITS.labelValueBytesMax)]),
  ),
  ...selector(
    `a requirement's value of ${LIMITS.labelValueBytesMax + 1} bytes`,
    requirement(['v', 'v'.repeat(LIMITS.labelValueBytesMax + 1)]),
    'selector.label_requirements[0].values[1]',
  ),
  ...selector(`${LIMITS.selectorHealthMax} states of health`, { health: many(LIMITS.selectorHealthMax, 1) }),
  ...selector(
    `${LIMITS.selectorHealthMax + 1} states of health`,
    { health: many(LIMITS.selectorHealthMax + 1, 1) },
    'selector.health',
  ),
  ...[0, 5, -1].flatMap((health) =>
    selector(`health ${health} in a selector`, { health: [1, health as Health] }, 'selector.health[1]'),
  ),
  ...selector(`${LIMITS.selectorZonesMax} zones`, { zones: many(LIMITS.selectorZonesMax, 'z') }),
  ...selector(
    `${LIMITS.selectorZonesMax + 1} zones`,
    { zones: many(LIMITS.selectorZonesMax + 1, 'z') },
    'selector.zones',
  ),
  ...selector(
    `a zone of ${LIMITS.localityPartLengthMax + 1} characters`,
    { zones: [nameOf(LIMITS.localityPartLengthMax + 1)] },
    'selector.zones[0]',
  ),
];

const NAMES: readonly Row[] = [
  ...READS.flatMap((method) => [
    row(
      method,
      `names of ${LIMITS.namespaceLengthMax} and ${LIMITS.serviceLengthMax} characters`,
      { namespace: nameOf(LIMITS.namespaceLengthMax), service: nameOf(LIMITS.serviceLengthMax) },
      answered('an empty view'),
    ),
    row(
      method,
      'names past their bounds',
      { namespace: nameOf(LIMITS.namespaceLengthMax + 1), service: nameOf(LIMITS.serviceLengthMax + 1) },
      invalid('namespace', 'service'),
    ),
    row(method, 'a service outside the grammar', { service: 'a/b' }, invalid('service')),
  ]),
  row(
    'ListServices',
    `a namespace of ${LIMITS.namespaceLengthMax + 1} characters`,
    { namespace: nameOf(LIMITS.namespaceLengthMax + 1) },
    invalid('namespace'),
  ),
];

/** Texts that no server gave out. */
const GARBAGE: readonly (readonly [string, (stage: Stage) => string])[] = [
  ['a token of no meaning', () => 'garbage'],
  ['a token that is not base64', () => '!§$%&/()=?'],
  ['a token cut short', ({ writeToken }) => writeToken.slice(0, -1)],
  ['a token with something behind it', ({ writeToken }) => `${writeToken}A`],
  ['a token of another version', ({ writeToken }) => `C${writeToken.slice(1)}`],
  ['a token whose revision is 2^64 - 1', ({ writeToken }) => revisionMax(writeToken)],
  [`a token of ${LIMITS.tokenLengthMax + 1} characters`, () => 'A'.repeat(LIMITS.tokenLengthMax + 1)],
  ['a token of 100,000 characters', () => 'A'.repeat(100_000)],
];

function revisionMax(token: string): string {
  const bytes = Buffer.from(token, 'base64url');
  bytes.fill(0xff, 9, 17);
  return bytes.toString('base64url');
}

const notAToken = (field: string): Refused => ({
  status: 'INVALID_ARGUMENT',
  reason: 'INVALID_TOKEN',
  fields: [field],
});
const NOT_YET: Refused = { status: 'UNAVAILABLE', reason: 'REVISION_UNAVAILABLE', fields: [] };
const AHEAD = "a token of a revision to come (W6; after the server's patience of 2 s)";

const snapshot = (reason: Reason, name: string) =>
  answered(`a snapshot, \`${name}\``, ({ event }: WatchResponse) => {
    expect(event).toMatchObject({ $case: 'snapshot', value: { reason, last: true, endpoints: [{ id: 'a' }] } });
  });

const TOKENS: readonly Row[] = [
  ...GARBAGE.flatMap(([input, token]) => [
    row('Watch', input, (stage) => ({ service: 'read', resumeToken: token(stage) }), notAToken('resume_token')),
    row('ListEndpoints', input, (stage) => ({ service: 'read', minToken: token(stage) }), notAToken('min_token')),
    row('ListServices', input, (stage) => ({ minToken: token(stage) }), notAToken('min_token')),
  ]),
  row('Watch', AHEAD, ({ futureToken }) => ({ service: 'read', resumeToken: futureToken }), NOT_YET),
  row('ListEndpoints', AHEAD, ({ futureToken }) => ({ service: 'read', minToken: futureToken }), NOT_YET),
  row('ListServices', AHEAD, ({ futureToken }) => ({ minToken: futureToken }), NOT_YET),

  row(
    'Watch',
    'a token of another store',
    ({ foreignToken }) => ({ service: 'read', resumeToken: foreignToken }),
    snapshot(Reason.EPOCH_CHANGED, 'EPOCH_CHANGED'),
  ),
  row(
    'ListEndpoints',
    'a token of another store',
    ({ foreignToken }) => ({ service: 'read', minToken: foreignToken }),
    answered('the present state', ({ endpoints }: ListEndpointsResponse) => expect(endpoints).toHaveLength(1)),
  ),
  row(
    'ListServices',
    'a token of another store',
    ({ foreignToken }) => ({ minToken: foreignToken }),
    answered('the present state', ({ services }: ListServicesResponse) =>
      expect(services.map(({ service }) => service)).toContain('read'),
    ),
  ),

  row(
    'Watch',
    "a write's token",
    ({ writeToken }) => ({ service: 'read', resumeToken: writeToken }),
    snapshot(Reason.INITIAL, 'INITIAL'),
  ),
  row(
    'Watch',
    "another service's token",
    ({ watchToken }) => ({ service: 'other', resumeToken: watchToken }),
    snapshot(Reason.INITIAL, 'INITIAL'),
  ),
  row(
    'Watch',
    "another selector's token",
    ({ watchToken }) => ({ service: 'read', selector: { health: [1, 2] }, resumeToken: watchToken }),
    snapshot(Reason.INITIAL, 'INITIAL'),
  ),
  row(
    'Watch',
    'the digest of another view',
    ({ watchToken, watchDigest }) => ({ service: 'read', resumeToken: watchToken, viewDigest: watchDigest ^ 1n }),
    snapshot(Reason.DRIFT, 'DRIFT'),
  ),
  row(
    'Watch',
    'the digest of the view, and a token',
    ({ watchToken, watchDigest }) => ({ service: 'read', resumeToken: watchToken, viewDigest: watchDigest }),
    answered('a checkpoint', ({ event }: WatchResponse) => expect(event?.$case).toBe('checkpoint')),
  ),
  row('Watch', 'a digest without a token', { service: 'read', viewDigest: 7n }, snapshot(Reason.INITIAL, 'INITIAL')),
];

const PAGES: readonly Row[] = [
  row(
    'ListEndpoints',
    `a page size of ${LIMITS.pageSizeMax}`,
    { service: 'read', pageSize: LIMITS.pageSizeMax },
    answered('a page'),
  ),
  row(
    'ListEndpoints',
    `a page size of ${LIMITS.pageSizeMax + 1}`,
    { service: 'read', pageSize: LIMITS.pageSizeMax + 1 },
    invalid('page_size'),
  ),
  row('ListServices', `a page size of ${LIMITS.pageSizeMax}`, { pageSize: LIMITS.pageSizeMax }, answered('a page')),
  row(
    'ListServices',
    `a page size of ${LIMITS.pageSizeMax + 1}`,
    { pageSize: LIMITS.pageSizeMax + 1 },
    invalid('page_size'),
  ),
  ...(
    [
      ['a page token of no meaning', () => 'garbage'],
      ['a page token of 100,000 characters', () => 'A'.repeat(100_000)],
      ['a resume token as a page token', ({ watchToken }) => watchToken],
      ['the page token of another listing', ({ pageToken }) => pageToken],
    ] as const satisfies readonly (readonly [string, (stage: Stage) => string])[]
  ).flatMap(([input, token]) => [
    row('ListEndpoints', input, (stage) => ({ service: 'read', pageToken: token(stage) }), notAToken('page_token')),
    row('ListServices', input, (stage) => ({ pageToken: token(stage) }), notAToken('page_token')),
  ]),
  row(
    'ListEndpoints',
    'the page token of the listing through another selector',
    ({ pageToken }) => ({ service: 'paged', selector: { health: [1] }, pageToken }),
    notAToken('page_token'),
  ),
  row(
    'ListEndpoints',
    'a page token with something behind it',
    ({ pageToken }) => ({ service: 'paged', pageToken: `${pageToken}!` }),
    notAToken('page_token'),
  ),
];

/** `Watch`, `ListEndpoints` and `ListServices`. */
/** What becomes of one watch of a stream is what would become of it alone. */
const MANY: readonly Row[] = [
  row('WatchMany', 'a start without a request', start(undefined), invalid('request')),
  row('WatchMany', 'a start without a service', start({}), invalid('service')),
  row('WatchMany', 'a start with an empty selector', start({ service: 'read', selector: {} }), answered('a view')),
  row(
    'WatchMany',
    'a stop of a watch that is not there',
    { command: { $case: 'stop', value: { watchId: 7 } } },
    answered('nothing'),
  ),
];

function start(request: RequestOf<'Watch'> | undefined): RequestOf<'WatchMany'> {
  return { command: { $case: 'start', value: { watchId: 7, ...(request && { request }) } } };
}

export const DISCOVERY_FIELDS: readonly Row[] = [...NAMES, ...SELECTORS, ...TOKENS, ...PAGES, ...MANY];
