import type { Digest } from '../core/digest.js';
import type { CanonicalSelector } from '../core/selector.js';
import { RemovedEndpoint_Reason as RemovalReason, type RemovedEndpoint } from '../gen/rollcall/v1/discovery.js';
import type { EndpointRecord } from '../directory/schema.js';
import type { EndpointChange } from '../directory/service-state.js';

/** Many changes as one step: what a filtered view must do to get from before them to after them. */
export interface FoldedChanges {
  readonly upserted: readonly EndpointRecord[];
  readonly removed: readonly RemovedEndpoint[];
  /** The digest of the view before the changes, from the one after them. */
  digestBefore(digestAfter: Digest): Digest;
}

interface Fold {
  /** What the view held of the endpoint before the first change. */
  readonly before: EndpointRecord | undefined;
  after: EndpointRecord | undefined;
  /** How the endpoint last left the view. */
  left: RemovedEndpoint | undefined;
}

/**
 * Folds changes, oldest first, through a selector. An endpoint that came and
 * went in between leaves no trace; one that left and came back is an upsert.
 */
export function foldChanges(changes: Iterable<EndpointChange>, selector: CanonicalSelector): FoldedChanges {
  const inView = (record: EndpointRecord | undefined) =>
    record !== undefined && selector.matches(record.endpoint) ? record : undefined;
  const folds = new Map<string, Fold>();
  for (const change of changes) {
    const before = inView(change.before);
    const after = inView(change.after);
    const fold = folds.get(change.id) ?? { before, after, left: undefined };
    if (before !== undefined && after === undefined) {
      const reason = change.after === undefined ? change.removal : RemovalReason.NO_LONGER_MATCHES;
      fold.left = { endpointId: change.id, reason, revision: change.revision };
    }
    fold.after = after;
    folds.set(change.id, fold);
  }

  const all = [...folds.values()];
  return {
    upserted: all.flatMap(({ after }) => after ?? []),
    removed: all.flatMap(({ before, after, left }) => (before && !after && left) || []),
    digestBefore: (digestAfter) =>
      all.reduce((digest, { before, after }) => digest ^ (before?.digest ?? 0n) ^ (after?.digest ?? 0n), digestAfter),
  };
}
