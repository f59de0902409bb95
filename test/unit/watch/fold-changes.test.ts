import * as fc from 'fast-check';
import { loadXxh64, type Xxh64 } from '../../../src/core/hash.js';
import { canonicalSelector } from '../../../src/core/selector.js';
import type { EndpointRecord } from '../../../src/directory/schema.js';
import type { EndpointChange } from '../../../src/directory/service-state.js';
import { RemovedEndpoint_Reason as Reason, type RemovedEndpoint } from '../../../src/gen/rollcall/v1/discovery.js';
import type { Selector } from '../../../src/gen/rollcall/v1/selector.js';
import { foldChanges } from '../../../src/watch/fold-changes.js';
import { endpoints, selectors } from '../../support/arbitraries.js';
import { recordOf } from '../../support/endpoint-records.js';
import { referenceMatches } from '../../support/reference-selector.js';

let xxh64: Xxh64;
beforeAll(async () => {
  xxh64 = await loadXxh64();
});

/** What happens to one endpoint: it becomes this, or is removed. */
const step = fc.oneof(
  { weight: 3, arbitrary: endpoints.map((endpoint) => ({ id: endpoint.id, endpoint })) },
  {
    weight: 1,
    arbitrary: fc.record({ id: fc.constantFrom('e0', 'e1', 'e2', 'e3'), endpoint: fc.constant(undefined) }),
  },
);

type View = ReadonlyMap<string, EndpointRecord>;

/** Plays steps, each in a revision of its own, and looks at the views at every one of them. */
function play(
  steps: readonly { id: string; endpoint: Parameters<typeof recordOf>[1] | undefined }[],
  selector: Selector,
) {
  const state = new Map<string, EndpointRecord>();
  const views: View[] = [new Map()];
  const changes: EndpointChange[] = [];
  for (const [index, { id, endpoint }] of steps.entries()) {
    const revision = index + 1;
    const before = state.get(id);
    if (before === undefined && endpoint === undefined) {
      views.push(views.at(-1)!);
      continue;
    }
    const after = endpoint && recordOf(xxh64, { ...endpoint, modRevision: revision });
    if (after === undefined) state.delete(id);
    else state.set(id, after);
    const removal =
      after === undefined ? (revision % 2 === 0 ? Reason.EXPIRED : Reason.DEREGISTERED) : Reason.UNSPECIFIED;
    changes.push({ revision, id, before, after, removal });
    views.push(new Map([...state].filter(([, record]) => referenceMatches(selector, record.endpoint))));
  }
  return { views, changes };
}

function digestOf(view: View): bigint {
  return [...view.values()].reduce((digest, record) => digest ^ record.digest, 0n);
}

/** How an endpoint that was in the view at `from`, and is not now, last left it. */
function lastLeft(
  id: string,
  from: number,
  views: readonly View[],
  changes: readonly EndpointChange[],
): RemovedEndpoint {
  const revision = views.findLastIndex((view, at) => at > from && !view.has(id) && views[at - 1]!.has(id));
  const change = changes.find((each) => each.revision === revision)!;
  return { endpointId: id, revision, reason: change.after === undefined ? change.removal : Reason.NO_LONGER_MATCHES };
}

const byId = (a: { endpointId: string }, b: { endpointId: string }) => (a.endpointId < b.endpointId ? -1 : 1);

describe('changes folded through a selector', () => {
  it('are exactly what tells the view before from the view after, whatever happened in between', () => {
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 20, size: 'max' }),
        selectors,
        fc.nat({ max: 8 }),
        (steps, selector, any) => {
          const { views, changes } = play(steps, selector);
          const from = any % views.length;
          const [before, after] = [views[from]!, views.at(-1)!];
          const since = changes.filter(({ revision }) => revision > from);
          const folded = foldChanges(since, canonicalSelector(selector));

          const upserted = [...after].filter(([id, record]) => before.get(id) !== record).map(([id]) => id);
          const removed = [...before.keys()].filter((id) => !after.has(id));
          expect(folded.upserted.map(({ endpoint }) => endpoint.id).sort()).toEqual(upserted.sort());
          expect(folded.upserted.every((record) => after.get(record.endpoint.id) === record)).toBe(true);
          expect([...folded.removed].sort(byId)).toEqual(
            removed.map((id) => lastLeft(id, from, views, changes)).sort(byId),
          );
          expect(folded.digestBefore(digestOf(after))).toBe(digestOf(before));
        },
      ),
      { numRuns: 1_000 },
    );
  });

  it('are nothing when an endpoint came and went', () => {
    const { changes } = play(
      [
        { id: 'e0', endpoint: fc.sample(endpoints, { numRuns: 1, seed: 1 })[0] },
        { id: 'e0', endpoint: undefined },
      ],
      { labelRequirements: [], health: [], zones: [] },
    );
    const folded = foldChanges(changes, canonicalSelector({ labelRequirements: [], health: [], zones: [] }));
    expect(folded.upserted).toEqual([]);
    expect(folded.removed).toEqual([]);
    expect(folded.digestBefore(5n)).toBe(5n);
  });
});
