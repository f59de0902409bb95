import { isRollcallError } from '../../src/core/errors.js';
import type { Xxh64 } from '../../src/core/hash.js';
import { encodeToken, NO_SCOPE, type Revision } from '../../src/core/token.js';
import type { Store } from '../../src/store/contract.js';
import type { DiskGate } from '../support/disk-gate.js';
import { FakeClock } from '../support/fake-clock.js';
import type { Answer, Write } from '../support/validators/history.js';
import type { Engine } from './engines.js';
import { Recorder } from './recorder.js';
import { CHECKPOINT_INTERVAL_MS, startServer, type Server } from '../support/server-parts.js';
import { Watcher } from './watcher.js';

/** The bounds of a run, small enough to bite or wide enough not to. */
export interface Bounds {
  readonly changesBytesMax: number;
  readonly countMax: number;
  readonly ageMsMax: number;
}

interface WatcherTarget {
  readonly service: string;
  readonly selector: Watcher['selector'];
}

/** A lease that a client was told of. */
export interface KnownLease {
  readonly service: string;
  readonly id: string;
  readonly leaseId: number;
}

/**
 * One run: a server on an engine, its clients, and time. Nothing happens in it
 * but by its clock and its disk, both of which stand still until told.
 */
export class World {
  readonly clock = new FakeClock({ soonByItself: false });
  readonly recorder = new Recorder(this.clock);
  readonly watchers: Watcher[] = [];
  /** Oldest first. */
  readonly leases: KnownLease[] = [];
  readonly xxh64: Xxh64;
  readonly #engine: Engine;
  readonly #bounds: Bounds;
  #running: { readonly store: Store; readonly gate: DiskGate; readonly server: Server } | undefined;
  #streams = 0;
  #writes = 0;

  constructor(engine: Engine, bounds: Bounds, xxh64: Xxh64) {
    this.#engine = engine;
    this.#bounds = bounds;
    this.xxh64 = xxh64;
  }

  get store(): Store {
    return this.#now.store;
  }

  get gate(): DiskGate {
    return this.#now.gate;
  }

  get server(): Server {
    return this.#now.server;
  }

  get #now() {
    if (this.#running === undefined) throw new Error('the server does not run');
    return this.#running;
  }

  async start(): Promise<void> {
    const { clock, recorder, xxh64 } = this;
    const { changesBytesMax, ...history } = this.#bounds;
    const onWritten = ({ revision }: { revision: number }) => recorder.record({ type: 'flushed', revision });
    const { store, gate } = await this.#engine.open({ clock, history, onWritten });
    if (recorder.events.length === 0) recorder.record({ type: 'start', epoch: store.epoch });
    recorder.follow(store);
    const server = await startServer(store, { clock, xxh64, changesBytesMax });
    this.#running = { store, gate, server };
  }

  addWatcher(target: WatcherTarget, writeMs = 0): Watcher {
    const watcher = this.#watcher(target, writeMs);
    this.watchers.push(watcher);
    return watcher;
  }

  replaceWatcher(index: number, target: WatcherTarget): Watcher {
    return (this.watchers[index] = this.#watcher(target, 0));
  }

  #watcher(target: WatcherTarget, writeMs: number): Watcher {
    const { clock, recorder, xxh64 } = this;
    const nextStream = () => ++this.#streams;
    const hub = () => this.server.hub;
    const floor = () => this.server.directory.floor;
    return new Watcher({ clock, recorder, xxh64, nextStream, hub, floor }, target, writeMs);
  }

  /** The revision of the latest write that was answered. */
  get newestAnswered(): Revision {
    const latest = this.recorder.events.findLast((event) => event.type === 'answer' && 'revision' in event.answer);
    return latest?.type === 'answer' && 'revision' in latest.answer ? latest.answer.revision : 0;
  }

  /** A token as a write gives it. */
  writeToken(revision: Revision): string {
    return encodeToken({ epoch: this.store.epoch, revision, scope: NO_SCOPE });
  }

  /** A text that no other write of this run has. */
  nextMarker(): string {
    return `w${this.#writes + 1}`;
  }

  /** Asks for a write and notes its answer, which nobody waits for. */
  ask(what: Write, attempt: () => Promise<Answer>): void {
    const write = ++this.#writes;
    this.recorder.record({ type: 'write', write, what });
    attempt().then(
      (answer) => this.recorder.record({ type: 'answer', write, answer }),
      (error: unknown) => {
        if (!isRollcallError(error)) throw error;
        this.recorder.record({ type: 'answer', write, answer: { kind: 'refused', reason: error.reason } });
      },
    );
  }

  /** A few turns of the event loop, and what the disk has begun. */
  async turn(count: number): Promise<void> {
    for (let turn = 0; turn < count; turn++) {
      await this.#turn();
      await this.gate.settle();
    }
  }

  /** One turn of the event loop. Where it kept the thread busy, the timers that fell due meanwhile come before the next. */
  async #turn(): Promise<boolean> {
    const beganMs = this.clock.monotonicMs();
    const ran = await this.clock.turn();
    const endedMs = this.clock.monotonicMs();
    return (endedMs > beganMs && this.clock.fireNext(endedMs)) || ran;
  }

  /** Until nothing is under way, but for a write that the disk holds. */
  async settle(): Promise<void> {
    for (;;) {
      const ran = await this.#turn();
      const wrote = await this.gate.settle();
      if (!ran && !wrote) return;
    }
  }

  /** Settles and says so in the history. */
  async rest(): Promise<void> {
    await this.settle();
    const reading = this.watchers.flatMap((watcher) => watcher.reading ?? []);
    this.recorder.record({ type: 'settled', reading, checkpointIntervalMs: CHECKPOINT_INTERVAL_MS });
  }

  async advance(ms: number): Promise<void> {
    await this.clock.advance(ms, () => this.settle());
  }

  stall(ms: number): void {
    this.recorder.record({ type: 'stall', ms });
    this.clock.stall(ms);
  }

  holdDisk(): void {
    if (!this.#engine.hasDisk) return;
    if (this.gate.mode === 'open') this.recorder.record({ type: 'disk', works: false });
    if (this.gate.mode !== 'full') this.gate.hold();
  }

  fillDisk(): void {
    if (!this.#engine.hasDisk) return;
    if (this.gate.mode === 'open') this.recorder.record({ type: 'disk', works: false });
    this.gate.fill();
  }

  mendDisk(): void {
    if (this.gate.mode !== 'open') this.recorder.record({ type: 'disk', works: true });
    this.gate.release();
  }

  /** The server ends in good order and is started again on what it left. */
  async restart(): Promise<void> {
    this.mendDisk();
    const { server, store, gate } = this.#now;
    server.hub.close({ delayMax: { seconds: 1n, nanos: 0 }, alternates: [] });
    await this.settle();
    server.reaper.stop();
    server.directory.close();
    if (!this.#engine.hasDisk) {
      // Nothing outlives the store, so only what is above it is replaced.
      const { clock, xxh64 } = this;
      const { changesBytesMax } = this.#bounds;
      this.#running = { store, gate, server: await startServer(store, { clock, xxh64, changesBytesMax }) };
      return;
    }
    const closed = store.close();
    await this.settle();
    await closed;
    await this.#startAgain();
  }

  /** The server is killed, and started again. */
  async crash(held: 'written' | 'lost'): Promise<void> {
    if (!this.#engine.hasDisk) return this.restart();
    for (const watcher of this.watchers) watcher.disconnect();
    this.clock.forgetAll();
    if (this.gate.mode !== 'open') this.recorder.record({ type: 'disk', works: true });
    await this.gate.die(held);
    await this.#startAgain();
  }

  async #startAgain(): Promise<void> {
    for (const watcher of this.watchers) watcher.disconnect();
    this.clock.forgetAll();
    await this.start();
    await this.recorder.recordRestart(this.store);
  }

  async close(): Promise<void> {
    this.gate.release();
    this.server.reaper.stop();
    this.server.directory.close();
    const closed = this.store.close();
    await this.settle();
    await closed;
    this.#engine.dispose();
  }
}
