import type { RollcallError } from '../core/errors.js';
import { manyMessage, type ManyEvent } from './messages.js';
import { Outlet, type WatchOutlet, type WatchSink } from './outlet.js';

/** What is sent in one message at most; a larger one of a single watch goes by itself. */
const BATCH_BYTES = 64 * 1024;

/**
 * One stream for many watches. What they are to be told in one turn of the
 * event loop goes in one message, so that the transport is asked once and not
 * once for each.
 *
 * The bound of the stream is that of all its watches together: when it is full,
 * all wait, and then go on in turn.
 */
export class SharedOutlet {
  readonly #outlet: Outlet;
  /** The serialized status for a watch that ends with an error. */
  readonly #encodeStatus: (error: unknown) => Buffer;
  #batch: ManyEvent[] = [];
  #batchBytes = 0;

  constructor(sink: WatchSink, encodeStatus: (error: unknown) => Buffer) {
    this.#outlet = new Outlet(sink);
    this.#encodeStatus = encodeStatus;
  }

  /** The part of one watch, by its id on this stream. */
  watch(watchId: number): WatchOutlet {
    return new PartOfOutlet(this, watchId);
  }

  get full(): boolean {
    return this.#outlet.full;
  }

  write(event: ManyEvent): void {
    const bytes = event.bytes.length;
    if (this.#batchBytes + bytes > BATCH_BYTES) this.flush();
    this.#batch.push(event);
    this.#batchBytes += bytes;
    if (this.#batchBytes >= BATCH_BYTES) this.flush();
    else if (this.#batch.length === 1) flushLater(this);
  }

  /** As of {@link WatchOutlet}. */
  whenRoom(onRoom: () => void): void {
    this.#outlet.whenRoom(onRoom);
  }

  /** Hands over what waits for the end of this turn. */
  flush(): void {
    if (this.#batch.length === 0) return;
    const batch = this.#batch;
    this.#batch = [];
    this.#batchBytes = 0;
    this.#outlet.write(manyMessage(batch));
  }

  /** Tells that a watch has ended, or could not begin. */
  endWatch(watchId: number, error: unknown): void {
    this.write({ watchId, kind: 'status', bytes: this.#encodeStatus(error) });
  }
}

/** Those with something to send at the end of this turn. One job for all of them costs less than one each. */
let due: SharedOutlet[] = [];

function flushLater(outlet: SharedOutlet): void {
  due.push(outlet);
  if (due.length > 1) return;
  queueMicrotask(() => {
    const outlets = due;
    due = [];
    for (const each of outlets) each.flush();
  });
}

class PartOfOutlet implements WatchOutlet {
  readonly #shared: SharedOutlet;
  readonly #watchId: number;

  constructor(shared: SharedOutlet, watchId: number) {
    this.#shared = shared;
    this.#watchId = watchId;
  }

  get full(): boolean {
    return this.#shared.full;
  }

  write(message: Buffer): void {
    this.#shared.write({ watchId: this.#watchId, kind: 'response', bytes: message });
  }

  whenRoom(onRoom: () => void): void {
    this.#shared.whenRoom(onRoom);
  }

  end(error: RollcallError): void {
    this.#shared.endWatch(this.#watchId, error);
  }
}
