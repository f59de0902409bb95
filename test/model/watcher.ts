import {
  beginView,
  receive,
  reopenView,
  resumeFrom,
  type SyncedView,
  type ViewState,
} from '../../src/client/view/view-state.js';
import { isRollcallError, type RollcallError } from '../../src/core/errors.js';
import type { Xxh64 } from '../../src/core/hash.js';
import { canonicalSelector, MATCH_ALL } from '../../src/core/selector.js';
import { decodeToken } from '../../src/core/token.js';
import { WatchResponse } from '../../src/gen/rollcall/v1/discovery.js';
import type { Endpoint } from '../../src/gen/rollcall/v1/endpoint.js';
import type { Selector } from '../../src/gen/rollcall/v1/selector.js';
import type { WatchHub } from '../../src/watch/watch-hub.js';
import { Outlet } from '../../src/watch/outlet.js';
import { PacedSink } from '../support/paced-sink.js';
import type { Recorder } from './recorder.js';
import type { FakeClock } from '../support/fake-clock.js';

/** What the watchers of a run share. */
export interface WatcherContext {
  readonly clock: FakeClock;
  readonly recorder: Recorder;
  readonly xxh64: Xxh64;
  readonly nextStream: () => number;
  /** Of the server that is running. */
  readonly hub: () => WatchHub;
  readonly floor: () => number;
}

/** What a client asks for when it resumes: by default what its view says. */
export interface Resume {
  readonly state: ViewState;
  readonly resumeToken: string;
  readonly viewDigest: bigint | undefined;
}

interface OpenStream {
  readonly id: number;
  readonly sink: PacedSink;
  readonly abort: AbortController;
  opened: boolean;
  forget: () => void;
}

/** A client that watches one service through one selector, over one stream at a time. */
export class Watcher {
  readonly service: string;
  readonly selector: Selector | undefined;
  readonly #context: WatcherContext;
  readonly #writeMs: number;
  /** The states that its tokens named, oldest first. */
  readonly past: ViewState[] = [];
  state: ViewState = beginView();
  #stream: OpenStream | undefined;
  #shown: readonly Endpoint[] | undefined;
  #shownOf: SyncedView['endpoints'] | undefined;

  constructor(context: WatcherContext, target: { service: string; selector: Selector | undefined }, writeMs = 0) {
    this.#context = context;
    this.#writeMs = writeMs;
    this.service = target.service;
    this.selector = target.selector;
  }

  /** The stream, if one is open whose reader reads. */
  get reading(): { readonly stream: number; readonly sinceMs: number } | undefined {
    const sinceMs = this.#stream?.opened === true ? this.#stream.sink.readingSinceMs : undefined;
    return sinceMs === undefined ? undefined : { stream: this.#stream!.id, sinceMs };
  }

  get sink(): PacedSink | undefined {
    return this.#stream?.sink;
  }

  /** What it would ask for to go on from its view. */
  get latest(): Resume {
    return { state: reopenView(this.state), ...resumeFrom(this.state) };
  }

  /** What it would ask for if it had no view. */
  readonly blank: Resume = { state: beginView(), resumeToken: '', viewDigest: undefined };

  /** Opens a stream; the one before, if there is one, is cut. */
  open(resume: Resume = this.latest): void {
    this.disconnect();
    const { clock, recorder, nextStream, hub } = this.#context;
    const { service, selector } = this;
    const { resumeToken, viewDigest } = resume;
    const id = nextStream();
    this.state = resume.state;
    this.#show();
    recorder.record({ type: 'watch', stream: id, service, selector, resumeToken, viewDigest, view: this.#shown });
    const sink = new PacedSink(
      clock,
      {
        onQueued: (message, { messages, bytes }) => {
          const sent = { stream: id, bytes: message.length, untakenMessages: messages, untakenBytes: bytes };
          recorder.record({ type: 'sent', ...sent, floor: this.#context.floor() });
        },
        onMessage: (message) => this.#receive(id, message),
        onEnd: (error) => this.#onEnd(id, error),
      },
      this.#writeMs,
    );
    const stream: OpenStream = { id, sink, abort: new AbortController(), opened: false, forget: () => undefined };
    this.#stream = stream;
    const [namespace, name] = service.split('/') as [string, string];
    const target = {
      name: { namespace, service: name },
      selector: selector === undefined ? MATCH_ALL : canonicalSelector(selector),
      token: resumeToken === '' ? undefined : decodeToken(resumeToken, 'resume_token'),
      viewDigest,
      connection: 'model',
    };
    hub()
      .watch(target, new Outlet(sink), stream.abort.signal)
      .then(
        (forget) => {
          stream.opened = true;
          stream.forget = forget;
          if (stream.abort.signal.aborted) forget();
        },
        (error: unknown) => {
          if (!isRollcallError(error)) throw error;
          if (this.#stream === stream) this.#onEnd(id, error);
        },
      );
  }

  /** The connection breaks: what was on its way is lost. */
  disconnect(): void {
    const stream = this.#stream;
    if (stream === undefined) return;
    this.#context.recorder.record({ type: 'ended', stream: stream.id });
    this.#stream = undefined;
    stream.sink.cut();
    stream.abort.abort();
    stream.forget();
  }

  #receive(stream: number, bytes: Buffer): void {
    const response = WatchResponse.decode(bytes);
    const step = receive(this.state, response, this.#context.xxh64);
    this.state = step.state;
    this.#show();
    if (step.kind === 'event' && response.resumeToken !== '') this.past.push(this.state);
    this.#context.recorder.record({
      type: 'message',
      stream,
      response,
      bytes: bytes.length,
      step: step.kind,
      view: this.#shown,
    });
  }

  #onEnd(stream: number, { reason }: RollcallError): void {
    this.#context.recorder.record({ type: 'ended', stream, reason });
    if (this.#stream?.id !== stream) return;
    this.#stream.forget();
    this.#stream = undefined;
  }

  /** Keeps what the application sees, in one array for as long as the view is the same. */
  #show(): void {
    const endpoints = this.state.kind === 'synced' ? this.state.endpoints : undefined;
    if (endpoints === this.#shownOf) return;
    this.#shownOf = endpoints;
    this.#shown = endpoints && [...endpoints.values()];
  }
}
