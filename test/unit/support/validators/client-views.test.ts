import { SERVICE, type Scenario } from '../../../support/validators/scenario.js';
import { describeValidators, type Case } from '../../../support/validators/describe-validators.js';
import type { Endpoint } from '../../../../src/gen/rollcall/v1/endpoint.js';

const VIEW = { service: SERVICE, selector: undefined };

function show(s: Scenario, revision: number, endpoints: readonly Endpoint[]): void {
  s.record({ type: 'view', reader: 1, ...VIEW, revision, endpoints });
}

function settle(s: Scenario, endpoints: readonly Endpoint[] | undefined, damaged = false, deliveryMs = 0): void {
  const views = [{ who: 'a view', ...VIEW, endpoints, damaged }];
  s.record({ type: 'settled', reading: [], checkpointIntervalMs: 1_000, views, deliveryMs });
}

const CASES: readonly Case[] = [
  {
    guarantee: 'W2',
    what: 'a client shows less than there is',
    play: (s, wrong) => {
      const endpoints = [s.register('a', 1), s.register('b', 2)];
      show(s, s.newest, wrong ? endpoints.slice(1) : endpoints);
    },
  },
  {
    guarantee: 'W2',
    what: 'a client shows what is yet to come',
    play: (s, wrong) => {
      const a = s.register('a', 1);
      show(s, wrong ? 2 : 1, [a]);
    },
  },
  {
    guarantee: 'W6',
    what: 'a client goes back to what was',
    play: (s, wrong) => {
      const a = s.register('a', 1);
      const b = s.register('b', 2);
      show(s, 2, [a, b]);
      if (wrong) show(s, 1, [a]);
    },
  },
  {
    guarantee: 'W7',
    what: 'a view never arrives',
    play: (s, wrong) => {
      const a = s.register('a', 1);
      settle(s, wrong ? [] : [a]);
    },
  },
  {
    guarantee: 'W7',
    what: 'nothing is ever shown',
    play: (s, wrong) => settle(s, wrong ? undefined : []),
  },
  {
    guarantee: 'W7',
    what: 'a view is late by more than a delivery takes',
    play: (s, wrong) => {
      s.register('a', 1);
      if (wrong) s.pass(500);
      settle(s, [], false, 400);
    },
  },
  {
    guarantee: 'W7',
    what: 'a view whose bytes were damaged has the wrong revision of an endpoint',
    play: (s, wrong) => {
      const a = s.register('a', 1);
      settle(s, [{ ...a, weight: 7, modRevision: wrong ? 9 : a.modRevision }], true);
    },
  },
  {
    guarantee: 'W7',
    what: 'what a client keeps registered is not there',
    play: (s, wrong) => {
      s.record({ type: 'kept', service: SERVICE, id: 'a', marker: 'm1' });
      if (!wrong) s.register('a', 1);
      const kept = [{ service: SERVICE, id: 'a', markers: ['m1'] }];
      s.record({ type: 'settled', reading: [], checkpointIntervalMs: 1_000, kept });
    },
  },
];

describeValidators(CASES);
