import type { RollcallError } from '../core/errors.js';
import type { Revision } from '../core/token.js';
import { Snapshot_Reason as SnapshotReason } from '../gen/rollcall/v1/discovery.js';
import type { Position } from './messages.js';
import type { Snapshot } from './snapshot.js';
import type { Topic } from './topic.js';

/** Where a watcher's messages go: one stream of some transport. */
export interface WatchSink {
  /** Whether everything written has been taken by the transport. */
  readonly idle: boolean;
  /**
   * Hands over one encoded `WatchResponse`. `onTaken` is called once the
   * transport has taken it and all before it, and never before this returns.
   */
  write(message: Buffer, onTaken?: () => void): void;
  /** Ends the stream with an error. Nothing is written afterwards. */
  end(error: RollcallError): void;
}

/** Where a subscriber begins: with a snapshot, or with what changed after a revision. */
export type Start =
  | { readonly kind: 'snapshot'; readonly reason: SnapshotReason }
  | { readonly kind: 'resume'; readonly revision: Revision };

type State =
  | {
      readonly kind: 'snapshot';
      readonly snapshot: Snapshot;
      /** Where the watcher will be after the last chunk. */
      readonly position: Required<Position>;
      readonly nextChunk: number;
    }
  /** Nothing was sent yet; the first message is due, whatever it is. */
  | { readonly kind: 'resuming'; readonly revision: Revision }
  | { readonly kind: 'live'; readonly revision: Revision }
  | { readonly kind: 'ended' };

/**
 * What may wait in a stream before its watcher is left alone. With one message
 * on top that is the most held for a watcher, whatever it does.
 */
const UNTAKEN_BYTES_MAX = 64 * 1024;
const UNTAKEN_MESSAGES_MAX = 8;

/**
 * One watcher of a topic.
 *
 * ```
 *   snapshot ──last chunk──▶ live ◀──first message── resuming
 *      ▲                      │
 *      └──too far behind──────┘        (any) ──end──▶ ended
 * ```
 *
 * It holds a revision and no queue. When its stream takes no more it is left
 * alone; when the stream has drained, one message brings it from its own
 * revision to the present.
 */
export class Subscriber {
  readonly topic: Topic;
  readonly #sink: WatchSink;
  #state: State;
  #untakenBytes = 0;
  #untakenMessages = 0;
  #stalled = false;

  constructor(topic: Topic, sink: WatchSink, start: Start) {
    this.topic = topic;
    this.#sink = sink;
    this.#state =
      start.kind === 'resume' ? { kind: 'resuming', revision: start.revision } : beginSnapshot(topic, start.reason);
  }

  /** Whether the watcher is not reading what it was sent. */
  get stalled(): boolean {
    return this.#stalled;
  }

  /** Writes what the watcher lacks, as far as its stream takes it. */
  pump(): void {
    while (!this.#stalled) {
      switch (this.#state.kind) {
        case 'snapshot':
          this.#writeChunk(this.#state);
          break;
        case 'resuming':
          this.#writeSince(this.#state.revision);
          break;
        case 'live':
          if (!this.topic.changedSince(this.#state.revision)) return;
          this.#writeSince(this.#state.revision);
          break;
        case 'ended':
          return;
      }
    }
  }

  /** Brings an idle watcher's token up to date. */
  checkpoint(): void {
    // A change may have come in since the watcher was last looked at; a checkpoint must not pass over it.
    this.pump();
    if (this.#state.kind !== 'live' || this.#stalled) return;
    const { bytes, revision } = this.topic.checkpoint();
    if (revision <= this.#state.revision) return;
    this.#write(bytes);
    this.#state = { kind: 'live', revision };
  }

  /** Says a last word, if the watcher is in a state to hear it, and ends the stream. */
  end(error: RollcallError, lastMessage?: Buffer): void {
    if (this.#state.kind === 'ended') return;
    if (lastMessage !== undefined && this.#state.kind === 'live' && !this.#stalled) this.#sink.write(lastMessage);
    this.#state = { kind: 'ended' };
    this.#sink.end(error);
  }

  /** The watcher went away: forgets everything without touching the stream. */
  forget(): void {
    this.#state = { kind: 'ended' };
  }

  #writeChunk(state: Extract<State, { kind: 'snapshot' }>): void {
    const { snapshot, position, nextChunk } = state;
    if (snapshot.abandoned) {
      this.#state = beginSnapshot(this.topic, snapshot.reason);
      return;
    }
    this.#write(snapshot.chunk(nextChunk, position));
    this.#state =
      nextChunk + 1 === snapshot.chunkCount
        ? { kind: 'live', revision: position.revision }
        : { ...state, nextChunk: nextChunk + 1 };
  }

  #writeSince(revision: Revision): void {
    const message = this.topic.messageSince(revision);
    if (message === undefined) {
      this.#state = beginSnapshot(this.topic, SnapshotReason.COMPACTED);
    } else {
      this.#write(message.bytes);
      this.#state = { kind: 'live', revision: message.revision };
    }
  }

  #write(bytes: Buffer): void {
    if (this.#sink.idle) {
      this.#untakenBytes = 0;
      this.#untakenMessages = 0;
    }
    this.#untakenBytes += bytes.length;
    this.#untakenMessages++;
    if (this.#untakenBytes < UNTAKEN_BYTES_MAX && this.#untakenMessages < UNTAKEN_MESSAGES_MAX) {
      this.#sink.write(bytes);
      return;
    }
    this.#stalled = true;
    this.#sink.write(bytes, () => {
      this.#stalled = false;
      this.pump();
    });
  }
}

function beginSnapshot(topic: Topic, reason: SnapshotReason): State {
  return { kind: 'snapshot', snapshot: topic.snapshot(reason), position: topic.position(), nextChunk: 0 };
}
