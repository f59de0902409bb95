import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { isRollcallError } from '../../src/core/errors.js';
import type { Entry, LeaseId, Op, Revision, Store, Txn, TxnResult } from '../../src/store/contract.js';
import { EmbeddedStore } from '../../src/store/embedded/embedded-store.js';
import { plain, RecordingFollower } from '../../src/testing/recording-follower.js';
import { DiskGate } from '../support/disk-gate.js';
import { FakeClock } from '../support/fake-clock.js';
import { RamDisk } from '../support/ram-disk.js';
import { runCount, seed } from './check-model.js';

const TTL_MS = 1_000;

interface TxnCommand {
  readonly do: 'txn';
  readonly puts: readonly { readonly key: number; readonly lease: number | undefined }[];
  readonly deletes: readonly number[];
  /** What is known of the key, or that it is absent, or something that was never so. */
  readonly guards: readonly { readonly key: number; readonly expect: 'known' | 'absent' | 'wrong' }[];
  readonly ends: readonly number[];
}

type Command =
  | TxnCommand
  | { readonly do: 'grant' }
  | { readonly do: 'renew'; readonly leases: readonly number[] }
  | { readonly do: 'advance'; readonly ms: number }
  | { readonly do: 'disk'; readonly is: 'held' | 'full' | 'fine' }
  | { readonly do: 'turn'; readonly count: number }
  | { readonly do: 'restart' };

const key = fc.nat({ max: 4 });
const lease = fc.nat({ max: 3 });
const commands: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record({
      do: fc.constant('txn' as const),
      puts: fc.uniqueArray(fc.record({ key, lease: fc.option(lease, { nil: undefined }) }), {
        maxLength: 2,
        selector: (put) => put.key,
      }),
      deletes: fc.uniqueArray(key, { maxLength: 2 }),
      guards: fc.array(
        fc.record({
          key,
          expect: fc.constantFrom('known' as const, 'known' as const, 'absent' as const, 'wrong' as const),
        }),
        {
          maxLength: 2,
        },
      ),
      ends: fc.oneof(
        { weight: 3, arbitrary: fc.constant([]) },
        { weight: 1, arbitrary: fc.array(lease, { maxLength: 2 }) },
      ),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('grant' as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('renew' as const), leases: fc.array(lease, { maxLength: 3 }) }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('advance' as const), ms: fc.constantFrom(100, 400, 900, 1_300) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('disk' as const),
      is: fc.constantFrom('held' as const, 'full' as const, 'fine' as const),
    }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('turn' as const), count: fc.integer({ min: 1, max: 3 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('restart' as const) }) },
);

interface Answered {
  readonly txn: Txn;
  readonly result: TxnResult | 'refused';
}

/** A store on a disk that is slow or full at times, and all that it was asked and has answered. */
class Run {
  readonly clock = new FakeClock({ soonByItself: false });
  readonly disk = new RamDisk();
  readonly answered: Answered[] = [];
  readonly leases: LeaseId[] = [];
  readonly batches: RecordingFollower[] = [];
  gate = new DiskGate(this.disk);
  #store: Store | undefined;
  #asked = 0;

  get store(): Store {
    assert(this.#store);
    return this.#store;
  }

  async open(): Promise<void> {
    this.gate = new DiskGate(this.disk);
    this.#store = await EmbeddedStore.open(this.gate.persistence, { clock: this.clock });
    this.batches.push(new RecordingFollower(this.#store, this.batches.at(-1)?.revision ?? 0));
  }

  async do(command: Command): Promise<void> {
    switch (command.do) {
      case 'txn':
        return this.#ask(await this.#txnOf(command));
      case 'grant':
        return void this.leases.push(await this.store.grantLease(TTL_MS));
      case 'renew':
        return void (await this.store.renewLeases(this.#known(command.leases)));
      case 'advance':
        return this.clock.advance(command.ms, () => this.settle());
      case 'disk':
        return { held: () => this.gate.hold(), full: () => this.gate.fill(), fine: () => this.gate.release() }[
          command.is
        ]();
      case 'turn':
        for (let turn = 0; turn < command.count; turn++) await this.clock.turn();
        return;
      case 'restart':
        return this.restart();
    }
  }

  async restart(): Promise<void> {
    this.gate.release();
    const closed = this.store.close();
    await this.settle();
    await closed;
    this.clock.forgetAll();
    await this.open();
  }

  async settle(): Promise<void> {
    while (await this.clock.turn());
  }

  #ask(txn: Txn): void {
    this.store.txn(txn).then(
      (result) => this.answered.push({ txn, result }),
      (error: unknown) => {
        assert(isRollcallError(error), String(error));
        this.answered.push({ txn, result: 'refused' });
      },
    );
  }

  async #txnOf({ puts, deletes, guards, ends }: TxnCommand): Promise<Txn> {
    const put = puts.map(({ key: number, lease: which }): Op => {
      const [leaseId] = which === undefined ? [] : this.#known([which]);
      const op = { kind: 'put', key: `k${number}`, value: Buffer.from(`v${++this.#asked}`) } as const;
      return leaseId === undefined ? op : { ...op, lease: leaseId };
    });
    const names = new Set(put.map((op) => op.key));
    const deleted = deletes
      .map((number): Op => ({ kind: 'delete', key: `k${number}` }))
      .filter((op) => !names.has(op.key));
    const revisionOf = async (name: string) => (await this.store.get(name))?.modRevision ?? 0;
    return {
      ops: [...put, ...deleted],
      endLeases: this.#known(ends),
      guards: await Promise.all(
        guards.map(async ({ key: number, expect: what }) => {
          const name = `k${number}`;
          const modRevision = { known: await revisionOf(name), absent: 0, wrong: 1_000_000 }[what];
          return { key: name, modRevision };
        }),
      ),
    };
  }

  /** The latest leases, and one that never was. */
  #known(picks: readonly number[]): LeaseId[] {
    return picks.map((pick) => this.leases.at(-1 - pick) ?? 42);
  }
}

/** Every state, by revision, as followers were told of it. */
function statesOf(run: Run): Map<Revision, ReadonlyMap<string, Entry>> {
  const states = new Map<Revision, ReadonlyMap<string, Entry>>([[0, new Map()]]);
  let state = new Map<string, Entry>();
  for (const follower of run.batches) {
    for (const { revision, changes } of follower.batches) {
      state = new Map(state);
      for (const { key: name, entry, prev } of changes) {
        assert.deepEqual(plain(prev), plain(state.get(name)), 'a change begins where the last one ended');
        if (entry === undefined) state.delete(name);
        else state.set(name, entry);
      }
      assert.equal(revision, Math.max(...states.keys()) + 1, 'no revision is left out');
      states.set(revision, state);
    }
  }
  return states;
}

/** That a transaction was answered truly: it was decided at one moment, and that is the revision of the answer. */
function checkAnswer({ txn, result }: Answered, states: ReadonlyMap<Revision, ReadonlyMap<string, Entry>>): void {
  const { ops, guards = [], endLeases = [] } = txn;
  const values = ops.flatMap((op) => (op.kind === 'put' ? String(op.value) : []));
  const shownAt = [...states].find(([, state]) =>
    [...state.values()].some((entry) => values.includes(String(entry.value))),
  );
  if (result === 'refused') {
    assert.equal(shownAt, undefined, 'what was refused is never seen');
    return;
  }
  const after = states.get(result.revision);
  assert(after, `revision ${result.revision} was shown`);
  const holdsIn = (state: ReadonlyMap<string, Entry>) =>
    guards.map((guard) => (state.get(guard.key)?.modRevision ?? 0) === guard.modRevision);
  if (!result.committed) {
    assert.equal(
      holdsIn(after).indexOf(false),
      result.failedGuard,
      'the guard that is named is the first that does not hold',
    );
    assert.equal(shownAt, undefined, 'what did not happen is never seen');
    return;
  }
  const own = [...after.values()].some((entry) => values.includes(String(entry.value)));
  const before = own ? states.get(result.revision - 1)! : after;
  assert(own || values.length === 0, 'what happened is there at the revision of the answer');
  if (own) assert(!holdsIn(before).includes(false), 'every guard held before');
  for (const op of ops) {
    if (op.kind === 'put') assert.equal(String(after.get(op.key)?.value), String(op.value));
    else assert.equal(after.get(op.key), undefined);
  }
  for (const entry of after.values())
    assert(!endLeases.includes(entry.lease ?? -1), 'nothing is held by a lease that ended');
}

test(
  `the store answers truly, shows nothing that is not on disk, and lets no key outlive its lease (seed ${seed})`,
  async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(commands, { maxLength: 40, size: 'max' }), async (list) => {
        const run = new Run();
        await run.open();
        for (const command of list) await run.do(command);
        run.gate.release();
        await run.settle();
        // Every lease lapses, also those whose end was refused for a while.
        await run.clock.advance(3 * TTL_MS + 2_000, () => run.settle());
        for (const follower of run.batches) follower.check();

        const states = statesOf(run);
        for (const answered of run.answered) checkAnswer(answered, states);
        const left = (await run.store.range({ prefix: '' })).entries;
        expect(left.map(plain)).toEqual(
          [...states.get(run.store.revision)!.values()].sort((a, b) => (a.key < b.key ? -1 : 1)).map(plain),
        );
        expect(left.filter((entry) => entry.lease !== undefined)).toEqual([]);
        expect(await run.store.renewLeases(run.leases)).toEqual(run.leases.map(() => undefined));

        const { revision, epoch } = run.store;
        await run.restart();
        expect([run.store.revision, run.store.epoch]).toEqual([revision, epoch]);
        expect((await run.store.range({ prefix: '' })).entries.map(plain)).toEqual(left.map(plain));
        expect((await run.disk.load()).leases).toEqual([]);
      }),
      { numRuns: runCount(1_500), seed },
    );
  },
  60 * 60 * 1_000,
);
