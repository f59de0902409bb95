import { Health } from '../../../../src/gen/rollcall/v1/endpoint.js';
import { SERVICE, TTL_MS } from '../../../support/validators/scenario.js';
import { Selector } from '../../../../src/gen/rollcall/v1/selector.js';
import { describeValidators, type Case } from '../../../support/validators/describe-validators.js';

const HEALTHY = Selector.fromPartial({ health: [Health.HEALTHY] });

const CASES: readonly Case[] = [
  {
    guarantee: 'W7',
    what: 'a watcher that reads is never told of a change',
    play: (s, wrong) => {
      s.watch(1);
      s.snapshot(1);
      s.register('a', 1);
      if (!wrong) s.delta(1);
      s.settled(1);
    },
  },
  {
    guarantee: 'W7',
    what: 'a watcher that reads is told nothing at all',
    play: (s, wrong) => {
      s.watch(1);
      if (!wrong) s.snapshot(1);
      s.settled(1);
    },
  },
  {
    guarantee: 'W7',
    what: 'the token of an idle watcher is never refreshed',
    play: (s, wrong) => {
      s.watch(1, { selector: HEALTHY });
      s.snapshot(1);
      s.register('a', 1, { health: Health.DRAINING });
      s.pass(TTL_MS / 2);
      s.renew(1);
      for (let count = 0; count < 4; count++) {
        s.pass(TTL_MS - 1);
        s.renew(1);
      }
      if (!wrong) s.checkpoint(1);
      s.settled(1);
    },
  },
  {
    guarantee: 'W8',
    what: 'a watch begins before a write that was answered',
    play: (s, wrong) => {
      s.register('a', 1);
      s.register('b', 2);
      s.watch(1);
      s.snapshot(1, wrong ? { revision: 1, endpoints: [s.endpoint('a', { modRevision: 1 })] } : {});
    },
  },
  {
    guarantee: 'W8',
    what: 'a watch begins before its token',
    play: (s, wrong) => {
      s.ask({ kind: 'register', service: SERVICE, id: 'a', requestId: '', marker: 'lost' });
      s.revision({ a: { endpoint: s.endpoint('a', { metadata: { marker: 'lost' } }), leaseId: 1 } }, { a: 1 });
      s.watch(1, { token: s.writeToken(1) });
      s.snapshot(1, wrong ? { revision: 0, endpoints: [] } : {});
    },
  },
  {
    guarantee: 'W8',
    what: 'a list is older than its token',
    play: (s, wrong) => {
      const a = s.register('a', 1);
      const endpoints = wrong ? [] : [a];
      const resumeToken = s.token(wrong ? 0 : 1);
      s.record({
        type: 'list',
        service: SERVICE,
        selector: undefined,
        askedAt: 0,
        minToken: s.writeToken(1),
        resumeToken,
        endpoints,
      });
    },
  },
  {
    guarantee: 'W8',
    what: 'a list is not the state that it says it is',
    play: (s, wrong) => {
      const a = s.register('a', 1);
      const endpoints = wrong ? [] : [a];
      s.record({
        type: 'list',
        service: SERVICE,
        selector: undefined,
        askedAt: 0,
        minToken: '',
        resumeToken: s.token(1),
        endpoints,
      });
    },
  },
  {
    guarantee: 'W9',
    what: 'messages pile up for a watcher',
    play: (s, wrong) => {
      s.watch(1);
      s.snapshot(1, { untakenMessages: wrong ? 9 : 8 });
    },
  },
  {
    guarantee: 'W9',
    what: 'bytes pile up for a watcher',
    play: (s, wrong) => {
      s.watch(1);
      s.snapshot(1, { untakenBytes: 65_536 + 100 + (wrong ? 1 : 0) });
    },
  },
];

describeValidators(CASES);
