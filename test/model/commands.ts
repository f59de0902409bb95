import * as fc from 'fast-check';

/** What can happen in a run, as plain data: a run is a list of these, and a failing one can be committed as it is. */
export type Command =
  | {
      readonly do: 'register';
      readonly service: number;
      readonly id: number;
      readonly ttl: number;
      readonly shape: number;
      /** 0: without a request id. */
      readonly request: number;
    }
  /** Two endpoints in one revision, as another writer of the same store might. */
  | { readonly do: 'pair'; readonly service: number; readonly id: number; readonly shape: number }
  | {
      readonly do: 'update';
      readonly service: number;
      readonly id: number;
      readonly shape: number;
      readonly lease: WhichLease;
    }
  | { readonly do: 'deregister'; readonly service: number; readonly id: number; readonly lease: WhichLease }
  | { readonly do: 'renew'; readonly leases: readonly number[] }
  /** Time passes, in which clients renew or do not. */
  | { readonly do: 'advance'; readonly ms: number; readonly renewing: boolean }
  /** Time passes until a lease lapses, and what comes of that has yet to happen. */
  | { readonly do: 'lapse' }
  /** The server is stopped: between two things it does, or after noticing that a timer is due. */
  | { readonly do: 'stall'; readonly ms: number; readonly when: 'idle' | 'tick' }
  | { readonly do: 'compact'; readonly to: 'newest' | 'removal' | 'before-removal' | 'old' }
  | { readonly do: 'restart' }
  | { readonly do: 'crash'; readonly held: 'written' | 'lost' }
  | { readonly do: 'disk'; readonly is: 'held' | 'full' | 'fine' }
  | { readonly do: 'watch'; readonly watcher: number; readonly service: number; readonly selector: number }
  | { readonly do: 'disconnect'; readonly watcher: number }
  | { readonly do: 'resume'; readonly watcher: number; readonly with: ResumeWith; readonly pick: number }
  | { readonly do: 'stop-reading' | 'go-on-reading'; readonly watcher: number }
  | { readonly do: 'read-some'; readonly watcher: number; readonly count: number }
  /** Many watchers of one service at once, which keep the server's thread busy. */
  | { readonly do: 'crowd'; readonly service: number; readonly selector: number }
  /** One change after another, each on its way to the watchers before the next: what a slow reader falls behind. */
  | {
      readonly do: 'churn';
      readonly service: number;
      readonly id: number;
      readonly count: number;
      /** Somebody begins to watch each time. */
      readonly watching: boolean;
      /** All endpoints are large, so that snapshots have several chunks. */
      readonly large: boolean;
    }
  /** More endpoints at once than fit one message. */
  | { readonly do: 'flood'; readonly service: number }
  | {
      readonly do: 'list';
      readonly service: number;
      readonly selector: number;
      readonly token: 'none' | 'write' | 'latest';
    };

export type WhichLease = 'held' | 'old' | 'foreign';

export type ResumeWith =
  'latest' | 'old' | 'other-watcher' | 'write' | 'other-store' | 'future' | 'wrong-digest' | 'without-digest' | 'list';

/** A command, and how far its effects get before the next one: all the way, or some turns of the event loop. */
export interface Step {
  readonly command: Command;
  readonly turns: number | 'all';
}

const service = fc.nat({ max: 1 });
const id = fc.nat({ max: 3 });
const watcher = fc.nat({ max: 4 });
const pick = fc.nat({ max: 20 });
const shape = fc.nat({ max: 12 });
const selector = fc.nat({ max: 7 });
const lease = fc.oneof(
  { weight: 4, arbitrary: fc.constant('held' as const) },
  { weight: 1, arbitrary: fc.constantFrom('old' as const, 'foreign' as const) },
);

const commands: readonly { weight: number; arbitrary: fc.Arbitrary<Command> }[] = [
  {
    weight: 12,
    arbitrary: fc.record({
      do: fc.constant('register' as const),
      service,
      id,
      ttl: fc.nat({ max: 2 }),
      shape,
      request: fc.nat({ max: 3 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('pair' as const), service, id, shape }) },
  { weight: 8, arbitrary: fc.record({ do: fc.constant('update' as const), service, id, shape, lease }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('deregister' as const), service, id, lease }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('renew' as const), leases: fc.array(pick, { maxLength: 6 }) }) },
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('advance' as const),
      ms: fc.constantFrom(50, 100, 350, 700, 1_000, 1_600, 2_500, 6_000),
      renewing: fc.boolean(),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('lapse' as const) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('stall' as const),
      ms: fc.constantFrom(60, 140, 300, 900, 1_200, 9_000),
      when: fc.constantFrom('idle' as const, 'tick' as const),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('compact' as const),
      to: fc.constantFrom('newest' as const, 'removal' as const, 'before-removal' as const, 'old' as const),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('restart' as const) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('crash' as const),
      held: fc.constantFrom('written' as const, 'lost' as const),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('disk' as const),
      is: fc.constantFrom('held' as const, 'full' as const, 'fine' as const, 'fine' as const),
    }),
  },
  { weight: 8, arbitrary: fc.record({ do: fc.constant('watch' as const), watcher, service, selector }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('disconnect' as const), watcher }) },
  {
    weight: 10,
    arbitrary: fc.record({
      do: fc.constant('resume' as const),
      watcher,
      with: fc.oneof(
        { weight: 6, arbitrary: fc.constantFrom('latest' as const, 'old' as const) },
        {
          weight: 5,
          arbitrary: fc.constantFrom(
            'other-watcher' as const,
            'write' as const,
            'other-store' as const,
            'future' as const,
            'wrong-digest' as const,
            'without-digest' as const,
            'list' as const,
          ),
        },
      ),
      pick,
    }),
  },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('stop-reading' as const), watcher }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('go-on-reading' as const), watcher }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('read-some' as const), watcher, count: fc.integer({ min: 1, max: 4 }) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('crowd' as const), service, selector }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('churn' as const),
      service,
      id,
      count: fc.integer({ min: 2, max: 14 }),
      watching: fc.boolean(),
      large: fc.oneof({ weight: 2, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
    }),
  },
  { weight: 0.2, arbitrary: fc.record({ do: fc.constant('flood' as const), service }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('list' as const),
      service,
      selector,
      token: fc.constantFrom('none' as const, 'write' as const, 'latest' as const),
    }),
  },
].map(({ weight, arbitrary }) => ({ weight: weight * 10, arbitrary }));

const turns = fc.oneof(
  { weight: 5, arbitrary: fc.constant('all' as const) },
  { weight: 3, arbitrary: fc.constant(0) },
  { weight: 2, arbitrary: fc.integer({ min: 1, max: 3 }) },
);

export const steps: fc.Arbitrary<Step> = fc.record({ command: fc.oneof(...commands), turns });
