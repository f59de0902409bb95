/**
 * What happened in a run, as plain data in the order in which it happened.
 * Model tests, end-to-end tests and benchmarks record histories; validators
 * look at them and at nothing else.
 */
import type { Digest } from '../../../src/core/digest.js';
import type { Reason } from '../../../src/core/errors.js';
import type { Epoch, Revision } from '../../../src/core/token.js';
import type { WatchResponse } from '../../../src/gen/rollcall/v1/discovery.js';
import type { Endpoint } from '../../../src/gen/rollcall/v1/endpoint.js';
import type { Selector } from '../../../src/gen/rollcall/v1/selector.js';

export interface History {
  readonly events: readonly HistoryEvent[];
}

/** `NAMESPACE/SERVICE`. */
export type ServiceKey = string;

/** An endpoint as the store has it. */
export interface TrueRecord {
  /** With its revisions. */
  readonly endpoint: Endpoint;
  readonly leaseId: number;
  readonly ttlMs: number;
  readonly requestId: string;
}

/** One revision, as a follower of the store was told of it. */
export interface RevisionEvent {
  readonly type: 'revision';
  readonly revision: Revision;
  readonly records: readonly {
    readonly service: ServiceKey;
    readonly id: string;
    /** Undefined: it was removed. */
    readonly after: TrueRecord | undefined;
  }[];
  readonly liveness: readonly {
    readonly service: ServiceKey;
    readonly id: string;
    /** The lease that holds the liveness key from now on; undefined: the key was removed. */
    readonly leaseId: number | undefined;
  }[];
}

/** What a client asked to be written. A `marker` is in the endpoint's metadata, and in no other write's. */
export type Write =
  | {
      readonly kind: 'register';
      readonly service: ServiceKey;
      readonly id: string;
      readonly requestId: string;
      readonly marker: string;
    }
  | {
      readonly kind: 'update';
      readonly service: ServiceKey;
      readonly id: string;
      readonly leaseId: number;
      readonly marker: string;
    }
  | { readonly kind: 'deregister'; readonly service: ServiceKey; readonly id: string; readonly leaseId: number }
  | { readonly kind: 'renew'; readonly leaseIds: readonly number[] };

export type Answer =
  | { readonly kind: 'written'; readonly revision: Revision; readonly leaseId: number }
  | { readonly kind: 'gone'; readonly revision: Revision }
  /** In the order asked; undefined: not alive. */
  | { readonly kind: 'renewed'; readonly ttlsMs: readonly (number | undefined)[] }
  | { readonly kind: 'refused'; readonly reason: Reason };

/** A watch is asked for. */
export interface WatchEvent {
  readonly type: 'watch';
  /** Unique to this call. */
  readonly stream: number;
  readonly service: ServiceKey;
  readonly selector: Selector | undefined;
  /** Empty without one. */
  readonly resumeToken: string;
  readonly viewDigest: Digest | undefined;
  /** What the client shows its application when it asks; undefined if it has shown nothing. */
  readonly view: readonly Endpoint[] | undefined;
}

/** What a client that follows a service by itself, over however many streams, showed its application. */
export interface ViewEvent {
  readonly type: 'view';
  /** Unique to one view of one client. */
  readonly reader: number;
  readonly service: ServiceKey;
  readonly selector: Selector | undefined;
  readonly revision: Revision;
  readonly endpoints: readonly Endpoint[];
}

/** Everything is well again, and nobody writes; leases may still lapse. */
export interface SettledEvent {
  readonly type: 'settled';
  /** These streams are open and have read what they were sent, since some time. */
  readonly reading: readonly { readonly stream: number; readonly sinceMs: number }[];
  readonly checkpointIntervalMs: number;
  /** How long a change takes to reach a watcher; 0 unless told, where nothing is under way. */
  readonly deliveryMs?: number;
  /** What everyone's application sees, raw streams' too; undefined: nothing yet. */
  readonly views?: readonly {
    readonly who: string;
    readonly service: ServiceKey;
    readonly selector: Selector | undefined;
    readonly endpoints: readonly Endpoint[] | undefined;
    /** Bytes were damaged on their way, so that only what a digest covers can be right: ids and revisions. */
    readonly damaged: boolean;
  }[];
  /** What clients keep registered by themselves, each with one of these markers. */
  readonly kept?: readonly { readonly service: ServiceKey; readonly id: string; readonly markers: readonly string[] }[];
}

/** A message has reached the client. */
export interface MessageEvent {
  readonly type: 'message';
  readonly stream: number;
  readonly response: WatchResponse;
  readonly bytes: number;
  /** What the client made of it. */
  readonly step: 'event' | 'gathering' | 'drift' | 'refused';
  /** What the client now shows its application; undefined before the first complete view. */
  readonly view: readonly Endpoint[] | undefined;
}

export type WhatHappened =
  /**
   * The server runs for the first time. Every history begins with it. What it tells of may have happened up to
   * `precisionMs` before (0 unless told): a process can be held up between doing something and telling of it.
   */
  | { readonly type: 'start'; readonly epoch: Epoch; readonly precisionMs?: number }
  | RevisionEvent
  /** A group is on disk. */
  | { readonly type: 'flushed'; readonly revision: Revision }
  | { readonly type: 'write'; readonly write: number; readonly what: Write }
  /** A write without one has an unknown outcome. */
  | { readonly type: 'answer'; readonly write: number; readonly answer: Answer }
  | WatchEvent
  /** The server handed a message to a stream. */
  | {
      readonly type: 'sent';
      readonly stream: number;
      readonly bytes: number;
      /** What the stream now holds, this message included. */
      readonly untakenMessages: number;
      readonly untakenBytes: number;
      /** Changes after this revision are remembered at this moment. */
      readonly floor: Revision;
    }
  | MessageEvent
  | ViewEvent
  /** The server took renewals of these leases in, whether or not its answer arrives. Where answers can be lost. */
  | { readonly type: 'renewed'; readonly leaseIds: readonly number[] }
  /** From now on changes after this revision are remembered. Where it is not told of each message that is sent. */
  | { readonly type: 'floor'; readonly floor: Revision }
  /** A client keeps this registered by itself, as often as it takes, until it is told to release it. */
  | { readonly type: 'kept'; readonly service: ServiceKey; readonly id: string; readonly marker: string }
  | { readonly type: 'released'; readonly service: ServiceKey; readonly id: string }
  /** The stream is over. `reason`: the server ended or refused it; without: the client went away, or the server died. */
  | { readonly type: 'ended'; readonly stream: number; readonly reason?: Reason }
  /** One page that held everything. */
  | {
      readonly type: 'list';
      readonly service: ServiceKey;
      readonly selector: Selector | undefined;
      /** When it was asked for: the index of the next event. */
      readonly askedAt: number;
      readonly minToken: string;
      readonly resumeToken: string;
      readonly endpoints: readonly Endpoint[];
    }
  /** The server was stopped for a while and goes on. */
  | { readonly type: 'stall'; readonly ms: number }
  /** The server was ended and is back, with this in its store. */
  | {
      readonly type: 'restart';
      readonly epoch: Epoch;
      readonly revision: Revision;
      readonly records: readonly { readonly service: ServiceKey; readonly id: string; readonly record: TrueRecord }[];
    }
  /** The disk takes writes from now on, or does not. */
  | { readonly type: 'disk'; readonly works: boolean }
  | SettledEvent;

export type HistoryEvent = WhatHappened & {
  /** Milliseconds in which the server was running, since the beginning. */
  readonly atMs: number;
};

/** What is wrong with a history; empty if nothing is. */
export type Validator = (history: History) => string[];

/** The metadata key that markers are under. */
export const MARKER_KEY = 'marker';
