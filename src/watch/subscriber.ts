import type { RollcallError } from '../core/errors.js';
import type { Revision } from '../core/token.js';
import { Snapshot_Reason as SnapshotReason } from '../gen/rollcall/v1/discovery.js';
import type { Position } from './messages.js';
import type { WatchOutlet } from './outlet.js';
import type { Snapshot } from './snapshot.js';
import type { Topic } from './topic.js';

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
 * One watcher of a topic.
 *
 * ```
 *   snapshot ──last chunk──▶ live ◀──first message── resuming
 *      ▲                      │
 *      └──too far behind──────┘        (any) ──end──▶ ended
 * ```
 *
 * It holds a revision and no queue. When its stream is full it is left alone;
 * when there is room again, one message brings it from its own
 * revision to the present.
 */
export class Subscriber {
  readonly topic: Topic;
  readonly #outlet: WatchOutlet;
  #state: State;
  #waitsForRoom = false;

  constructor(topic: Topic, outlet: WatchOutlet, start: Start) {
    this.topic = topic;
    this.#outlet = outlet;
    this.#state =
      start.kind === 'resume' ? { kind: 'resuming', revision: start.revision } : beginSnapshot(topic, start.reason);
  }

  /** Whether the watcher is not reading what it was sent. */
  get stalled(): boolean {
    return this.#outlet.full;
  }

  /** Writes what the watcher lacks, as far as its stream takes it. */
  pump(): void {
    for (;;) {
      switch (this.#state.kind) {
        case 'snapshot':
          if (!this.#hasRoom()) return;
          this.#writeChunk(this.#state);
          break;
        case 'resuming':
          if (!this.#hasRoom()) return;
          this.#writeSince(this.#state.revision);
          break;
        case 'live':
          if (!this.topic.changedSince(this.#state.revision) || !this.#hasRoom()) return;
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
    if (this.#state.kind !== 'live' || this.#outlet.full) return;
    const { bytes, revision } = this.topic.checkpoint();
    if (revision <= this.#state.revision) return;
    this.#outlet.write(bytes);
    this.#state = { kind: 'live', revision };
  }

  /** Says a last word, if the watcher is in a state to hear it, and ends the stream. */
  end(error: RollcallError, lastMessage?: Buffer): void {
    if (this.#state.kind === 'ended') return;
    if (lastMessage !== undefined && this.#state.kind === 'live' && !this.#outlet.full) this.#outlet.write(lastMessage);
    this.#state = { kind: 'ended' };
    this.#outlet.end(error);
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
    this.#outlet.write(snapshot.chunk(nextChunk, position));
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
      this.#outlet.write(message.bytes);
      this.#state = { kind: 'live', revision: message.revision };
    }
  }

  /** If there is none, the watcher goes on when there is. */
  #hasRoom(): boolean {
    if (!this.#outlet.full) return true;
    if (!this.#waitsForRoom) {
      this.#waitsForRoom = true;
      this.#outlet.whenRoom(() => {
        this.#waitsForRoom = false;
        this.pump();
      });
    }
    return false;
  }
}

function beginSnapshot(topic: Topic, reason: SnapshotReason): State {
  return { kind: 'snapshot', snapshot: topic.snapshot(reason), position: topic.position(), nextChunk: 0 };
}
