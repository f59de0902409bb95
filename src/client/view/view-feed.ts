import { isRollcallError, RollcallError } from '../../core/errors.js';
import type { Endpoint } from '../../gen/rollcall/v1/endpoint.js';
import type { Timer } from '../../lib/clock.js';
import type { LinkedAbort } from '../../lib/linked-abort.js';
import type { LastKnownGood } from './last-known-good.js';
import type { StatusEvent, ViewEvent, ViewReading, ViewStatus } from './view-reading.js';
import { beginView, type SyncedView } from './view-state.js';
import { ServiceWatch, type WatchConnection, type WatchContext, type WatchTarget } from './service-watch.js';
import type { ReconnectEvent, SnapshotEvent, SnapshotReason, WatchEvent } from './watch-event.js';

/** When no server has answered for so long, readers get what was known before, or learn that nothing is. */
const ANSWER_WITHIN_MS = 1_000;

/** Somebody who is told what changes. */
export interface FeedReader {
  tell(event: ViewEvent): void;
  /** Nothing follows. */
  end(error?: unknown): void;
}

/** What the feeds of a client need of its `Connection`. */
export interface FeedConnection extends WatchConnection {
  /** Why whoever is connecting now does not get through; undefined while nobody is, or nothing has failed yet. */
  readonly failure: RollcallError | undefined;
  scope(...parents: readonly (AbortSignal | undefined)[]): LinkedAbort;
  hold(): () => void;
}

export interface FeedContext extends WatchContext {
  readonly connection: FeedConnection;
  readonly lastKnownGood: LastKnownGood;
}

/** One stream, and the view it makes, for all who watch one service with one selector. */
export class ViewFeed {
  readonly target: WatchTarget;
  /** Settles as `ServiceView.ready` does. */
  readonly ready: Promise<void>;
  readonly #context: FeedContext;
  readonly #readers = new Set<FeedReader>();
  #settle: { resolve(): void; reject(error: unknown): void } | undefined;
  #status: ViewStatus = 'unknown';
  #problem: RollcallError | undefined;
  /** Why there is no answer yet. Not told to readers before they have waited for one. */
  #trouble: RollcallError | undefined;
  #late = false;
  #ended: { readonly error: RollcallError | undefined; readonly atMs: number } | undefined;
  /** What readers see. */
  #shown: SyncedView | undefined;
  /** What was known before this watch. */
  #remembered: SyncedView | undefined;
  /** When a server last confirmed it, on the monotonic clock. */
  #confirmedMs = 0;
  #endpoints: { readonly of: SyncedView['endpoints']; readonly sorted: readonly Endpoint[] } | undefined;

  constructor(target: WatchTarget, context: FeedContext) {
    this.target = target;
    this.#context = context;
    this.ready = new Promise((resolve, reject) => (this.#settle = { resolve, reject }));
    this.ready.catch(() => undefined);
  }

  /** Whether nothing will come of it any more. */
  get ended(): boolean {
    return this.#ended !== undefined;
  }

  /** Follows the service until `signal` is aborted or a server refuses for good. Never throws. To be called once. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, logger, lastKnownGood } = this.#context;
    const release = lastKnownGood.hold(this.target);
    let patience: Timer | undefined;
    let refusal: RollcallError | undefined;
    try {
      await this.#recall(signal);
      const watch = new ServiceWatch(
        this.target,
        { ...this.#context, keepsUp: true, onInterrupted: (problem) => this.#onInterrupted(problem) },
        this.#remembered ?? beginView(),
      );
      // While others try in vain to reach a server there is nothing to be patient for.
      const patienceMs = this.#context.connection.failure === undefined ? ANSWER_WITHIN_MS : 0;
      patience = clock.after(patienceMs, () => this.#onLate());
      for await (const event of watch.events(signal)) {
        // A server that only sends its watchers elsewhere has told nothing of the service.
        if (event.type === 'reconnect' || watch.state.kind !== 'synced') continue;
        patience.cancel();
        this.#take(event, watch.state);
      }
    } catch (error) {
      refusal = isRollcallError(error) ? error : new RollcallError('INTERNAL', String(error), { cause: error });
      const { service } = this.target;
      logger.error({ service, err: error }, `watch of ${service} ended: ${refusal.message}`);
    } finally {
      patience?.cancel();
      release();
      this.#end(refusal);
    }
  }

  attach(reader: FeedReader): void {
    if (this.#ended === undefined) this.#readers.add(reader);
    else reader.end(this.#ended.error);
  }

  detach(reader: FeedReader): void {
    this.#readers.delete(reader);
  }

  current(): ViewReading {
    const view = this.#shown;
    if (view === undefined || this.#status === 'unknown') return { status: 'unknown', problem: this.#problem };
    return {
      status: this.#status,
      endpoints: this.#sorted(view),
      revision: view.revision,
      resumeToken: view.resumeToken,
      ageMs: (this.#ended?.atMs ?? this.#context.clock.monotonicMs()) - this.#confirmedMs,
      problem: this.#problem,
    };
  }

  /** The events that tell a reader all there is to know now. */
  picture(reason: SnapshotReason): ViewEvent[] {
    const status = this.#statusEvent();
    if (this.#shown === undefined) return [status];
    const shownFor = reason === 'INITIAL' && this.#status === 'last-known-good' ? 'LAST_KNOWN_GOOD' : reason;
    return [this.#snapshotEvent(this.#shown, shownFor), status];
  }

  closedError(): RollcallError {
    return new RollcallError('CLIENT_CLOSED', `the watch of ${this.target.service} was closed`);
  }

  async #recall(signal: AbortSignal): Promise<void> {
    const remembered = await this.#context.lastKnownGood.recall(this.target, signal);
    if (remembered === undefined) return;
    this.#remembered = remembered.view;
    this.#confirmedMs = remembered.confirmedMs;
  }

  #end(refusal: RollcallError | undefined): void {
    this.#ended = { error: refusal, atMs: this.#context.clock.monotonicMs() };
    if (refusal !== undefined) this.#problem = refusal;
    this.#settle?.reject(refusal ?? this.closedError());
    for (const reader of this.#readers) reader.end(refusal);
  }

  #take(event: Exclude<WatchEvent, ReconnectEvent>, view: SyncedView): void {
    const { clock, lastKnownGood } = this.#context;
    this.#confirmedMs = clock.monotonicMs();
    lastKnownGood.note(this.target, view);
    if (this.#shown === undefined) {
      const newHistory = event.type === 'snapshot' && event.reason === 'EPOCH_CHANGED';
      // Readers ought to see what a catalog that was replaced took from them.
      if (newHistory && this.#remembered !== undefined) this.#show(this.#remembered, 'LAST_KNOWN_GOOD');
      this.#show(view, event.type === 'snapshot' ? event.reason : 'INITIAL');
    } else {
      this.#shown = view;
      if (event.type !== 'checkpoint') this.#tell(event);
    }
    this.#become('live', undefined);
  }

  /** The stream is lost, or no server could be asked for one. */
  #onInterrupted(problem: RollcallError): void {
    this.#trouble = problem;
    if (this.#status === 'live') this.#become('resuming', problem);
    else if (this.#status === 'resuming' || this.#late) this.#become(this.#status, problem);
  }

  #onLate(): void {
    this.#late = true;
    const problem =
      this.#trouble ??
      this.#context.connection.failure ??
      new RollcallError('TIMED_OUT', `no server has answered within ${ANSWER_WITHIN_MS} ms`);
    if (this.#remembered === undefined) {
      this.#become('unknown', problem);
    } else {
      this.#show(this.#remembered, 'LAST_KNOWN_GOOD');
      this.#become('last-known-good', problem);
    }
  }

  #show(view: SyncedView, reason: SnapshotReason): void {
    this.#shown = view;
    this.#tell(this.#snapshotEvent(view, reason));
  }

  #become(status: ViewStatus, problem: RollcallError | undefined): void {
    if (this.#status === status && this.#problem === problem) return;
    this.#status = status;
    this.#problem = problem;
    this.#tell(this.#statusEvent());
    if (status === 'unknown') return;
    this.#settle?.resolve();
    this.#settle = undefined;
  }

  #tell(event: ViewEvent): void {
    for (const reader of this.#readers) reader.tell(event);
  }

  #statusEvent(): StatusEvent {
    return { type: 'status', status: this.#status, problem: this.#problem };
  }

  #snapshotEvent(view: SyncedView, reason: SnapshotReason): SnapshotEvent {
    const { revision, resumeToken } = view;
    return { type: 'snapshot', reason, endpoints: this.#sorted(view), revision, resumeToken };
  }

  /** Sorted only when somebody looks, and once. */
  #sorted(view: SyncedView): readonly Endpoint[] {
    if (this.#endpoints?.of !== view.endpoints) {
      const sorted = [...view.endpoints.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
      this.#endpoints = { of: view.endpoints, sorted };
    }
    return this.#endpoints.sorted;
  }
}
