import type { RollcallError } from '../core/errors.js';

/** Where messages go: one stream of some transport. */
export interface WatchSink {
  /** Whether everything written has been taken by the transport. */
  readonly idle: boolean;
  /**
   * Hands over one encoded message. `onTaken` is called once the transport has
   * taken it and all before it, and never before this returns.
   */
  write(message: Buffer, onTaken?: () => void): void;
  /** Ends the stream with an error. Nothing is written afterwards. */
  end(error: RollcallError): void;
}

/** Where one watcher's messages go, which may be a stream that it shares. */
export interface WatchOutlet {
  /** Whether nothing more may be written for now. */
  readonly full: boolean;
  /** Hands over one encoded `WatchResponse`. */
  write(message: Buffer): void;
  /** Calls `onRoom` once, when more may be written, and never before this returns. To be asked for while `full`. */
  whenRoom(onRoom: () => void): void;
  /** Ends the watch with an error. Nothing is written afterwards. */
  end(error: RollcallError): void;
}

/**
 * What may wait in a stream before it is left alone. With one message on top
 * that is the most held for its reader, whatever it does.
 */
const UNTAKEN_BYTES_MAX = 64 * 1024;
const UNTAKEN_MESSAGES_MAX = 8;

/** A stream that is full when its reader takes too little of what was written. */
export class Outlet implements WatchOutlet {
  readonly #sink: WatchSink;
  #untakenBytes = 0;
  #untakenMessages = 0;
  #full = false;
  #writesWhenFull = 0;
  #waiting: (() => void)[] = [];

  constructor(sink: WatchSink) {
    this.#sink = sink;
  }

  get full(): boolean {
    return this.#full;
  }

  write(message: Buffer): void {
    if (this.#sink.idle) {
      this.#untakenBytes = 0;
      this.#untakenMessages = 0;
    }
    this.#untakenBytes += message.length;
    this.#untakenMessages++;
    if (this.#untakenBytes < UNTAKEN_BYTES_MAX && this.#untakenMessages < UNTAKEN_MESSAGES_MAX) {
      this.#sink.write(message);
      return;
    }
    this.#full = true;
    // Something may still come after the message that filled the stream; there is room once that is taken, too.
    const writes = ++this.#writesWhenFull;
    this.#sink.write(message, () => writes === this.#writesWhenFull && this.#onTaken());
  }

  whenRoom(onRoom: () => void): void {
    this.#waiting.push(onRoom);
  }

  end(error: RollcallError): void {
    this.#sink.end(error);
  }

  /** Lets those who wait go on, in turn: who comes after the one that fills the stream again is the first next time. */
  #onTaken(): void {
    this.#full = false;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const [index, onRoom] of waiting.entries()) {
      if (this.full) {
        this.#waiting.unshift(...waiting.slice(index));
        return;
      }
      onRoom();
    }
  }
}
