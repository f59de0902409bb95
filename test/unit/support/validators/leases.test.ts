import { EPOCH, TTL_MS } from '../../../support/validators/scenario.js';
import { describeValidators, type Case } from '../../../support/validators/describe-validators.js';

const CASES: readonly Case[] = [
  {
    guarantee: 'L1',
    what: 'a lease lapses before its TTL',
    play: (s, wrong) => {
      s.register('a', 1);
      s.pass(wrong ? TTL_MS - 1 : TTL_MS);
      s.expire('a');
    },
  },
  {
    guarantee: 'L1',
    what: 'a lease lapses before its TTL after a renewal',
    play: (s, wrong) => {
      s.register('a', 1);
      s.pass(TTL_MS / 2);
      s.renew(1);
      s.pass(wrong ? TTL_MS - 1 : TTL_MS);
      s.expire('a');
    },
  },
  {
    guarantee: 'L1',
    what: 'a lease lapses early by more than its grant may have been told of late',
    play: (s, wrong) => {
      s.events.splice(0, 1, { type: 'start', epoch: EPOCH, precisionMs: 50, atMs: 0 });
      s.register('a', 1);
      s.pass(wrong ? TTL_MS - 51 : TTL_MS - 50);
      s.expire('a');
    },
  },
  {
    guarantee: 'L1',
    what: 'a lease lapses early by more than a stall explains',
    play: (s, wrong) => {
      s.register('a', 1);
      s.record({ type: 'stall', ms: 700 });
      s.pass(wrong ? TTL_MS - 151 : TTL_MS - 150);
      s.expire('a');
    },
  },
  {
    guarantee: 'L2',
    what: 'an endpoint outlives its lease',
    play: (s, wrong) => {
      s.register('a', 1);
      s.pass(TTL_MS + 500);
      if (wrong) s.pass(1);
      s.settled();
    },
  },
  {
    guarantee: 'L2',
    what: 'a lease lapses late, though nobody looks while it should be gone',
    play: (s, wrong) => {
      s.register('a', 1);
      s.pass(100);
      // Whoever renewed did not hear that it worked.
      if (!wrong) s.record({ type: 'renewed', leaseIds: [1] });
      s.pass(TTL_MS + 450);
      s.revision({}, { a: undefined });
    },
  },
  {
    guarantee: 'L2',
    what: 'an endpoint outlives its lease after the disk has healed',
    play: (s, wrong) => {
      s.register('a', 1);
      s.record({ type: 'disk', works: false });
      s.pass(10 * TTL_MS);
      s.settled();
      s.record({ type: 'disk', works: true });
      s.pass(3_000);
      if (wrong) s.pass(1);
      s.settled();
    },
  },
  {
    guarantee: 'L3',
    what: 'a lease renews after its end',
    play: (s, wrong) => {
      s.register('a', 1);
      s.pass(TTL_MS);
      s.expire('a');
      if (wrong) s.renew(1);
      else s.answer(s.ask({ kind: 'renew', leaseIds: [1] }), { kind: 'renewed', ttlsMs: [undefined] });
    },
  },
  {
    guarantee: 'L3',
    what: 'a lease renews that never was',
    play: (s, wrong) => {
      s.answer(s.ask({ kind: 'renew', leaseIds: [5] }), { kind: 'renewed', ttlsMs: [wrong ? TTL_MS : undefined] });
    },
  },
  {
    guarantee: 'L3',
    what: 'a lease that is alive does not renew',
    play: (s, wrong) => {
      s.register('a', 1);
      s.pass(TTL_MS / 2);
      s.answer(s.ask({ kind: 'renew', leaseIds: [1] }), { kind: 'renewed', ttlsMs: [wrong ? undefined : TTL_MS] });
    },
  },
  {
    guarantee: 'L3',
    what: 'a renewal answers with another TTL',
    play: (s, wrong) => {
      s.register('a', 1);
      s.renew(1, wrong ? TTL_MS * 2 : TTL_MS);
    },
  },
  {
    guarantee: 'L5',
    what: 'a lease lapses soon after a restart',
    play: (s, wrong) => {
      s.register('a', 1);
      s.pass(TTL_MS / 2);
      s.restart();
      s.pass(wrong ? TTL_MS - 1 : TTL_MS);
      s.expire('a');
    },
  },
];

describeValidators(CASES);
