import { beginView, receive, reopenView, resumeFrom, type ViewState } from '../src/client/view/view-state.js';
import { encodeToken, NO_SCOPE, type Revision } from '../src/core/token.js';
import type { Endpoint } from '../src/gen/rollcall/v1/endpoint.js';
import { machineMs } from '../demo/machine-clock.js';
import type { SizedWatchResponse } from '../test/support/raw-client.js';
import type { WatchStream } from '../test/support/shared-watches.js';
import { rpcFailure } from '../test/support/rpc-failure.js';
import type { Reason } from '../src/core/errors.js';
import type { Recording } from './recording.js';
import { nameOf, type Target } from './targets.js';
import { CHECKPOINT_INTERVAL_MS } from './tapped-server.js';
import type { WatchConnection } from './watch-connection.js';

/** A stream that says nothing for so long is given up; a server that is well sends checkpoints. */
const SILENCE_MS = 3 * CHECKPOINT_INTERVAL_MS;
/** A stream is left for another after this long at the most, though nothing be wrong. */
const STREAM_MS_MAX = 20_000;
const BACKOFF_MS_MAX = 400;
/** A slow reader reads nothing for up to this long, time and again: long enough for large messages to fill its stream. */
const PAUSE_MS_MAX = 10_000;
const PAST_MAX = 50;

export interface RawWatcherOptions {
  readonly name: string;
  readonly connection: WatchConnection;
  readonly target: Target;
  readonly recording: Recording;
  readonly pick: (below: number) => number;
  /** Gives each stream of a run a number. */
  readonly nextStream: () => number;
  readonly slow: boolean;
}

/** What to ask for, and the state it is asked from. */
interface Resume {
  readonly state: ViewState;
  readonly resumeToken: string;
  readonly viewDigest: bigint | undefined;
}

interface OpenStream {
  readonly id: number;
  readonly stream: WatchStream;
  readingSinceMs: number | undefined;
  answered: boolean;
}

/**
 * Watches one service by the protocol alone, one stream after the other, and notes every message and what it made of it.
 * Mostly it resumes from its view; sometimes from an older one, without one, or with a digest that is wrong. Owned by
 * whoever started it.
 */
export class RawWatcher implements Disposable {
  readonly #options: RawWatcherOptions;
  #state: ViewState = beginView();
  #past: ViewState[] = [];
  #open: OpenStream | undefined;
  #shown: readonly Endpoint[] | undefined;
  #shownOf: unknown;
  #silence: NodeJS.Timeout | undefined;
  #next: NodeJS.Timeout | undefined;
  #pace: NodeJS.Timeout | undefined;
  #steady = false;
  #closed = false;

  constructor(options: RawWatcherOptions) {
    this.#options = options;
    this.#begin();
    if (options.slow) this.#takeTurns();
  }

  get name(): string {
    return this.#options.name;
  }

  get target(): Target {
    return this.#options.target;
  }

  /** What its application sees. */
  get endpoints(): readonly Endpoint[] | undefined {
    return this.#shown;
  }

  /** Its stream, if one is open and has been read since some time of the machine's clock. */
  get reading(): { readonly stream: number; readonly sinceMs: number } | undefined {
    const open = this.#open;
    return open?.readingSinceMs === undefined ? undefined : { stream: open.id, sinceMs: open.readingSinceMs };
  }

  /** Whether its stream was answered, and is being read. */
  get hears(): boolean {
    return this.reading !== undefined && this.#open?.answered === true;
  }

  /** Reads on, and stays on its stream, until {@link goOn}. */
  rest(): void {
    this.#steady = true;
    this.#read();
  }

  goOn(): void {
    this.#steady = false;
  }

  [Symbol.dispose](): void {
    this.#closed = true;
    for (const timer of [this.#silence, this.#next, this.#pace]) clearTimeout(timer);
    if (this.#open !== undefined) this.#end(this.#open);
  }

  #begin(): void {
    const { recording, target, nextStream, pick } = this.#options;
    const { service, selector } = target;
    const { state, resumeToken, viewDigest } = this.#resume();
    this.#state = state;
    this.#show();
    const id = nextStream();
    recording.record({ type: 'watch', stream: id, service, selector, resumeToken, viewDigest, view: this.#shown });
    const request = {
      ...nameOf(service),
      ...(selector === undefined ? {} : { selector }),
      resumeToken,
      ...(viewDigest === undefined ? {} : { viewDigest }),
    };
    const stream = this.#options.connection.watch(request);
    const open: OpenStream = { id, stream, readingSinceMs: machineMs(), answered: false };
    this.#open = open;
    stream.on('data', (received: SizedWatchResponse) => this.#receive(open, received));
    stream.on('error', (error) => this.#end(open, error));
    stream.on('end', () => this.#end(open));
    this.#heard(open);
    const leaveMs = 500 + pick(STREAM_MS_MAX);
    setTimeout(() => {
      if (!this.#steady) this.#end(open);
    }, leaveMs).unref();
  }

  #resume(): Resume {
    const latest = { state: reopenView(this.#state), ...resumeFrom(this.#state) };
    const { pick } = this.#options;
    if (this.#steady) return latest;
    switch (pick(16)) {
      case 0:
        return { state: beginView(), resumeToken: '', viewDigest: undefined };
      case 1: {
        const state = this.#past[pick(Math.max(1, this.#past.length))];
        return state === undefined ? latest : { state, ...resumeFrom(state) };
      }
      case 2:
        return { ...latest, viewDigest: latest.viewDigest === undefined ? undefined : latest.viewDigest ^ 1n };
      case 3:
        return { ...latest, viewDigest: undefined };
      case 4:
        return this.#withWritesToken() ?? latest;
      default:
        return latest;
    }
  }

  /** With a token as writes give them, which names a point in time and no view. */
  #withWritesToken(): Resume | undefined {
    const { told } = this.#options.recording;
    const epoch = this.#options.recording.epoch;
    let revision: Revision | undefined;
    for (let at = told.length - 1; at >= 0 && revision === undefined; at--) {
      const event = told[at]?.event;
      if (event?.type === 'answer' && event.answer.kind === 'written') ({ revision } = event.answer);
    }
    if (epoch === undefined || revision === undefined) return undefined;
    const resumeToken = encodeToken({ epoch, revision, scope: NO_SCOPE });
    return { state: beginView(resumeToken), resumeToken, viewDigest: undefined };
  }

  #receive(open: OpenStream, { message: response, bytes }: SizedWatchResponse): void {
    if (this.#open !== open) return;
    open.answered = true;
    this.#heard(open);
    const step = receive(this.#state, response, this.#options.connection.xxh64);
    this.#state = step.state;
    this.#show();
    if (step.kind === 'event' && response.resumeToken !== '') {
      this.#past.push(this.#state);
      if (this.#past.length > PAST_MAX) this.#past.shift();
    }
    this.#options.recording.record({
      type: 'message',
      stream: open.id,
      response,
      bytes,
      step: step.kind,
      view: this.#shown,
    });
    if (response.event?.$case === 'reconnect') this.#end(open);
  }

  /** The stream is over, or is left; another follows. */
  #end(open: OpenStream, error?: Error): void {
    if (this.#open !== open) return;
    this.#open = undefined;
    clearTimeout(this.#silence);
    if (error === undefined) open.stream.cancel();
    const reason = error === undefined ? undefined : (rpcFailure(error).reason as Reason | undefined);
    const ended = { type: 'ended', stream: open.id } as const;
    this.#options.recording.record(reason === undefined ? ended : { ...ended, reason });
    if (!this.#closed) this.#next = setTimeout(() => this.#begin(), this.#options.pick(BACKOFF_MS_MAX));
  }

  /** Waits for the next message, but not for ever: then on another connection, for this one may never be made. */
  #heard(open: OpenStream): void {
    clearTimeout(this.#silence);
    const { connection } = this.#options;
    const { generation } = connection;
    this.#silence = setTimeout(() => {
      if (open.readingSinceMs === undefined) return this.#heard(open);
      this.#end(open);
      void connection.renew(generation);
    }, SILENCE_MS);
  }

  #takeTurns(): void {
    const { pick } = this.#options;
    this.#pace = setTimeout(
      () => {
        if (this.#open?.readingSinceMs === undefined) this.#read();
        else if (!this.#steady) {
          this.#open.stream.pause();
          this.#open.readingSinceMs = undefined;
        }
        this.#takeTurns();
      },
      100 + pick(PAUSE_MS_MAX),
    );
  }

  #read(): void {
    if (this.#open === undefined || this.#open.readingSinceMs !== undefined) return;
    this.#open.readingSinceMs = machineMs();
    this.#open.stream.resume();
    this.#heard(this.#open);
  }

  /** Keeps what the application sees, in one array for as long as the view is the same. */
  #show(): void {
    const endpoints = this.#state.kind === 'synced' ? this.#state.endpoints : undefined;
    if (endpoints === this.#shownOf) return;
    this.#shownOf = endpoints;
    this.#shown = endpoints && [...endpoints.values()];
  }
}
