import { SERVICE, TTL_MS } from '../../../support/validators/scenario.js';
import { describeValidators, type Case } from '../../../support/validators/describe-validators.js';

const CASES: readonly Case[] = [
  {
    guarantee: 'L4',
    what: 'the old lease removes a newer registration',
    play: (s, wrong) => {
      s.register('a', 1);
      s.register('a', 2);
      s.ask({ kind: 'deregister', service: SERVICE, id: 'a', leaseId: wrong ? 1 : 2 });
      s.revision({ a: undefined }, { a: undefined });
    },
  },
  {
    guarantee: 'L4',
    what: 'the old lease updates a newer registration',
    play: (s, wrong) => {
      s.register('a', 1);
      s.register('a', 2);
      s.ask({ kind: 'update', service: SERVICE, id: 'a', leaseId: wrong ? 1 : 2, marker: 'new' });
      s.revision({ a: { endpoint: s.endpoint('a', { metadata: { marker: 'new' } }), leaseId: 2 } });
    },
  },
  {
    guarantee: 'L4',
    what: 'what a client keeps registered is removed, though it was not told to release it',
    play: (s, wrong) => {
      const keep = (leaseId: number, more: object): void => {
        s.record({ type: 'kept', service: SERVICE, id: 'a', marker: 'kept' });
        const endpoint = s.endpoint('a', { metadata: { marker: 'kept' }, ...more });
        s.revision({ a: { endpoint, leaseId } }, { a: leaseId });
      };
      keep(1, {});
      // The lease was lost, and what is registered anew is the same.
      s.pass(TTL_MS);
      s.revision({}, { a: undefined });
      keep(2, { weight: 7 });
      if (!wrong) s.record({ type: 'released', service: SERVICE, id: 'a' });
      s.revision({ a: undefined }, { a: undefined });
    },
  },
  {
    guarantee: 'L4',
    what: 'an update happens under a lease that has lapsed',
    play: (s, wrong) => {
      s.register('a', 1);
      s.pass(TTL_MS);
      if (wrong) s.revision({}, { a: undefined });
      s.ask({ kind: 'update', service: SERVICE, id: 'a', leaseId: 1, marker: 'new' });
      s.revision({ a: { endpoint: s.endpoint('a', { metadata: { marker: 'new' } }), leaseId: 1 } });
    },
  },
  {
    guarantee: 'L4',
    what: 'a record is reaped whose lease is alive',
    play: (s, wrong) => {
      s.register('a', 1);
      s.pass(TTL_MS);
      if (!wrong) s.revision({}, { a: undefined });
      s.revision({ a: undefined });
    },
  },
  {
    guarantee: 'L4',
    what: 'something is registered that nobody asked for',
    play: (s, wrong) => {
      if (!wrong) s.ask({ kind: 'register', service: SERVICE, id: 'a', requestId: '', marker: 'asked' });
      s.revision({ a: { endpoint: s.endpoint('a', { metadata: { marker: 'asked' } }), leaseId: 1 } }, { a: 1 });
    },
  },
  {
    guarantee: 'L7',
    what: 'a write happens twice',
    play: (s, wrong) => {
      const { metadata } = s.register('a', 1);
      const again = s.endpoint('a', { metadata: wrong ? metadata : { marker: 'another' } });
      s.ask({ kind: 'register', service: SERVICE, id: 'a', requestId: '', marker: 'another' });
      s.revision({ a: { endpoint: again, leaseId: 2 } }, { a: 2 });
    },
  },
  {
    guarantee: 'L7',
    what: 'a retried registration replaces what it had made',
    play: (s, wrong) => {
      s.register('a', 1, {}, 'request-1');
      s.register('a', 2, {}, wrong ? 'request-1' : 'request-2');
    },
  },
  {
    guarantee: 'answers',
    what: 'a registration is answered that is not there',
    play: (s, wrong) => {
      s.register('a', 1);
      const write = s.ask({ kind: 'register', service: SERVICE, id: 'b', requestId: '', marker: 'b' });
      if (wrong) s.answer(write, { kind: 'written', revision: 1, leaseId: 9 });
    },
  },
  {
    guarantee: 'answers',
    what: 'a write is answered before it is shown',
    play: (s, wrong) => {
      s.register('a', 1);
      if (wrong)
        s.events.push(
          ...s.events.splice(
            s.events.findIndex(({ type }) => type === 'revision'),
            1,
          ),
        );
    },
  },
  {
    guarantee: 'answers',
    what: 'a write that was refused happens all the same',
    play: (s, wrong) => {
      const write = s.ask({ kind: 'register', service: SERVICE, id: 'a', requestId: '', marker: 'a' });
      if (wrong) s.answer(write, { kind: 'refused', reason: 'STORE_FULL' });
      s.revision({ a: { endpoint: s.endpoint('a', { metadata: { marker: 'a' } }), leaseId: 1 } }, { a: 1 });
    },
  },
  {
    guarantee: 'answers',
    what: 'a deregistration is answered while the endpoint is there',
    play: (s, wrong) => {
      s.register('a', 1);
      const write = s.ask({ kind: 'deregister', service: SERVICE, id: wrong ? 'a' : 'b', leaseId: 1 });
      s.answer(write, { kind: 'gone', revision: 1 });
    },
  },
  {
    guarantee: 'answers',
    what: 'the holder of an endpoint is told that another one holds it',
    play: (s, wrong) => {
      s.register('a', 1);
      const write = s.ask({ kind: 'deregister', service: SERVICE, id: 'a', leaseId: wrong ? 1 : 2 });
      s.answer(write, { kind: 'refused', reason: 'LEASE_MISMATCH' });
    },
  },
  {
    guarantee: 'answers',
    what: 'an update is refused for an endpoint that is there, under a lease that is alive',
    play: (s, wrong) => {
      s.register('a', 1);
      const write = s.ask({ kind: 'update', service: SERVICE, id: wrong ? 'a' : 'b', leaseId: 1, marker: 'x' });
      s.answer(write, { kind: 'refused', reason: 'ENDPOINT_NOT_FOUND' });
    },
  },
  {
    guarantee: 'durable',
    what: 'a revision is shown before it is on disk',
    play: (s, wrong) => {
      s.record({ type: 'flushed', revision: wrong ? 0 : 1 });
      s.register('a', 1);
    },
  },
  {
    guarantee: 'durable',
    what: 'a revision is passed over',
    play: (s, wrong) => {
      s.register('a', 1);
      s.revision({}, {}, wrong ? 3 : 2);
    },
  },
  {
    guarantee: 'durable',
    what: 'a restart loses an endpoint',
    play: (s, wrong) => {
      s.register('a', 1);
      s.restart(1, wrong ? 'a' : undefined);
    },
  },
  {
    guarantee: 'durable',
    what: 'a restart goes back to an older revision',
    play: (s, wrong) => {
      s.register('a', 1);
      s.register('b', 2);
      s.restart(wrong ? 1 : 2);
    },
  },
];

describeValidators(CASES);
