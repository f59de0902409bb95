/** W2, W6, W7 as an application sees them: what clients that follow by themselves show, and that all arrive in the end. */
import { MARKER_KEY, type History, type SettledEvent, type Validator } from './history.js';
import { truthOf, type Truth } from './truth.js';
import { describe, sameEndpoints } from './watch-views.js';

type Recorded<T> = T & { readonly atMs: number; readonly index: number };

/** W2: whatever a client shows is the filtered state at the revision that it names, and was known by then. */
export const validateViews: Validator = (history) => {
  const truth = truthOf(history);
  const problems: string[] = [];
  for (const [index, event] of history.events.entries()) {
    if (event.type !== 'view') continue;
    const { service, selector, revision, endpoints } = event;
    const problem = (what: string) =>
      problems.push(`event ${index}: view ${event.reader} at revision ${revision} ${what}`);
    if (revision > newestAt(truth, index)) problem('tells of what the store has not shown yet');
    const expected = [...truth.view(service, selector, revision).values()];
    if (!sameEndpoints(endpoints, expected)) problem(`shows ${describe(endpoints)} instead of ${describe(expected)}`);
  }
  return problems;
};

/** W6: over the life of a view, whatever happens to its streams, its revision never goes back. */
export const validateMonotone: Validator = (history) => {
  const problems: string[] = [];
  const last = new Map<number, number>();
  for (const [index, event] of history.events.entries()) {
    if (event.type !== 'view') continue;
    const { reader, revision } = event;
    const before = last.get(reader) ?? 0;
    if (revision < before)
      problems.push(`event ${index}: view ${reader} goes back from revision ${before} to ${revision}`);
    last.set(reader, revision);
  }
  return problems;
};

/** W7: when all is well again, everyone's view is what is true, or was a moment ago; and what clients keep is there. */
export const validateConverged: Validator = (history) => {
  const truth = truthOf(history);
  const problems: string[] = [];
  for (const event of settledIn(history)) {
    const states = revisionsDue(truth, event);
    for (const { who, service, selector, endpoints, damaged } of event.views ?? []) {
      const isRight = (revision: number): boolean => {
        const expected = [...truth.view(service, selector, revision).values()];
        if (endpoints === undefined) return false;
        return damaged ? describe(endpoints) === describe(expected) : sameEndpoints(endpoints, expected);
      };
      if (states.some(isRight)) continue;
      const expected = describe([...truth.view(service, selector, states[0]!).values()]);
      problems.push(`event ${event.index}: ${who} of ${service} shows ${describe(endpoints)} instead of ${expected}`);
    }
    for (const { service, id, markers } of event.kept ?? []) {
      const found = truth.record(service, id, states[0]!)?.endpoint.metadata[MARKER_KEY];
      if (found !== undefined && markers.includes(found)) continue;
      const wanted = markers.join(' or ');
      problems.push(
        `event ${event.index}: ${service}/${id} is ${found ?? 'absent'}, though ${wanted} is kept registered`,
      );
    }
  }
  return problems;
};

function settledIn({ events }: History): Recorded<SettledEvent>[] {
  return events.flatMap((event, index) => (event.type === 'settled' ? { ...event, index } : []));
}

/** The revisions that a watcher may be at, newest first: what happened a moment ago need not have arrived. */
function revisionsDue(truth: Truth, { index, atMs, deliveryMs = 0 }: Recorded<SettledEvent>): number[] {
  const due = truth.revisions.findLast((each) => each.index < index && each.atMs <= atMs - deliveryMs)?.revision ?? 0;
  const newest = newestAt(truth, index);
  return Array.from({ length: newest - due + 1 }, (_, back) => newest - back);
}

function newestAt({ revisions }: Truth, index: number): number {
  return revisions.findLast((each) => each.index < index)?.revision ?? 0;
}
