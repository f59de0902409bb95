/** W1, W2, W4, W10, W11: what a view is, at every moment at which the watcher is told that it is complete. */
import { isDeepStrictEqual } from 'node:util';
import { EMPTY_DIGEST, endpointDigest } from '../../../src/core/digest.js';
import type { Xxh64 } from '../../../src/core/hash.js';
import { LIMITS } from '../../../src/core/limits.js';
import {
  RemovedEndpoint_Reason as RemovalReason,
  type RemovedEndpoint,
} from '../../../src/gen/rollcall/v1/discovery.js';
import type { Endpoint } from '../../../src/gen/rollcall/v1/endpoint.js';
import type { History, Validator } from './history.js';
import { completeMessages, nameOf, snapshotOf, streamsOf, type Stream, type StreamMessage } from './streams.js';
import { truthOf, type Truth, type TrueRevision } from './truth.js';

/**
 * W1: all chunks of a snapshot carry one revision and one reason, and nothing is
 * complete, or visible, before the last.
 */
export const validateSnapshotAtomic: Validator = (history) => {
  const problems: string[] = [];
  for (const { watch, messages } of streamsOf(history)) {
    let begun: { readonly first: StreamMessage; readonly endpoints: Endpoint[] } | undefined;
    let shown = watch.view;
    for (const message of messages) {
      const { response, step, view, bytes, token } = message;
      const problem = (what: string) => problems.push(`${nameOf(message)} ${what}`);
      const chunk = snapshotOf(response);
      if (bytes > LIMITS.messageBytesMax) problem(`has ${bytes} bytes`);
      if (chunk === undefined) {
        if (begun !== undefined) problem('comes before the last chunk of a snapshot');
        begun = undefined;
      } else {
        // A chunk of a later revision begins anew; what came before it is worth nothing.
        if (begun !== undefined && begun.first.response.revision < response.revision) begun = undefined;
        begun ??= { first: message, endpoints: [] };
        begun.endpoints.push(...chunk.endpoints);
        const { response: first } = begun.first;
        if (first.revision !== response.revision) problem(`follows a chunk of revision ${first.revision}`);
        if (snapshotOf(first)?.reason !== chunk.reason) problem('gives another reason than the chunk before');
        if (chunk.last) {
          if (token === undefined || step !== 'event') problem('is the last chunk and does not complete the view');
          else if (!sameEndpoints(begun.endpoints, view ?? [])) problem('completes a view that is not its chunks');
          begun = undefined;
        } else {
          if (token !== undefined || response.digest !== 0n || step === 'event') problem('completes a view too early');
          if (describe(view) !== describe(shown)) problem('is visible before the last chunk');
        }
      }
      shown = view;
    }
  }
  return problems;
};

/** W2: after every message with a token (e, r), the view is F(S(r)), and removals say truly when and why. */
export const validateExact: Validator = (history) => {
  const truth = truthOf(history);
  const problems: string[] = [];
  for (const stream of streamsOf(history)) {
    for (const message of stream.messages) {
      if (message.step === 'drift' || message.step === 'refused')
        problems.push(`${nameOf(message)} leaves the client with ${message.step}`);
    }
    for (const message of completeMessages(stream)) {
      const { response, token, view = [] } = message;
      const { service, selector } = stream.watch;
      const problem = (what: string) => problems.push(`${nameOf(message)} ${what}`);
      if (token.revision !== response.revision) problem(`bears a token of revision ${token.revision}`);
      if (token.revision > truth.newest) problem(`is newer than the store, which is at ${truth.newest}`);
      const known = truth.revisions.findLast((each) => each.index < message.index);
      if (token.revision > (known?.revision ?? 0)) problem('tells of what the store has not shown yet');
      if (token.epoch !== truth.epoch) problem(`bears a token of epoch ${token.epoch}`);
      const expected = truth.view(service, selector, token.revision);
      if (!sameEndpoints(view, [...expected.values()])) {
        problem(`leaves the view ${describe(view)} instead of ${describe([...expected.values()])}`);
      }
      if (response.event?.$case !== 'delta') continue;
      for (const removed of response.event.value.removed) {
        const expectedRemoval = removalAt(truth, stream, removed);
        if (!isDeepStrictEqual(removed, expectedRemoval)) {
          problem(`says ${JSON.stringify(removed)} instead of ${JSON.stringify(expectedRemoval)}`);
        }
      }
    }
  }
  return problems;
};

/** How an endpoint left a view at a revision: what a removal should say, if it did. */
function removalAt(
  truth: Truth,
  { watch }: Stream,
  { endpointId, revision }: RemovedEndpoint,
): RemovedEndpoint | undefined {
  const { service, selector } = watch;
  const wasIn = truth.view(service, selector, revision - 1).has(endpointId);
  if (!wasIn || truth.view(service, selector, revision).has(endpointId)) return undefined;
  if (truth.record(service, endpointId, revision) !== undefined) {
    return { endpointId, revision, reason: RemovalReason.NO_LONGER_MATCHES };
  }
  // The lease lapses first, in a revision of its own, and the record follows; who deregisters takes both at once.
  const wasHeld = truth.holder(service, endpointId, revision - 1) !== undefined;
  return { endpointId, revision, reason: wasHeld ? RemovalReason.DEREGISTERED : RemovalReason.EXPIRED };
}

/** W4: a view that shows one change of a revision shows all of them, or what came after. */
export const validateAtomic: Validator = (history) => {
  const truth = truthOf(history);
  const multiple = new Map(
    truth.revisions.filter(({ records }) => records.length > 1).map((each) => [each.revision, each]),
  );
  const problems: string[] = [];
  if (multiple.size === 0) return problems;
  for (const stream of streamsOf(history)) {
    for (const message of completeMessages(stream)) {
      const view = new Map((message.view ?? []).map((endpoint) => [endpoint.id, endpoint]));
      for (const { modRevision } of view.values()) {
        const revision = multiple.get(modRevision);
        const missing = revision && missingOf(revision, stream, view);
        if (missing !== undefined) {
          problems.push(`${nameOf(message)} shows one change of revision ${modRevision}, but not that of ${missing}`);
        }
      }
    }
  }
  return problems;
};

/** An endpoint that the revision changed and that the view shows as it was before, if there is one. */
function missingOf(
  { revision, records }: TrueRevision,
  { watch }: Stream,
  view: ReadonlyMap<string, Endpoint>,
): string | undefined {
  const changed = records.filter(({ service }) => service === watch.service);
  return changed.find(({ id }) => (view.get(id)?.modRevision ?? revision) < revision)?.id;
}

/** W10: the digest in a message is that of F(S(r)). */
export function validateDigest(history: History, xxh64: Xxh64): string[] {
  const truth = truthOf(history);
  const problems: string[] = [];
  for (const stream of streamsOf(history)) {
    for (const message of completeMessages(stream)) {
      const expected = digestOf(
        truth.view(stream.watch.service, stream.watch.selector, message.token.revision).values(),
        xxh64,
      );
      if (message.response.digest !== expected) {
        problems.push(`${nameOf(message)} has digest ${message.response.digest} instead of ${expected}`);
      }
    }
  }
  return problems;
}

export function digestOf(endpoints: Iterable<Endpoint>, xxh64: Xxh64): bigint {
  let digest = EMPTY_DIGEST;
  for (const { id, modRevision } of endpoints) digest ^= endpointDigest(xxh64, id, modRevision);
  return digest;
}

/**
 * W11: who watches without a view gets a complete snapshot first, empty or not,
 * and a view becomes empty only by a message at whose revision nothing matches.
 */
export const validateEmptyIsFact: Validator = (history) => {
  const truth = truthOf(history);
  const problems: string[] = [];
  for (const stream of streamsOf(history)) {
    const { watch, messages } = stream;
    const first = messages[0];
    if (watch.resumeToken === '' && first !== undefined && snapshotOf(first.response) === undefined) {
      problems.push(`${nameOf(first)} comes before any snapshot`);
    }
    for (const message of messages) {
      const { view, token, response } = message;
      if (view === undefined || view.length > 0 || token === undefined) continue;
      if (truth.view(watch.service, watch.selector, token.revision).size > 0)
        problems.push(`${nameOf(message)} empties the view`);
      if (response.digest !== EMPTY_DIGEST)
        problems.push(`${nameOf(message)} has digest ${response.digest} for an empty view`);
    }
  }
  return problems;
};

/** Pairs that were found equal. Clients keep the endpoint that they decoded, and so do truths. */
const equals = new WeakMap<Endpoint, Endpoint>();

function sameEndpoint(a: Endpoint, b: Endpoint | undefined): boolean {
  if (b === undefined) return false;
  if (a === b || equals.get(a) === b) return true;
  if (!isDeepStrictEqual(a, b)) return false;
  equals.set(a, b);
  return true;
}

/** Whether two views are the same, in any order. */
export function sameEndpoints(a: readonly Endpoint[], b: readonly Endpoint[]): boolean {
  if (a.length !== b.length) return false;
  const byId = new Map(b.map((endpoint) => [endpoint.id, endpoint]));
  return a.every((endpoint) => sameEndpoint(endpoint, byId.get(endpoint.id)));
}

/** How problems name a view. */
export function describe(view: readonly Endpoint[] | undefined): string {
  if (view === undefined) return 'nothing';
  const endpoints = view.map(({ id, modRevision }) => `${id}@${modRevision}`);
  return `{${endpoints.sort().join(' ')}}`;
}
