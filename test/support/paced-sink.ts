import type { RollcallError } from '../../src/core/errors.js';
import type { WatchSink } from '../../src/watch/outlet.js';
import type { FakeClock } from './fake-clock.js';

interface Queued {
  readonly message: Buffer;
  readonly onTaken: (() => void) | undefined;
}

export interface SinkEvents {
  onQueued(message: Buffer, queued: { readonly messages: number; readonly bytes: number }): void;
  onMessage(message: Buffer): void;
  onEnd(error: RollcallError): void;
}

/** A stream in memory, whose reader can stop and go on. */
export class PacedSink implements WatchSink {
  readonly #clock: FakeClock;
  readonly #events: SinkEvents;
  /** How long the server's thread is busy with one message. */
  readonly #writeMs: number;
  readonly #queue: Queued[] = [];
  #reading = true;
  #readingSinceMs: number;
  #takeScheduled = false;
  #ended: RollcallError | undefined;
  #isGone = false;

  constructor(clock: FakeClock, events: SinkEvents, writeMs = 0) {
    this.#clock = clock;
    this.#events = events;
    this.#writeMs = writeMs;
    this.#readingSinceMs = clock.runningMs();
  }

  get idle(): boolean {
    return this.#queue.length === 0;
  }

  /** Since when it has read, in running time; undefined while it does not. */
  get readingSinceMs(): number | undefined {
    return this.#reading ? this.#readingSinceMs : undefined;
  }

  write(message: Buffer, onTaken?: () => void): void {
    if (this.#ended !== undefined) throw new Error('something was written after the end');
    this.#clock.spend(this.#writeMs);
    this.#queue.push({ message, onTaken });
    const bytes = this.#queue.reduce((sum, queued) => sum + queued.message.length, 0);
    this.#events.onQueued(message, { messages: this.#queue.length, bytes });
    this.#scheduleTake();
  }

  end(error: RollcallError): void {
    this.#ended = error;
    this.#scheduleTake();
  }

  /** The reader takes nothing from now on. */
  stop(): void {
    this.#reading = false;
  }

  /** The reader takes whatever comes from now on. */
  goOn(): void {
    if (!this.#reading) this.#readingSinceMs = this.#clock.runningMs();
    this.#reading = true;
    this.#scheduleTake();
  }

  /** A reader that has stopped takes a few messages. */
  takeSome(count: number): void {
    for (let taken = 0; taken < count && this.#takeOne(); taken++);
  }

  /** The stream is no more; nothing of it reaches anyone. */
  cut(): void {
    this.#isGone = true;
    this.#queue.length = 0;
  }

  #scheduleTake(): void {
    if (!this.#reading || this.#takeScheduled) return;
    this.#takeScheduled = true;
    this.#clock.soon(() => {
      this.#takeScheduled = false;
      while (this.#reading && this.#takeOne());
    });
  }

  #takeOne(): boolean {
    if (this.#isGone) return false;
    const queued = this.#queue.shift();
    if (queued !== undefined) {
      this.#events.onMessage(queued.message);
      queued.onTaken?.();
      return true;
    }
    if (this.#ended !== undefined) {
      this.cut();
      this.#events.onEnd(this.#ended);
    }
    return false;
  }
}
