import { RollcallError, type Reason } from '../../src/core/errors.js';
import { decodeToken, type Revision } from '../../src/core/token.js';
import {
  RemovedEndpoint_Reason,
  Snapshot_Reason,
  WatchResponse,
  type WatchRequest,
} from '../../src/gen/rollcall/v1/discovery.js';
import { orAbort } from '../../src/lib/linked-abort.js';
import type { TrueState, ViewCatalog } from './view-catalog.js';

type WatchEvent = NonNullable<WatchResponse['event']>;

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

  /** The next so many watches that are asked for are refused. */
  refuse(reason: Reason, times: number): void {
    for (let time = 0; time < times; time++) this.#refusals.push(reason);
  }

  /** The next message that has a digest disagrees with it: an endpoint is missing from it or, where none can be, the digest is wrong. */
  lie(): void {
    this.#lie = true;
  }

  /** The next stream is served as of so many revisions ago. */
  goBack(revisions: number): void {
    this.#past = revisions;
  }

  /** Sends what is older than what was sent, on every stream. */
  rewind(by: number): void {
    const { floor, epoch } = this.#catalog;
    for (const stream of this.#streams) {
      if (stream.position === undefined) continue;
      const revision = Math.max(floor, stream.position - by);
      if (stream.position < floor) continue;
      const from = this.#catalog.stateAt(epoch, stream.position);
      this.#send(stream, this.#message(this.#change(from, revision), revision));
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
      const { revision, floor, epoch } = this.#catalog;
      if (position === undefined || position === revision) continue;
      stream.position = revision;
      if (position < floor) {
        this.#sendSnapshot(stream, revision, Snapshot_Reason.COMPACTED);
        continue;
      }
      const before = this.#catalog.stateAt(epoch, position);
      this.#send(stream, this.#message(this.#change(before, revision), revision));
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

  /** What leads from a state to the one at `revision`. */
  #change(before: TrueState, revision: Revision): WatchEvent {
    const after = this.#catalog.stateAt(this.#catalog.epoch, revision);
    const upserted = [...after.values()].filter((endpoint) => before.get(endpoint.id) !== endpoint);
    const removed = [...before.keys()]
      .filter((id) => !after.has(id))
      .map((endpointId) => ({ endpointId, reason: RemovedEndpoint_Reason.EXPIRED, revision }));
    const changed = upserted.length + removed.length > 0;
    return changed ? { $case: 'delta', value: { upserted, removed } } : { $case: 'checkpoint', value: {} };
  }

  #message(event: WatchEvent, revision: Revision): WatchResponse {
    const digest = this.#catalog.digestOf(this.#catalog.stateAt(this.#catalog.epoch, revision));
    const resumeToken = this.#catalog.tokenAt(revision);
    const message = WatchResponse.create({ event, revision, resumeToken, digest });
    if (!this.#lie || (event.$case === 'snapshot' && !event.value.last)) return message;
    this.#lie = false;
    if (event.$case === 'delta' && event.value.upserted.length > 0) {
      const value = { ...event.value, upserted: event.value.upserted.slice(1) };
      return { ...message, event: { $case: 'delta', value } };
    }
    if (event.$case === 'snapshot' && event.value.endpoints.length > 0) {
      const value = { ...event.value, endpoints: event.value.endpoints.slice(1) };
      return { ...message, event: { $case: 'snapshot', value } };
    }
    return { ...message, digest: digest ^ 1n };
  }

  #send(stream: Stream, sent: Sent): void {
    stream.queue.push(sent);
    stream.wake();
  }
}
