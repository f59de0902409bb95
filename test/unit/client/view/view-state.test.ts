import * as fc from 'fast-check';
import { endpointDigest } from '../../../../src/core/digest.js';
import { loadXxh64, type Xxh64 } from '../../../../src/core/hash.js';
import { encodeToken } from '../../../../src/core/token.js';
import { RemovedEndpoint_Reason, Snapshot_Reason, WatchResponse } from '../../../../src/gen/rollcall/v1/discovery.js';
import { Endpoint } from '../../../../src/gen/rollcall/v1/endpoint.js';
import {
  beginView,
  giveUpView,
  receive,
  reopenView,
  resumeFrom,
  type Step,
  type SyncedView,
  type ViewState,
} from '../../../../src/client/view/view-state.js';

let xxh64: Xxh64;
beforeAll(async () => {
  xxh64 = await loadXxh64();
});

function endpoint(id: string, modRevision: number): Endpoint {
  return Endpoint.fromPartial({ namespace: 'default', service: 'payments', id, modRevision });
}

function digestOf(...endpoints: Endpoint[]): bigint {
  return endpoints.reduce((digest, { id, modRevision }) => digest ^ endpointDigest(xxh64, id, modRevision), 0n);
}

function snapshot(
  revision: number,
  endpoints: Endpoint[],
  more: { last?: boolean; reason?: Snapshot_Reason; digest?: bigint } = {},
): WatchResponse {
  const { last = true, reason = Snapshot_Reason.INITIAL, digest = digestOf(...endpoints) } = more;
  return WatchResponse.create({
    event: { $case: 'snapshot', value: { endpoints, last, reason } },
    resumeToken: last ? `t${revision}` : '',
    digest: last ? digest : 0n,
    revision,
  });
}

function delta(revision: number, upserted: Endpoint[], removedIds: string[], digest: bigint): WatchResponse {
  const removed = removedIds.map((endpointId) => ({ endpointId, reason: RemovedEndpoint_Reason.EXPIRED, revision }));
  return WatchResponse.create({
    event: { $case: 'delta', value: { upserted, removed } },
    resumeToken: `t${revision}`,
    digest,
    revision,
  });
}

function checkpoint(revision: number, digest: bigint): WatchResponse {
  return WatchResponse.create({
    event: { $case: 'checkpoint', value: {} },
    resumeToken: `t${revision}`,
    digest,
    revision,
  });
}

function reconnect(revision: number, resumeToken: string, digest: bigint): WatchResponse {
  return WatchResponse.create({
    event: {
      $case: 'reconnect',
      value: { delayMax: { seconds: 2n, nanos: 500_000_000 }, alternates: [{ host: '10.0.0.2', port: 7400 }] },
    },
    resumeToken,
    digest,
    revision,
  });
}

/** Folds messages that must all be taken, and returns the last step. */
function fold(state: ViewState, ...messages: WatchResponse[]): Step {
  let step: Step = { kind: 'gathering', state };
  for (const message of messages) {
    step = receive(step.state, message, xxh64);
    expect(step.kind).toMatch(/event|gathering/);
  }
  return step;
}

function synced(...messages: WatchResponse[]): SyncedView {
  const { state } = fold(beginView(), ...messages);
  if (state.kind !== 'synced') throw new Error(`the view is ${state.kind}`);
  return state;
}

function idsOf(endpoints: SyncedView['endpoints']): string[] {
  return [...endpoints].map(([id]) => id).sort();
}

const a = () => endpoint('a', 1);
const b = () => endpoint('b', 2);

describe('a snapshot', () => {
  it('of one chunk is the view', () => {
    const step = fold(beginView(), snapshot(5, [a(), b()]));
    expect(step).toMatchObject({
      kind: 'event',
      event: {
        type: 'snapshot',
        reason: 'INITIAL',
        revision: 5,
        resumeToken: 't5',
        endpoints: [{ id: 'a' }, { id: 'b' }],
      },
    });
    expect(resumeFrom(step.state)).toEqual({ resumeToken: 't5', viewDigest: digestOf(a(), b()) });
  });

  it('without endpoints is a view too, with digest 0', () => {
    const state = synced(snapshot(5, []));
    expect(state.endpoints.size).toBe(0);
    expect(resumeFrom(state)).toEqual({ resumeToken: 't5', viewDigest: 0n });
  });

  it('shows nothing before its last chunk', () => {
    const before = synced(snapshot(3, [a()]));
    const step = fold(before, snapshot(9, [b()], { last: false, reason: Snapshot_Reason.COMPACTED }));
    expect(step.kind).toBe('gathering');
    expect((step.state as SyncedView).endpoints).toBe(before.endpoints);
    expect(resumeFrom(step.state).resumeToken).toBe('t3');
  });

  it('is put together from its chunks', () => {
    const last = snapshot(9, [b()], { digest: digestOf(a(), b()) });
    const state = synced(snapshot(9, [a()], { last: false }), last);
    expect(idsOf(state.endpoints)).toEqual(['a', 'b']);
  });

  it('begins anew with a chunk of another revision', () => {
    const state = synced(snapshot(9, [a()], { last: false }), snapshot(10, [b()]));
    expect(idsOf(state.endpoints)).toEqual(['b']);
    expect(state.revision).toBe(10);
  });

  it('that was half sent is forgotten with its stream', () => {
    const half = fold(beginView(), snapshot(9, [a()], { last: false })).state;
    const step = fold(reopenView(half), snapshot(9, [b()]));
    expect(idsOf((step.state as SyncedView).endpoints)).toEqual(['b']);
  });

  it('that does not end is refused, and what was gathered of it is let go', () => {
    const chunk = snapshot(9, [], { last: false });
    let step = fold(synced(snapshot(3, [a()])), chunk);
    for (let chunks = 1; chunks < 16_384; chunks++) step = receive(step.state, chunk, xxh64);
    expect(step.kind).toBe('gathering');
    step = receive(step.state, chunk, xxh64);
    expect(step).toMatchObject({ kind: 'refused', problem: 'a snapshot of more than 16384 messages' });
    expect(step.state).toMatchObject({ revision: 3, assembly: undefined });
  });

  it('without a token on its last chunk is refused', () => {
    const message = { ...snapshot(5, [a()]), resumeToken: '' };
    expect(receive(beginView(), message, xxh64)).toMatchObject({ kind: 'refused', state: { kind: 'blank' } });
  });
});

describe('a delta', () => {
  it('changes, adds and removes at once', () => {
    const newA = endpoint('a', 7);
    const c = endpoint('c', 7);
    const step = fold(synced(snapshot(5, [a(), b()])), delta(7, [newA, c], ['b'], digestOf(newA, c)));
    expect(step).toMatchObject({
      kind: 'event',
      event: { type: 'delta', revision: 7, removed: [{ endpointId: 'b', reason: 'EXPIRED', revision: 7 }] },
      state: { kind: 'synced', resumeToken: 't7', revision: 7, digest: digestOf(newA, c) },
    });
    expect(new Map((step.state as SyncedView).endpoints)).toEqual(
      new Map([
        ['a', newA],
        ['c', c],
      ]),
    );
  });

  it('leaves the state before it as it was', () => {
    const before = synced(snapshot(5, [a(), b()]));
    fold(before, delta(7, [], ['b'], digestOf(a())));
    expect(idsOf(before.endpoints)).toEqual(['a', 'b']);
    expect(before.digest).toBe(digestOf(a(), b()));
  });

  it('before any snapshot is refused', () => {
    expect(receive(beginView(), delta(7, [a()], [], digestOf(a())), xxh64)).toMatchObject({ kind: 'refused' });
  });

  it.each([5, 4])('at revision %i after 5 is refused, and what is held stays', (revision) => {
    const before = synced(snapshot(5, [a()]));
    const step = receive(before, delta(revision, [b()], [], digestOf(a(), b())), xxh64);
    expect(step).toMatchObject({ kind: 'refused', state: before });
  });

  it('between the chunks of a snapshot is refused, and the chunks are forgotten', () => {
    const half = fold(synced(snapshot(5, [a()])), snapshot(8, [b()], { last: false })).state;
    const step = receive(half, delta(7, [b()], [], digestOf(a(), b())), xxh64);
    expect(step).toMatchObject({ kind: 'refused', state: { kind: 'synced', revision: 5, assembly: undefined } });
  });
});

describe('a checkpoint', () => {
  it('moves the token and nothing else', () => {
    const before = synced(snapshot(5, [a()]));
    const step = fold(before, checkpoint(9, before.digest));
    expect(step).toMatchObject({ kind: 'event', event: { type: 'checkpoint', revision: 9, resumeToken: 't9' } });
    expect((step.state as SyncedView).endpoints).toBe(before.endpoints);
  });

  it('may repeat a revision, and never falls', () => {
    const before = synced(snapshot(5, [a()]));
    expect(receive(before, checkpoint(5, before.digest), xxh64).kind).toBe('event');
    expect(receive(before, checkpoint(4, before.digest), xxh64)).toMatchObject({ kind: 'refused', state: before });
  });

  it('before any snapshot is refused', () => {
    expect(receive(beginView(), checkpoint(5, 0n), xxh64).kind).toBe('refused');
  });
});

describe('revisions of snapshots', () => {
  const held = () => synced(snapshot(5, [a()]));

  it.each([
    ['COMPACTED', Snapshot_Reason.COMPACTED],
    ['INITIAL', Snapshot_Reason.INITIAL],
    ['DRIFT', Snapshot_Reason.DRIFT],
  ])('never go back for %s', (_, reason) => {
    expect(receive(held(), snapshot(4, [b()], { reason }), xxh64).kind).toBe('refused');
  });

  it('strictly increase for COMPACTED, and may repeat for a snapshot that was asked for', () => {
    expect(receive(held(), snapshot(5, [a()], { reason: Snapshot_Reason.COMPACTED }), xxh64).kind).toBe('refused');
    expect(receive(held(), snapshot(5, [a()], { reason: Snapshot_Reason.DRIFT }), xxh64).kind).toBe('event');
    expect(receive(held(), snapshot(5, [a()], { reason: Snapshot_Reason.INITIAL }), xxh64).kind).toBe('event');
  });

  it('begin anew with another epoch', () => {
    const step = fold(held(), snapshot(2, [b()], { reason: Snapshot_Reason.EPOCH_CHANGED }));
    expect(step).toMatchObject({ event: { reason: 'EPOCH_CHANGED', revision: 2 }, state: { revision: 2 } });
    fold(step.state, delta(3, [a()], [], digestOf(a(), b())));
  });
});

describe('a digest that differs', () => {
  it.each<[string, () => WatchResponse]>([
    ['a snapshot', () => snapshot(9, [a(), b()], { digest: 1n })],
    ['a delta', () => delta(9, [b()], [], 1n)],
    ['a checkpoint', () => checkpoint(9, 1n)],
    ['a reconnect', () => reconnect(9, 't9', 1n)],
  ])('in %s makes the view and its token worthless', (_, message) => {
    const step = receive(synced(snapshot(5, [a()])), message(), xxh64);
    expect(step).toMatchObject({ kind: 'drift', state: { kind: 'blank', drifted: true } });
    expect(resumeFrom(step.state)).toEqual({ resumeToken: '', viewDigest: undefined });
  });

  it('is the reason of the next snapshot, which may be of the same revision', () => {
    const { state } = receive(synced(snapshot(5, [a()])), checkpoint(5, 1n), xxh64);
    const step = fold(state, snapshot(5, [a(), b()]));
    expect(step).toMatchObject({ event: { type: 'snapshot', reason: 'DRIFT' }, state: { kind: 'synced' } });
  });
});

describe('a view that was given up', () => {
  const tokenOf = (epoch: string, revision: number): string => encodeToken({ epoch, revision, scope: 1n });
  const ours = '00000000000000aa';
  const other = '00000000000000bb';
  const at = (epoch: string, revision: number): WatchResponse => ({
    ...snapshot(revision, [b()]),
    resumeToken: tokenOf(epoch, revision),
  });
  const held = (): SyncedView => synced({ ...snapshot(5, [a()]), resumeToken: tokenOf(ours, 5) });

  it.each<[string, () => ViewState, string]>([
    ['as its token was not taken', () => giveUpView(held()), 'INITIAL'],
    ['twice', () => giveUpView(giveUpView(held())), 'INITIAL'],
    ['for a wrong digest', () => receive(held(), checkpoint(6, 1n), xxh64).state, 'DRIFT'],
  ])('%s is followed by nothing older of the same history', (_, given, reason) => {
    const state = given();
    expect(resumeFrom(state)).toEqual({ resumeToken: '', viewDigest: undefined });
    const refused = receive(state, at(ours, 4), xxh64);
    expect(refused).toMatchObject({ kind: 'refused', problem: 'a snapshot at revision 4 after 5' });
    expect(fold(refused.state, at(ours, 5))).toMatchObject({ event: { reason } });
  });

  it('is followed by whatever another history has, which is told as such', () => {
    expect(fold(giveUpView(held()), at(other, 2))).toMatchObject({ event: { reason: 'EPOCH_CHANGED', revision: 2 } });
    expect(fold(held(), at(other, 2))).toMatchObject({ event: { reason: 'EPOCH_CHANGED', revision: 2 } });
  });

  it('is followed by what a server says whose tokens are of a later version', () => {
    const step = fold(giveUpView(held()), { ...at(ours, 2), resumeToken: 'v2:2' });
    expect(step).toMatchObject({ event: { reason: 'EPOCH_CHANGED', revision: 2, resumeToken: 'v2:2' } });
  });
});

describe('a view resumed with a token from outside', () => {
  it('passes changes on, with nothing to check their digest against', () => {
    const state = beginView('t5');
    expect(resumeFrom(state)).toEqual({ resumeToken: 't5', viewDigest: undefined });
    const step = fold(state, checkpoint(5, 77n), delta(7, [a()], ['x'], 78n));
    expect(step).toMatchObject({
      event: { type: 'delta', resumeToken: 't7' },
      state: { kind: 'resumed', revision: 7 },
    });
    expect(resumeFrom(step.state)).toEqual({ resumeToken: 't7', viewDigest: undefined });
  });

  it('still refuses revisions that go back', () => {
    const { state } = fold(beginView('t5'), checkpoint(5, 77n));
    expect(receive(state, delta(5, [], ['x'], 0n), xxh64).kind).toBe('refused');
  });

  it('is checked from the first snapshot on', () => {
    const { state } = fold(beginView('t5'), snapshot(8, [a()], { reason: Snapshot_Reason.COMPACTED }));
    expect(receive(state, checkpoint(8, 1n), xxh64).kind).toBe('drift');
  });
});

describe('a reconnect', () => {
  const advice = { type: 'reconnect', delayMaxMs: 2_500, alternates: [{ host: '10.0.0.2', port: 7400 }] };

  it('with a token moves the token', () => {
    const before = synced(snapshot(5, [a()]));
    const step = fold(before, reconnect(9, 't9', before.digest));
    expect(step).toMatchObject({ event: { ...advice, resumeToken: 't9' }, state: { resumeToken: 't9', revision: 9 } });
  });

  it('without one, or without a view, leaves the state alone', () => {
    const before = synced(snapshot(5, [a()]));
    const step = fold(before, reconnect(9, '', 0n));
    expect(step).toMatchObject({ event: { ...advice, resumeToken: 't5', revision: 5 } });
    expect(step.state).toBe(before);
    expect(fold(beginView(), reconnect(9, 't9', 0n))).toMatchObject({ event: advice, state: { kind: 'blank' } });
  });

  it('in the middle of a snapshot forgets its chunks', () => {
    const half = fold(beginView(), snapshot(9, [a()], { last: false })).state;
    expect(fold(half, reconnect(9, '', 0n)).state).toEqual(beginView());
  });
});

it('a message without an event is refused', () => {
  expect(receive(beginView(), WatchResponse.create({ resumeToken: 't' }), xxh64).kind).toBe('refused');
});

it('whatever the changes, the folded view is the state, however its snapshots are cut into chunks', () => {
  const change = fc.record({ id: fc.constantFrom('a', 'b', 'c', 'd'), remove: fc.boolean(), resync: fc.boolean() });
  fc.assert(
    fc.property(fc.array(change, { maxLength: 40 }), (changes) => {
      const truth = new Map<string, Endpoint>();
      let state: ViewState = fold(beginView(), snapshot(1, [])).state;
      for (const [index, { id, remove, resync }] of changes.entries()) {
        const revision = index + 2;
        if (remove) truth.delete(id);
        else truth.set(id, endpoint(id, revision));
        const digest = digestOf(...truth.values());
        const reason = Snapshot_Reason.COMPACTED;
        const chunks = [...truth.values()].map((one) => snapshot(revision, [one], { last: false, reason }));
        const messages = resync
          ? [...chunks, snapshot(revision, [], { digest, reason })]
          : [delta(revision, remove ? [] : [endpoint(id, revision)], remove ? [id] : [], digest)];
        state = fold(state, ...messages).state;
        expect(new Map((state as SyncedView).endpoints)).toEqual(truth);
      }
    }),
  );
});
