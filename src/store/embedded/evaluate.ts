import { RollcallError } from '../../core/errors.js';
import {
  KEY_LENGTH_MAX,
  type Change,
  type Entry,
  type LeaseId,
  type Op,
  type Revision,
  type Txn,
} from '../contract.js';
import type { Lease } from './lease-table.js';

/** The state that a transaction is evaluated against. */
export interface Head {
  entry(key: string): Entry | undefined;
  lease(id: LeaseId): Lease | undefined;
  nextRevision(): Revision;
}

export type Evaluation =
  | { readonly kind: 'guard-failed'; readonly failedGuard: number }
  | { readonly kind: 'changes'; readonly changes: readonly Change[]; readonly ended: readonly Lease[] };

const KEY = /^[\x21-\x7e]+$/;

/** What a transaction would do. Changes nothing. @throws RollcallError LEASE_NOT_FOUND */
export function evaluate({ guards = [], ops, endLeases = [] }: Txn, head: Head): Evaluation {
  checkKeys(ops);
  const failedGuard = guards.findIndex(({ key, modRevision }) => (head.entry(key)?.modRevision ?? 0) !== modRevision);
  if (failedGuard >= 0) return { kind: 'guard-failed', failedGuard };

  const ended = [...new Set(endLeases)].flatMap((id) => head.lease(id) ?? []);
  const changes = ops.flatMap((op) => changeOf(op, head, ended) ?? []);
  const named = new Set(ops.map((op) => op.key));
  for (const { keys } of ended) {
    for (const key of keys) {
      if (!named.has(key)) changes.push({ key, entry: undefined, prev: head.entry(key) });
    }
  }
  return { kind: 'changes', changes, ended };
}

function changeOf(op: Op, head: Head, ended: readonly Lease[]): Change | undefined {
  const { key } = op;
  const prev = head.entry(key);
  if (op.kind === 'delete') return prev === undefined ? undefined : { key, entry: undefined, prev };
  if (op.lease !== undefined) {
    const lease = head.lease(op.lease);
    if (lease === undefined || ended.includes(lease)) {
      throw new RollcallError('LEASE_NOT_FOUND', `lease ${op.lease} is not alive`);
    }
  }
  const modRevision = head.nextRevision();
  const createRevision = prev?.createRevision ?? modRevision;
  return { key, prev, entry: { key, value: op.value, createRevision, modRevision, lease: op.lease } };
}

function checkKeys(ops: readonly Op[]): void {
  const seen = new Set<string>();
  for (const { key } of ops) {
    if (!KEY.test(key) || key.length > KEY_LENGTH_MAX) {
      throw new RangeError(`a key is 1–${KEY_LENGTH_MAX} printable ASCII characters, not ${JSON.stringify(key)}`);
    }
    if (seen.has(key)) throw new RangeError(`a transaction names ${key} twice`);
    seen.add(key);
  }
}
