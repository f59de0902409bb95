import { Health } from '../../../../src/gen/rollcall/v1/endpoint.js';
import { Selector } from '../../../../src/gen/rollcall/v1/selector.js';
import { Snapshot_Reason as SnapshotReason } from '../../../../src/gen/rollcall/v1/discovery.js';
import { describeValidators, type Case } from '../../../support/validators/describe-validators.js';
import { type Scenario } from '../../../support/validators/scenario.js';

const HEALTHY = Selector.fromPartial({ health: [Health.HEALTHY] });

const CASES: readonly Case[] = [
  {
    guarantee: 'W3',
    what: 'a delta comes after a newer one',
    play: (s, wrong) => {
      s.watch(1);
      s.snapshot(1);
      s.register('a', 1);
      s.delta(1);
      s.register('b', 2);
      s.delta(1);
      if (wrong) s.delta(1, { revision: 1, removed: [], upserted: [] });
    },
  },
  {
    guarantee: 'W3',
    what: 'a delta comes twice',
    play: (s, wrong) => {
      s.watch(1);
      s.snapshot(1);
      s.register('a', 1);
      s.delta(1);
      if (wrong) s.delta(1);
    },
  },
  {
    guarantee: 'W3',
    what: 'a checkpoint falls behind',
    play: (s, wrong) => {
      s.register('a', 1);
      s.register('b', 2);
      s.watch(1);
      s.snapshot(1);
      s.checkpoint(1, wrong ? { revision: 1 } : {});
    },
  },
  {
    guarantee: 'W5',
    what: 'a resume is told of less than what changed',
    play: (s, wrong) => {
      s.register('a', 1);
      s.watch(1);
      s.snapshot(1);
      s.record({ type: 'ended', stream: 1 });
      s.register('b', 2);
      s.update('a', 1, { weight: 7 });
      s.watch(2, { from: 1 });
      const upserted = [s.endpoint('b', { modRevision: 2 })];
      s.delta(2, wrong ? { upserted } : {});
    },
  },
  {
    guarantee: 'W5',
    what: 'a resume is told of more than what changed',
    play: (s, wrong) => {
      const a = s.register('a', 1);
      s.watch(1);
      s.snapshot(1);
      const b = s.register('b', 2);
      s.watch(2, { from: 1 });
      s.delta(2, wrong ? { upserted: [a, b] } : {});
    },
  },
  {
    guarantee: 'W5',
    what: 'a resume is answered with a checkpoint, though something changed',
    play: (s, wrong) => {
      s.watch(1);
      s.snapshot(1);
      s.register('a', 1);
      s.watch(2, { from: 1 });
      if (wrong) s.checkpoint(2);
      else s.delta(2);
    },
  },
  {
    guarantee: 'W5',
    what: 'a resume is answered with a delta in which nothing changed',
    play: (s, wrong) => {
      s.register('a', 1);
      s.watch(1, { selector: HEALTHY });
      s.snapshot(1);
      s.register('b', 2, { health: Health.DRAINING });
      s.watch(2, { from: 1 });
      if (wrong) s.delta(2);
      else s.checkpoint(2);
    },
  },
  {
    guarantee: 'W5',
    what: 'a resume from a revision that is forgotten is answered with a delta',
    play: (s, wrong) => {
      s.register('a', 1);
      s.watch(1);
      s.snapshot(1);
      s.register('b', 2);
      s.deregister('a', 1);
      s.watch(2, { from: 1 });
      // What is left of the changes does not have the removal.
      if (wrong) s.delta(2, { removed: [], floor: 3 });
      else s.snapshot(2, { reason: SnapshotReason.COMPACTED, floor: 3 });
    },
  },
  {
    guarantee: 'W5',
    what: 'a snapshot says that history was compacted, though it was not',
    play: (s, wrong) => {
      s.register('a', 1);
      s.watch(1);
      s.snapshot(1);
      s.register('b', 2);
      s.watch(2, { from: 1 });
      s.snapshot(2, { reason: SnapshotReason.COMPACTED, floor: wrong ? 1 : 2 });
    },
  },
  ...(
    [
      ['of another store', (s: Scenario) => s.token(1, 'fedcba9876543210'), SnapshotReason.EPOCH_CHANGED],
      ['of no watch', (s: Scenario) => s.writeToken(1), SnapshotReason.INITIAL],
      ['of none at all', () => '', SnapshotReason.INITIAL],
    ] as const
  ).map(([what, token, reason]): Case => ({
    guarantee: 'W5',
    what: `a token ${what} is answered with a snapshot for another reason`,
    play: (s, wrong) => {
      s.register('a', 1);
      s.watch(1, { token: token(s) });
      s.snapshot(1, { reason: wrong ? SnapshotReason.DRIFT : reason });
    },
  })),
  {
    guarantee: 'W5',
    what: 'a token of another selector is answered with a delta',
    play: (s, wrong) => {
      s.register('a', 1);
      s.watch(1);
      s.snapshot(1);
      s.register('b', 2);
      s.watch(2, { from: 1, selector: HEALTHY });
      if (wrong) s.delta(2);
      else s.snapshot(2);
    },
  },
  {
    guarantee: 'W5',
    what: 'a view that is known to be wrong is built upon',
    play: (s, wrong) => {
      s.register('a', 1);
      s.watch(1);
      s.snapshot(1);
      s.register('b', 2);
      s.watch(2, { from: 1, viewDigest: 99n });
      if (wrong) s.delta(2);
      else s.snapshot(2, { reason: SnapshotReason.DRIFT });
    },
  },
];

describeValidators(CASES);
