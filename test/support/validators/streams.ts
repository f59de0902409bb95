import { decodeToken, type Revision, type Token } from '../../../src/core/token.js';
import type { Snapshot, WatchResponse } from '../../../src/gen/rollcall/v1/discovery.js';
import type { History, HistoryEvent, MessageEvent, WatchEvent } from './history.js';
import { selectorKey } from './truth.js';

type Recorded<T> = T & { readonly atMs: number; readonly index: number };

/** A message, and what of its stream a validator needs beside it. */
export interface StreamMessage extends Recorded<MessageEvent> {
  /** What it completes a view at; undefined for chunks that are not the last. */
  readonly token: Token | undefined;
  /** The server's memory of changes began after this revision when it sent the message, or no later than here by the time it came. */
  readonly floorWhenSent: number;
}

/** One watch, from the call to its end. */
export interface Stream {
  readonly watch: Recorded<WatchEvent>;
  readonly messages: StreamMessage[];
  readonly sent: Recorded<Extract<HistoryEvent, { type: 'sent' }>>[];
  ended: Recorded<Extract<HistoryEvent, { type: 'ended' }>> | undefined;
}

class Streams {
  readonly byId = new Map<number, Stream>();
  /** Which view each token that was delivered names. */
  readonly viewOfToken = new Map<string, string>();
  #eventsTaken = 0;
  #floor: Revision = 0;

  takeIn(events: readonly HistoryEvent[]): void {
    for (; this.#eventsTaken < events.length; this.#eventsTaken++)
      this.#take(events[this.#eventsTaken]!, this.#eventsTaken);
  }

  #take(event: HistoryEvent, index: number): void {
    if (event.type === 'watch') {
      this.byId.set(event.stream, { watch: { ...event, index }, messages: [], sent: [], ended: undefined });
      return;
    }
    // A page that holds everything names a view as well.
    if (event.type === 'list') this.viewOfToken.set(event.resumeToken, viewKey(event));
    if (event.type === 'floor') this.#floor = event.floor;
    if (event.type !== 'sent' && event.type !== 'message' && event.type !== 'ended') return;
    const stream = this.byId.get(event.stream);
    if (stream === undefined) throw new Error(`stream ${event.stream} was never asked for`);
    switch (event.type) {
      case 'sent':
        stream.sent.push({ ...event, index });
        break;
      case 'ended':
        stream.ended = { ...event, index };
        break;
      case 'message': {
        const { resumeToken } = event.response;
        const token = resumeToken === '' ? undefined : decodeToken(resumeToken, 'resume_token');
        const floorWhenSent = stream.sent[stream.messages.length]?.floor ?? this.#floor;
        stream.messages.push({ ...event, index, token, floorWhenSent });
        if (resumeToken !== '') this.viewOfToken.set(resumeToken, viewKey(stream.watch));
      }
    }
  }
}

const known = new WeakMap<readonly HistoryEvent[], Streams>();

function streamsIn({ events }: History): Streams {
  let streams = known.get(events);
  if (streams === undefined) known.set(events, (streams = new Streams()));
  streams.takeIn(events);
  return streams;
}

/** Every stream of a history, in the order in which they were asked for. */
export function streamsOf(history: History): Iterable<Stream> {
  return streamsIn(history).byId.values();
}

export function streamOf(history: History, stream: number): Stream | undefined {
  return streamsIn(history).byId.get(stream);
}

/** Whether a token was given out for the same view, rather than for another or by a write. */
export function tokenIsOfView(history: History, watch: WatchEvent): boolean {
  return streamsIn(history).viewOfToken.get(watch.resumeToken) === viewKey(watch);
}

function viewKey({ service, selector }: Pick<WatchEvent, 'service' | 'selector'>): string {
  return `${service}?${selectorKey(selector)}`;
}

/** The messages that completed a view. */
export function completeMessages({ messages }: Stream): (StreamMessage & { readonly token: Token })[] {
  return messages.filter((message): message is StreamMessage & { token: Token } => message.token !== undefined);
}

export function snapshotOf(response: WatchResponse): Snapshot | undefined {
  return response.event?.$case === 'snapshot' ? response.event.value : undefined;
}

/** How problems name a message. */
export function nameOf({ stream, index, response }: StreamMessage): string {
  return `event ${index}: ${response.event?.$case ?? 'nothing'} at revision ${response.revision} on stream ${stream}`;
}
