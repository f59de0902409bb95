import { RollcallError, type Reason } from '../../src/core/errors.js';
import { decodeToken, type Revision } from '../../src/core/token.js';
import {
  RemovedEndpoint_Reason,
  Snapshot_Reason,
  WatchResponse,
  type WatchRequest,
} from '../../src/gen/rollcall/v1/discovery.js';
import { orAbort } from '../../src/lib/linked-abort.js';
import type { ViewCatalog } from './view-catalog.js';

/** What a stream does next: a message, or its end. */
type Sent = WatchResponse | RollcallError;

interface Stream {
  readonly queue: Sent[];
  /** The revision that its watcher was brought to; undefined where nothing follows: it has ended, or lives in the past. */
  position: Revision | undefined;
  wake: () => void;
}

/**
 * A server of watches, which sends what it should, and on demand what it must
 * not. It sends only when told to, so that a test decides what comes between.
 */
export class ViewServer {
  readonly requests: WatchRequest[] = [];
  /** Every token that a watcher was handed. */
  readonly delivered = new Set<string>();
  readonly #catalog: ViewCatalog;
  readonly #streams = new Set<Stream>();
  readonly #refusals: Reason[] = [];
  #lie = false;
  #held = false;
  /** How far behind the next stream is served. */
  #past = 0;
  #up = true;
  #waiting: (() => void)[] = [];

  constructor(catalog: ViewCatalog) {
    this.#catalog = catalog;
  }

  /** Whether connections can be made; when not, those that are there break. */
  setUp(up: boolean): void {
    this.#up = up;
    if (!up) this.drop();
    else for (const resolve of this.#waiting.splice(0)) resolve();
  }

  /** Resolves when there is a connection. */
  async connected(signal: AbortSignal): Promise<void> {
    while (!this.#up) await orAbort(new Promise<void>((resolve) => this.#waiting.push(resolve)), signal);
  }

  /** The next watch that is asked for is refused. */
  refuse(reason: Reason): void {
    this.#refusals.push(reason);
  }

  /** The next message with a digest has a wrong one. */
  lie(): void {
    this.#lie = true;
  }

  /** The next stream is served as of so many revisions ago. */
  goBack(revisions: number): void {
    this.#past = revisions;
  }

  /** Sends what is older than what was sent, on every stream. */
  rewind(by: number): void {
    for (const stream of this.#streams) {
      if (stream.position === undefined) continue;
      const revision = Math.max(0, stream.position - by);
      if (revision < this.#catalog.floor) continue;
      this.#send(stream, this.#message({ $case: 'checkpoint', value: {} }, revision));
    }
  }

  /** Whether what is sent waits on the way. */
  hold(held: boolean): void {
    this.#held = held;
    for (const stream of this.#streams) stream.wake();
  }

  /** Ends every stream, with what it had not delivered. */
  drop(): void {
    for (const stream of this.#streams) {
      stream.queue.length = 0;
      stream.position = undefined;
      this.#send(stream, new RollcallError('SERVER_UNREACHABLE', 'the connection was lost'));
    }
  }

  /** Tells every watcher to go elsewhere. */
  sayGoodbye(): void {
    for (const stream of this.#streams) {
      if (stream.position === undefined) continue;
      const value = { delayMax: { seconds: 2n, nanos: 0 }, alternates: [] };
      this.#send(stream, this.#message({ $case: 'reconnect', value }, stream.position));
    }
  }

  /** All is as it should be from now on. */
  heal(): void {
    this.#refusals.length = 0;
    this.#lie = false;
    this.#past = 0;
    this.hold(false);
    // Also streams that live in the past.
    this.drop();
    this.setUp(true);
  }

  /** Brings every watcher up to date. */
  flush(): void {
    for (const stream of this.#streams) {
      const { position } = stream;
      const { revision, floor, now, epoch } = this.#catalog;
      if (position === undefined || position === revision) continue;
      stream.position = revision;
      if (position < floor) {
        this.#sendSnapshot(stream, revision, Snapshot_Reason.COMPACTED);
        continue;
      }
      const before = this.#catalog.stateAt(epoch, position);
      const upserted = [...now.values()].filter((endpoint) => before.get(endpoint.id) !== endpoint);
      const removed = [...before.keys()]
        .filter((id) => !now.has(id))
        .map((endpointId) => ({ endpointId, reason: RemovedEndpoint_Reason.EXPIRED, revision }));
      const changed = upserted.length + removed.length > 0;
      const delta = { $case: 'delta', value: { upserted, removed } } as const;
      this.#send(stream, this.#message(changed ? delta : { $case: 'checkpoint', value: {} }, revision));
    }
  }

  async *watch(request: WatchRequest, signal: AbortSignal): AsyncGenerator<WatchResponse, void, undefined> {
    this.requests.push(request);
    const refusal = this.#refusals.shift();
    if (refusal !== undefined) throw new RollcallError(refusal, 'as the test says');
    const stream: Stream = { queue: [], position: undefined, wake: () => undefined };
    this.#begin(stream, request);
    this.#streams.add(stream);
    try {
      for (;;) {
        const sent = this.#held ? undefined : stream.queue.shift();
        if (sent instanceof RollcallError) throw sent;
        if (sent === undefined) {
          await orAbort(new Promise<void>((resolve) => (stream.wake = resolve)), signal);
          continue;
        }
        if (sent.resumeToken !== '') this.delivered.add(sent.resumeToken);
        yield sent;
      }
    } finally {
      this.#streams.delete(stream);
    }
  }

  #begin(stream: Stream, { resumeToken, viewDigest }: WatchRequest): void {
    const { revision, epoch, floor } = this.#catalog;
    if (this.#past > 0) {
      const old = Math.max(floor, revision - this.#past);
      this.#past = 0;
      this.#sendSnapshot(stream, old, Snapshot_Reason.INITIAL);
      return;
    }
    stream.position = revision;
    if (resumeToken === '') {
      this.#sendSnapshot(stream, revision, Snapshot_Reason.INITIAL);
      return;
    }
    const token = decodeToken(resumeToken, 'resume_token');
    if (token.epoch !== epoch) this.#sendSnapshot(stream, revision, Snapshot_Reason.EPOCH_CHANGED);
    else if (token.revision < floor) this.#sendSnapshot(stream, revision, Snapshot_Reason.COMPACTED);
    else if (viewDigest !== this.#catalog.digestOf(this.#catalog.stateAt(epoch, token.revision)))
      this.#sendSnapshot(stream, revision, Snapshot_Reason.DRIFT);
    else if (token.revision === revision)
      this.#send(stream, this.#message({ $case: 'checkpoint', value: {} }, revision));
    else {
      stream.position = token.revision;
      this.#streams.add(stream);
      this.flush();
    }
  }

  /** In two chunks. */
  #sendSnapshot(stream: Stream, revision: Revision, reason: Snapshot_Reason): void {
    const all = [...this.#catalog.stateAt(this.#catalog.epoch, revision).values()];
    const chunk = (from: number, to: number, last: boolean): WatchResponse =>
      this.#message({ $case: 'snapshot', value: { endpoints: all.slice(from, to), last, reason } }, revision);
    const middle = Math.ceil(all.length / 2);
    this.#send(stream, { ...chunk(0, middle, false), resumeToken: '', digest: 0n });
    this.#send(stream, chunk(middle, all.length, true));
  }

  #message(event: NonNullable<WatchResponse['event']>, revision: Revision): WatchResponse {
    const digest = this.#catalog.digestOf(this.#catalog.stateAt(this.#catalog.epoch, revision));
    const lie = this.#lie && !(event.$case === 'snapshot' && !event.value.last);
    if (lie) this.#lie = false;
    const resumeToken = this.#catalog.tokenAt(revision);
    return WatchResponse.create({ event, revision, resumeToken, digest: lie ? digest ^ 1n : digest });
  }

  #send(stream: Stream, sent: Sent): void {
    stream.queue.push(sent);
    stream.wake();
  }
}
