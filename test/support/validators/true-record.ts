import { parseKey, RECORD_PREFIX } from '../../../src/directory/schema.js';
import { EndpointRecord as StoredRecord } from '../../../src/gen/rollcall/storage/v1/record.js';
import { Endpoint } from '../../../src/gen/rollcall/v1/endpoint.js';
import type { Change, Entry, Revision } from '../../../src/store/contract.js';
import type { RevisionEvent, ServiceKey, TrueRecord } from './history.js';

/** What a history tells of one revision of a store. */
export function trueRevision(revision: Revision, changes: readonly Pick<Change, 'key' | 'entry'>[]): RevisionEvent {
  const records: RevisionEvent['records'][number][] = [];
  const liveness: RevisionEvent['liveness'][number][] = [];
  for (const { key, entry } of changes) {
    if (key.startsWith(RECORD_PREFIX)) records.push({ ...placeOf(key), after: entry && decode(entry) });
    else liveness.push({ ...placeOf(key), leaseId: entry?.lease });
  }
  return { type: 'revision', revision, records, liveness };
}

/** A record as it lies in a store. */
export function trueRecord(entry: Entry): {
  readonly service: ServiceKey;
  readonly id: string;
  readonly record: TrueRecord;
} {
  return { ...placeOf(entry.key), record: decode(entry) };
}

function placeOf(key: string): { service: ServiceKey; id: string } {
  const { namespace, service, id } = parseKey(key);
  return { service: `${namespace}/${service}`, id };
}

/** What is stored, taken apart with nothing but the generated code. */
function decode({ value, createRevision, modRevision }: Entry): TrueRecord {
  const { endpoint, leaseId, ttlMs, requestId } = StoredRecord.decode(value);
  return { endpoint: { ...Endpoint.decode(endpoint), createRevision, modRevision }, leaseId, ttlMs, requestId };
}
