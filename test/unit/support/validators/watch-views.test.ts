import { Health } from '../../../../src/gen/rollcall/v1/endpoint.js';
import {
  RemovedEndpoint_Reason as RemovalReason,
  Snapshot_Reason as SnapshotReason,
} from '../../../../src/gen/rollcall/v1/discovery.js';
import { SERVICE, TTL_MS } from '../../../support/validators/scenario.js';
import { Selector } from '../../../../src/gen/rollcall/v1/selector.js';
import { describeValidators, type Case } from '../../../support/validators/describe-validators.js';

const HEALTHY = Selector.fromPartial({ health: [Health.HEALTHY] });

const CASES: readonly Case[] = [
  {
    guarantee: 'W1',
    what: 'chunks of one snapshot have two revisions',
    play: (s, wrong) => {
      const [a, b] = [s.register('a', 1), s.register('b', 2)];
      s.watch(1);
      s.chunk(1, [a], false, wrong ? { revision: 1 } : {});
      s.chunk(1, [b], true);
    },
  },
  {
    guarantee: 'W1',
    what: 'a chunk of an older revision follows',
    play: (s, wrong) => {
      const a = s.register('a', 1);
      const b = s.register('b', 2);
      s.watch(1);
      s.chunk(1, [a], false);
      s.chunk(1, [b], true, wrong ? { revision: 1, tokenRevision: 2 } : {});
    },
  },
  {
    guarantee: 'W1',
    what: 'a snapshot that began anew holds what was left of the one before',
    play: (s, wrong) => {
      const a = s.register('a', 1);
      s.watch(1);
      s.chunk(1, [a], false);
      const b = s.register('b', 2);
      if (!wrong) s.chunk(1, [a], false);
      s.chunk(1, [b], true);
    },
  },
  {
    guarantee: 'W1',
    what: 'chunks of one snapshot give two reasons',
    play: (s, wrong) => {
      const [a, b] = [s.register('a', 1), s.register('b', 2)];
      s.watch(1);
      s.chunk(1, [a], false, wrong ? { reason: SnapshotReason.COMPACTED } : {});
      s.chunk(1, [b], true);
    },
  },
  {
    guarantee: 'W1',
    what: 'a client shows a chunk before the last',
    play: (s, wrong) => {
      const [a, b] = [s.register('a', 1), s.register('b', 2)];
      s.watch(1);
      s.chunk(1, [a], false, wrong ? { view: [a] } : {});
      s.chunk(1, [b], true);
    },
  },
  {
    guarantee: 'W1',
    what: 'a chunk before the last completes the view',
    play: (s, wrong) => {
      const [a, b] = [s.register('a', 1), s.register('b', 2)];
      s.watch(1);
      s.chunk(1, [a], false, wrong ? { digest: 7n } : {});
      s.chunk(1, [b], true);
    },
  },
  {
    guarantee: 'W1',
    what: 'the last chunk does not complete the view',
    play: (s, wrong) => {
      s.register('a', 1);
      s.watch(1);
      s.snapshot(1, wrong ? { step: 'gathering' } : {});
    },
  },
  {
    guarantee: 'W1',
    what: 'the view is not what the chunks held',
    play: (s, wrong) => {
      const [a, b] = [s.register('a', 1), s.register('b', 2)];
      s.watch(1);
      s.chunk(1, [a], false);
      s.chunk(1, wrong ? [] : [b], true);
    },
  },
  {
    guarantee: 'W1',
    what: 'something else comes between chunks',
    play: (s, wrong) => {
      const [a, b] = [s.register('a', 1), s.register('b', 2)];
      s.watch(1);
      s.snapshot(1);
      if (!wrong) return;
      s.chunk(1, [a], false, { reason: SnapshotReason.COMPACTED, floor: 9 });
      s.checkpoint(1);
      s.chunk(1, [b], true, { reason: SnapshotReason.COMPACTED, floor: 9 });
    },
  },
  {
    guarantee: 'W1',
    what: 'a chunk is larger than a mebibyte',
    play: (s, wrong) => {
      s.register('a', 1);
      s.watch(1);
      s.snapshot(1, { bytes: 1_048_576 + (wrong ? 1 : 0) });
    },
  },
  {
    guarantee: 'W2',
    what: 'a delta leaves an endpoint out',
    play: (s, wrong) => {
      s.watch(1);
      s.snapshot(1);
      s.register('a', 1);
      const b = s.register('b', 2);
      s.delta(1, wrong ? { upserted: [b], view: [b] } : {});
    },
  },
  {
    guarantee: 'W2',
    what: 'an endpoint is as it was before',
    play: (s, wrong) => {
      const old = s.register('a', 1);
      s.watch(1);
      s.snapshot(1);
      s.update('a', 1, { weight: 7 });
      s.delta(1, wrong ? { upserted: [old], view: [old] } : {});
    },
  },
  {
    guarantee: 'W2',
    what: 'an endpoint has the right revision and something else that is not right',
    play: (s, wrong) => {
      const a = s.register('a', 1);
      s.watch(1);
      s.snapshot(1, wrong ? { endpoints: [{ ...a, weight: 7 }], view: [{ ...a, weight: 7 }] } : {});
    },
  },
  {
    guarantee: 'W2',
    what: 'an endpoint that left the filter is still there',
    play: (s, wrong) => {
      const a = s.register('a', 1);
      s.watch(1, { selector: HEALTHY });
      s.snapshot(1);
      const revision = s.update('a', 1, { health: Health.DRAINING });
      const removed = [s.removal('a', RemovalReason.NO_LONGER_MATCHES, revision)];
      s.delta(1, wrong ? { removed: [], upserted: [], view: [a] } : { removed });
    },
  },
  {
    guarantee: 'W2',
    what: 'the client ends up with another view than the server',
    play: (s, wrong) => {
      s.register('a', 1);
      s.watch(1);
      s.snapshot(1, wrong ? { step: 'drift' } : {});
    },
  },
  {
    guarantee: 'W2',
    what: 'the client cannot take a message',
    play: (s, wrong) => {
      s.register('a', 1);
      s.watch(1);
      s.snapshot(1);
      s.checkpoint(1, wrong ? { step: 'refused' } : {});
    },
  },
  {
    guarantee: 'W2',
    what: 'a token names another revision than its message',
    play: (s, wrong) => {
      s.register('a', 1);
      s.register('b', 2);
      s.watch(1);
      s.snapshot(1, wrong ? { revision: 1, tokenRevision: 2 } : {});
    },
  },
  {
    guarantee: 'W2',
    what: 'a token names another epoch than the store',
    play: (s, wrong) => {
      s.register('a', 1);
      s.watch(1);
      s.snapshot(1, wrong ? { epoch: 'fedcba9876543210' } : {});
    },
  },
  {
    guarantee: 'W2',
    what: 'a watcher is told of a revision before the store has shown it',
    play: (s, wrong) => {
      s.register('a', 1);
      s.watch(1);
      s.snapshot(1);
      s.register('b', 2);
      s.delta(1);
      if (!wrong) return;
      const shown = s.events.splice(
        s.events.findLastIndex(({ type }) => type === 'revision'),
        1,
      );
      s.events.push(...shown);
    },
  },
  ...(
    [
      ['another reason', { reason: RemovalReason.EXPIRED }],
      ['another revision', { revision: 1 }],
      ['another endpoint', { endpointId: 'b' }],
    ] as const
  ).map(([what, fault]): Case => ({
    guarantee: 'W2',
    what: `a removal names ${what}`,
    play: (s, wrong) => {
      s.register('a', 1);
      s.watch(1);
      s.snapshot(1);
      s.deregister('a', 1);
      s.delta(1, wrong ? { removed: [{ ...s.removal('a'), ...fault }] } : {});
    },
  })),
  {
    guarantee: 'W2',
    what: 'an expiry is called a deregistration',
    play: (s, wrong) => {
      s.register('a', 1);
      s.watch(1);
      s.snapshot(1);
      s.pass(TTL_MS);
      s.expire('a');
      s.delta(1, { removed: [s.removal('a', wrong ? RemovalReason.DEREGISTERED : RemovalReason.EXPIRED)] });
    },
  },
  {
    guarantee: 'W4',
    what: 'one of two changes of a revision is shown without the other',
    play: (s, wrong) => {
      const a = s.register('a', 1);
      s.register('b', 2);
      s.watch(1);
      s.snapshot(1);
      for (const id of ['a', 'b'])
        s.ask({ kind: 'register', service: SERVICE, id, requestId: '', marker: `both ${id}` });
      const both = {
        a: s.endpoint('a', { metadata: { marker: 'both a' } }),
        b: s.endpoint('b', { metadata: { marker: 'both b' } }),
      };
      s.revision({ a: { endpoint: both.a, leaseId: 3 }, b: { endpoint: both.b, leaseId: 4 } }, { a: 3, b: 4 });
      s.delta(1, wrong ? { upserted: [both.b], view: [a, both.b] } : {});
    },
  },
  {
    guarantee: 'W10',
    what: 'a digest is not that of the view',
    play: (s, wrong) => {
      s.register('a', 1);
      s.watch(1);
      s.snapshot(1, wrong ? { digest: 1n } : {});
    },
  },
  {
    guarantee: 'W10',
    what: 'a checkpoint has the digest of a view that was',
    play: (s, wrong) => {
      s.register('a', 1);
      s.watch(1);
      s.snapshot(1);
      s.checkpoint(1, wrong ? { digest: 0n } : {});
    },
  },
  {
    guarantee: 'W11',
    what: 'a watch begins with something else than a snapshot',
    play: (s, wrong) => {
      s.watch(1);
      if (wrong) s.checkpoint(1);
      else s.snapshot(1);
    },
  },
  {
    guarantee: 'W11',
    what: 'a view is emptied, though there are endpoints',
    play: (s, wrong) => {
      s.register('a', 1);
      s.watch(1);
      s.snapshot(1, wrong ? { endpoints: [], view: [] } : {});
    },
  },
];

describeValidators(CASES);
