import * as fc from 'fast-check';
import { isRollcallError, REASONS } from '../../src/core/errors.js';
import type { Xxh64 } from '../../src/core/hash.js';
import { decodeToken } from '../../src/core/token.js';
import { FakeClock } from '../support/fake-clock.js';
import { ViewCatalog } from './view-catalog.js';
import { ViewDisk, ViewProcess } from './view-process.js';
import { ViewServer } from './view-server.js';
import { isSame } from './view-watcher.js';

/** A view is live and as new as the catalog within so long after the last fault: the longest pause between streams. */
const BOUND_MS = 10_000;

const id = fc.constantFrom('a', 'b', 'c', 'd');
const count = fc.integer({ min: 1, max: 6 });

/** What can happen. Commands of the catalog, of the server and its network, and of the process that watches. */
const command = fc.oneof(
  { weight: 8, arbitrary: fc.record({ do: fc.constant('put'), id }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('remove'), id }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('compact') }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('replace'),
      revision: fc.integer({ min: 0, max: 20 }),
      ids: fc.uniqueArray(id),
    }),
  },
  { weight: 8, arbitrary: fc.record({ do: fc.constant('flush') }) },
  // More than waits for one reader.
  { weight: 1, arbitrary: fc.record({ do: fc.constant('churn'), times: fc.constant(300) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('drop') }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('setUp'), up: fc.boolean() }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('hold'), held: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('lie') }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('goBack'), revisions: count }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('rewind'), by: count }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('sayGoodbye') }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('refuse'),
      times: fc.constantFrom(1, 1, 10),
      reason: fc.constantFrom(
        'STORE_UNAVAILABLE' as const,
        'REVISION_UNAVAILABLE' as const,
        'INVALID_TOKEN' as const,
        'INTERNAL' as const,
      ),
    }),
  },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('open') }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('close'), which: count }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('read'), which: count, count }) },
  { weight: 8, arbitrary: fc.record({ do: fc.constant('advance'), ms: fc.constantFrom(0, 100, 1_000, 30_000) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('restart'), killed: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('damage'), at: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('fillDisk'), full: fc.boolean() }) },
);
type Command = typeof command extends fc.Arbitrary<infer T> ? T : never;

export interface ViewRun {
  readonly steps: readonly Command[];
  /** Where the pauses between streams lie, of those possible. */
  readonly fractions: readonly number[];
}

export const viewRuns: fc.Arbitrary<ViewRun> = fc.record({
  steps: fc.array(command, { minLength: 1, maxLength: 60, size: 'max' }),
  fractions: fc.array(fc.constantFrom(0, 0.1, 0.5, 0.999), { minLength: 1, maxLength: 8 }),
});

/**
 * Plays a run to its end, heals everything, and lets time pass until all views have to be live.
 *
 * @throws Error that names everything that a view showed and should not have
 */
export async function playViews({ steps, fractions }: ViewRun, xxh64: Xxh64): Promise<void> {
  const problems: string[] = [];
  const complain = (problem: string): void => void problems.push(problem);
  const catalog = new ViewCatalog(xxh64);
  const server = new ViewServer(catalog);
  const disk = new ViewDisk();
  const clock = new FakeClock();
  let drawn = 0;
  const random = { fraction: () => fractions[drawn++ % fractions.length]!, fill: (bytes: Uint8Array) => void bytes };
  const start = (): ViewProcess => new ViewProcess({ catalog, complain, server, disk, clock, random });
  let process = start();
  process.open();

  const act = async (step: Command): Promise<void> => {
    switch (step.do) {
      case 'put':
        return catalog.put(step.id);
      case 'remove':
        return catalog.remove(step.id);
      case 'compact':
        return catalog.compact();
      case 'replace':
        server.drop();
        return catalog.replace(step.revision, step.ids);
      case 'flush':
        return server.flush();
      case 'churn':
        for (let time = 0; time < step.times; time++) {
          catalog.put(time % 2 === 0 ? 'a' : 'b');
          server.flush();
        }
        return;
      case 'drop':
        return server.drop();
      case 'setUp':
        return server.setUp(step.up);
      case 'hold':
        return server.hold(step.held);
      case 'lie':
        return server.lie();
      case 'goBack':
        server.goBack(step.revisions);
        return server.drop();
      case 'rewind':
        return server.rewind(step.by);
      case 'sayGoodbye':
        return server.sayGoodbye();
      case 'refuse':
        server.refuse(step.reason, step.times);
        return server.drop();
      case 'open':
        if (process.watchers.length < 3) process.open();
        return;
      case 'close':
        return process.close(step.which);
      case 'read':
        return process.watchers[step.which % Math.max(1, process.watchers.length)]?.read(step.count);
      case 'advance':
        return await clock.advance(step.ms);
      case 'restart':
        await process.end(step);
        process = start();
        process.open();
        return;
      case 'damage':
        return disk.damage(step.at);
      case 'fillDisk':
        disk.full = step.full;
        return;
      default:
        return step satisfies never;
    }
  };

  for (const [index, step] of steps.entries()) {
    await act(step);
    await clock.settle();
    process.look();
    checkRequests(server, catalog, complain);
    if (problems.length > 0) throw new Error(`after step ${index}, ${step.do}:\n${problems.join('\n')}`);
  }

  server.heal();
  for (const watcher of process.watchers) watcher.read(Infinity);
  // Those that were refused for good have ended, and whoever asks anew is answered.
  process.open().read(Infinity);
  for (let passedMs = 0; passedMs < BOUND_MS; passedMs += 500) {
    await clock.advance(500);
    server.flush();
    await clock.settle();
    process.look();
  }
  checkRequests(server, catalog, complain);
  for (const { view, end, endpoints } of process.watchers) {
    const reading = view.current();
    if (end !== undefined) {
      // A server refused what it had never accepted before: nothing else ends a view.
      const { error } = end;
      const forGood = isRollcallError(error) && !REASONS[error.reason].retryable && reading.problem === error;
      if (!forGood) complain(`a view ended with ${String(error)}`);
    } else if (reading.status !== 'live' || !isSame(endpoints, catalog.now)) {
      complain(
        `after all was well for ${BOUND_MS} ms a view is ${reading.status} with ${JSON.stringify([...endpoints])}`,
      );
    }
  }
  await process.end({ killed: false });
  if (problems.length > 0) throw new Error(`at the end:\n${problems.join('\n')}`);
}

/** Whoever resumes names a view that was delivered, and holds it. */
function checkRequests(server: ViewServer, catalog: ViewCatalog, complain: (problem: string) => void): void {
  for (const { resumeToken, viewDigest } of server.requests.splice(0)) {
    if (resumeToken === '') continue;
    const { epoch, revision } = decodeToken(resumeToken, 'resume_token');
    if (!server.delivered.has(resumeToken)) complain(`resumed from ${epoch}:${revision}, which was never delivered`);
    else if (viewDigest !== catalog.digestOf(catalog.stateAt(epoch, revision)))
      complain(`resumed from ${epoch}:${revision} with another view`);
  }
}
