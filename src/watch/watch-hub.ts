import { RollcallError } from '../core/errors.js';
import type { Digest } from '../core/digest.js';
import type { Xxh64 } from '../core/hash.js';
import type { ServiceName } from '../core/names.js';
import type { CanonicalSelector } from '../core/selector.js';
import type { Token } from '../core/token.js';
import { viewScope } from '../core/view-scope.js';
import { Snapshot_Reason as SnapshotReason, type Reconnect } from '../gen/rollcall/v1/discovery.js';
import type { Directory } from '../directory/directory.js';
import type { ServiceState } from '../directory/service-state.js';
import { systemClock, type Clock, type Timer } from '../lib/clock.js';
import { reconnectMessage } from './messages.js';
import type { WatchOutlet } from './outlet.js';
import { Subscriber, type Start } from './subscriber.js';
import { Topic } from './topic.js';

export interface WatchHubOptions {
  readonly xxh64: Xxh64;
  readonly clock?: Clock;
  /** How often an idle watcher's token is brought up to date. 10 s by default. */
  readonly checkpointIntervalMs?: number;
  /** Watches at once, on this server (50,000 by default) and on one connection (1,000). */
  readonly watchesMax?: number;
  readonly watchesPerConnectionMax?: number;
}

/** A watch that was asked for and found valid. */
export interface WatchTarget {
  readonly name: ServiceName;
  readonly selector: CanonicalSelector;
  /** Of the client's latest message, if it resumes. */
  readonly token: Token | undefined;
  /** Of the view that the client holds at `token`, if it says. */
  readonly viewDigest: Digest | undefined;
  /** Equal for watches of one connection. */
  readonly connection: string;
}

/** Different selectors of one service that are watched at once: each change of the service is held against all of them. */
const TOPICS_PER_SERVICE_MAX = 1_000;

/** How long the hub writes before it lets other work through. */
const SLICE_MS = 5;

/**
 * Every watch of this server, and the work of keeping them current.
 *
 * A change in the directory marks topics dirty; a flush then pumps their
 * subscribers, in slices of about {@link SLICE_MS}, so that the event loop stays
 * free for renewals however many watchers there are. Changes that arrive
 * together, or during a flush, reach a watcher in one message.
 */
export class WatchHub {
  readonly #directory: Directory;
  readonly #xxh64: Xxh64;
  readonly #clock: Clock;
  readonly #watchesMax: number;
  readonly #watchesPerConnectionMax: number;
  readonly #checkpointTimer: Timer;
  readonly #unlisten: () => void;
  /** By service, then by selector. */
  readonly #topics = new Map<string, Map<string, Topic>>();
  readonly #subscribers = new Map<Topic, Set<Subscriber>>();
  readonly #watchesOf = new Map<string, number>();
  readonly #dirty = new Set<Topic>();
  readonly #checkpointsDue = new Set<Topic>();
  #watches = 0;
  #flushing: Iterator<undefined> | undefined;
  #closed = false;

  constructor(directory: Directory, options: WatchHubOptions) {
    this.#directory = directory;
    this.#xxh64 = options.xxh64;
    this.#clock = options.clock ?? systemClock;
    this.#watchesMax = options.watchesMax ?? 50_000;
    this.#watchesPerConnectionMax = options.watchesPerConnectionMax ?? 1_000;
    this.#unlisten = directory.listen((changed) => this.#onChanges(changed));
    this.#checkpointTimer = this.#clock.every(options.checkpointIntervalMs ?? 10_000, () => this.#onCheckpoint());
  }

  /** Watches now open, and those of them that do not read what they were sent. */
  get counts(): { readonly watches: number; readonly topics: number; readonly stalled: number } {
    let stalled = 0;
    for (const subscribers of this.#subscribers.values()) {
      for (const subscriber of subscribers) if (subscriber.stalled) stalled++;
    }
    return { watches: this.#watches, topics: this.#subscribers.size, stalled };
  }

  /**
   * Opens a watch: the first message is written before this resolves. Resolves
   * to how to forget the watch, once its stream is gone. If `signal` aborts
   * first, nothing is opened.
   *
   * @throws RollcallError TOO_MANY_WATCHES, REVISION_UNAVAILABLE, SHUTTING_DOWN
   */
  async watch(target: WatchTarget, outlet: WatchOutlet, signal: Pick<AbortSignal, 'aborted'>): Promise<() => void> {
    const release = this.#admit(target.connection);
    try {
      const { epoch } = this.#directory;
      const revisionMin = target.token?.epoch === epoch ? target.token.revision : 0;
      await this.#directory.current(revisionMin);
      this.#refuseIfClosed();
      if (signal.aborted) return (release(), () => undefined);
      const topic = this.#topic(target);
      const subscriber = new Subscriber(topic, outlet, this.#start(topic, target));
      const subscribers = this.#subscribersOf(topic);
      subscribers.add(subscriber);
      subscriber.pump();
      return () => {
        subscriber.forget();
        subscribers.delete(subscriber);
        if (subscribers.size === 0) this.#dropTopic(topic);
        release();
      };
    } catch (error) {
      release();
      throw error;
    }
  }

  /** Tells every watcher to go elsewhere, ends all streams with SHUTTING_DOWN and refuses new ones. */
  close(reconnect: Reconnect): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#unlisten();
    this.#checkpointTimer.cancel();
    const error = new RollcallError('SHUTTING_DOWN', 'this server is shutting down');
    for (const [topic, subscribers] of this.#subscribers) {
      const message = reconnectMessage(reconnect, topic.position());
      for (const subscriber of subscribers) {
        subscriber.pump();
        subscriber.end(error, message);
      }
    }
  }

  /** Where a watch begins, by what its token says. */
  #start(topic: Topic, { token, viewDigest }: WatchTarget): Start {
    const snapshot = (reason: SnapshotReason): Start => ({ kind: 'snapshot', reason });
    if (token === undefined) return snapshot(SnapshotReason.INITIAL);
    if (token.epoch !== this.#directory.epoch) return snapshot(SnapshotReason.EPOCH_CHANGED);
    if (token.scope !== topic.scope) return snapshot(SnapshotReason.INITIAL);
    if (topic.isForgotten(token.revision)) return snapshot(SnapshotReason.COMPACTED);
    if (viewDigest !== undefined && viewDigest !== topic.digestAt(token.revision))
      return snapshot(SnapshotReason.DRIFT);
    return { kind: 'resume', revision: token.revision };
  }

  #admit(connection: string): () => void {
    this.#refuseIfClosed();
    const onConnection = this.#watchesOf.get(connection) ?? 0;
    if (this.#watches >= this.#watchesMax || onConnection >= this.#watchesPerConnectionMax) {
      throw this.#watches >= this.#watchesMax
        ? tooMany('server', this.#watchesMax)
        : tooMany('connection', this.#watchesPerConnectionMax);
    }
    this.#watches++;
    this.#watchesOf.set(connection, onConnection + 1);
    let released = false;
    return () => {
      if (released) return;
      released = true;
      this.#watches--;
      const left = (this.#watchesOf.get(connection) ?? 1) - 1;
      if (left === 0) this.#watchesOf.delete(connection);
      else this.#watchesOf.set(connection, left);
    };
  }

  #refuseIfClosed(): void {
    if (this.#closed) throw new RollcallError('SHUTTING_DOWN', 'this server is shutting down');
  }

  #topic({ name, selector }: WatchTarget): Topic {
    const key = `${name.namespace}/${name.service}`;
    let bySelector = this.#topics.get(key);
    if (bySelector === undefined) this.#topics.set(key, (bySelector = new Map()));
    let topic = bySelector.get(selector.key);
    if (topic === undefined) {
      if (bySelector.size >= TOPICS_PER_SERVICE_MAX) {
        throw tooMany('service with different selectors', TOPICS_PER_SERVICE_MAX);
      }
      topic = new Topic(this.#directory, { name, selector, scope: viewScope(this.#xxh64, name, selector) });
      bySelector.set(selector.key, topic);
    }
    return topic;
  }

  #dropTopic(topic: Topic): void {
    const key = `${topic.name.namespace}/${topic.name.service}`;
    const bySelector = this.#topics.get(key);
    if (bySelector?.get(topic.selector.key) !== topic) return;
    bySelector.delete(topic.selector.key);
    if (bySelector.size === 0) this.#topics.delete(key);
    this.#subscribers.delete(topic);
    this.#dirty.delete(topic);
    this.#checkpointsDue.delete(topic);
  }

  #subscribersOf(topic: Topic): Set<Subscriber> {
    let subscribers = this.#subscribers.get(topic);
    if (subscribers === undefined) this.#subscribers.set(topic, (subscribers = new Set()));
    return subscribers;
  }

  #onChanges(changed: ReadonlySet<ServiceState>): void {
    for (const { name } of changed) {
      for (const topic of this.#topics.get(`${name.namespace}/${name.service}`)?.values() ?? []) {
        if (topic.advance()) this.#dirty.add(topic);
      }
    }
    this.#scheduleFlush();
  }

  #onCheckpoint(): void {
    for (const topic of this.#subscribers.keys()) this.#checkpointsDue.add(topic);
    this.#scheduleFlush();
  }

  #scheduleFlush(): void {
    if (this.#flushing !== undefined || this.#dirty.size + this.#checkpointsDue.size === 0) return;
    this.#flushing = this.#flush();
    this.#clock.soon(() => this.#runSlice());
  }

  #runSlice(): void {
    if (this.#flushing?.next().done === false) {
      this.#clock.soon(() => this.#runSlice());
    } else {
      this.#flushing = undefined;
      this.#scheduleFlush();
    }
  }

  /**
   * Pumps the subscribers of dirty topics, then brings idle ones up to date,
   * round after round until neither is left to do; yields between slices.
   */
  *#flush(): Generator<undefined> {
    let sliceEndsMs = this.#clock.monotonicMs() + SLICE_MS;
    while (this.#dirty.size + this.#checkpointsDue.size > 0) {
      for (const [topics, act] of [
        [this.#dirty, (subscriber: Subscriber) => subscriber.pump()],
        [this.#checkpointsDue, (subscriber: Subscriber) => subscriber.checkpoint()],
      ] as const) {
        // A round is of the topics that wait now: one that keeps changing does not keep the others waiting.
        const round = [...topics];
        topics.clear();
        for (const topic of round) {
          for (const subscriber of this.#subscribers.get(topic) ?? []) {
            act(subscriber);
            if (this.#clock.monotonicMs() < sliceEndsMs) continue;
            yield;
            sliceEndsMs = this.#clock.monotonicMs() + SLICE_MS;
          }
        }
      }
    }
  }
}

function tooMany(scope: string, limit: number): RollcallError {
  const metadata = { scope, limit: String(limit) };
  return new RollcallError('TOO_MANY_WATCHES', `there are already ${limit} watches on this ${scope}`, { metadata });
}
