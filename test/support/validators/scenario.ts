import type { Digest } from '../../../src/core/digest.js';
import type { Xxh64 } from '../../../src/core/hash.js';
import { encodeToken, NO_SCOPE, type Revision } from '../../../src/core/token.js';
import {
  RemovedEndpoint_Reason as RemovalReason,
  Snapshot_Reason as SnapshotReason,
  type RemovedEndpoint,
  type WatchResponse,
} from '../../../src/gen/rollcall/v1/discovery.js';
import { Endpoint, Health } from '../../../src/gen/rollcall/v1/endpoint.js';
import type { Selector } from '../../../src/gen/rollcall/v1/selector.js';
import {
  MARKER_KEY,
  type Answer,
  type HistoryEvent,
  type TrueRecord,
  type WhatHappened,
  type Write,
} from './history.js';
import { truthOf } from './truth.js';
import { digestOf } from './watch-views.js';

export const EPOCH = '0123456789abcdef';
export const SERVICE = 'default/payments';
export const TTL_MS = 1_000;
const CHECKPOINT_INTERVAL_MS = 2_000;

/** The scope of all tokens here: validators do not look at it. */
const SCOPE = 1n;

/** What of a message a test wants other than right. */
interface MessageFault {
  readonly revision?: Revision;
  readonly tokenRevision?: Revision;
  readonly epoch?: string;
  readonly digest?: Digest;
  readonly view?: readonly Endpoint[];
  readonly step?: 'event' | 'gathering' | 'drift' | 'refused';
  readonly reason?: SnapshotReason;
  readonly upserted?: readonly Endpoint[];
  readonly removed?: readonly RemovedEndpoint[];
  readonly endpoints?: readonly Endpoint[];
  readonly bytes?: number;
  readonly untakenMessages?: number;
  readonly untakenBytes?: number;
  readonly floor?: Revision;
}

interface OpenStream {
  readonly selector: Selector | undefined;
  at: Revision;
  view: readonly Endpoint[] | undefined;
}

/** Writes histories by hand: what a right server would do, but for the faults that a test asks for. */
export class Scenario {
  readonly events: HistoryEvent[] = [];
  readonly #xxh64: Xxh64;
  readonly #streams = new Map<number, OpenStream>();
  #atMs = 0;
  #writes = 0;

  constructor(xxh64: Xxh64) {
    this.#xxh64 = xxh64;
    this.record({ type: 'start', epoch: EPOCH });
  }

  get newest(): Revision {
    return truthOf(this).newest;
  }

  record(event: WhatHappened): void {
    this.events.push({ ...event, atMs: this.#atMs });
  }

  pass(ms: number): void {
    this.#atMs += ms;
  }

  endpoint(id: string, more: Partial<Endpoint> = {}): Endpoint {
    const modRevision = more.modRevision ?? this.newest + 1;
    return Endpoint.fromPartial({ id, health: Health.HEALTHY, createRevision: modRevision, ...more, modRevision });
  }

  ask(what: Write): number {
    this.record({ type: 'write', write: ++this.#writes, what });
    return this.#writes;
  }

  answer(write: number, answer: Answer): void {
    this.record({ type: 'answer', write, answer });
  }

  /** A revision that puts records under their leases; `undefined` removes, with or without the liveness key. */
  revision(
    records: Readonly<
      Record<string, { readonly endpoint: Endpoint; readonly leaseId: number; readonly requestId?: string } | undefined>
    >,
    liveness: Readonly<Record<string, number | undefined>> = {},
    revision = this.newest + 1,
  ): Revision {
    this.record({
      type: 'revision',
      revision,
      records: Object.entries(records).map(([id, after]) => ({
        service: SERVICE,
        id,
        after: after && { ttlMs: TTL_MS, requestId: '', ...after },
      })),
      liveness: Object.entries(liveness).map(([id, leaseId]) => ({ service: SERVICE, id, leaseId })),
    });
    return revision;
  }

  register(id: string, leaseId: number, more: Partial<Endpoint> = {}, requestId = ''): Endpoint {
    const marker = `m${this.#writes + 1}`;
    const write = this.ask({ kind: 'register', service: SERVICE, id, requestId, marker });
    const endpoint = this.endpoint(id, { ...more, metadata: { [MARKER_KEY]: marker } });
    const revision = this.revision({ [id]: { endpoint, leaseId, requestId } }, { [id]: leaseId });
    this.answer(write, { kind: 'written', revision, leaseId });
    return endpoint;
  }

  update(id: string, leaseId: number, more: Partial<Endpoint> = {}): Revision {
    const marker = `m${this.#writes + 1}`;
    const write = this.ask({ kind: 'update', service: SERVICE, id, leaseId, marker });
    const endpoint = this.endpoint(id, { ...more, metadata: { [MARKER_KEY]: marker } });
    const revision = this.revision({ [id]: { endpoint, leaseId } });
    this.answer(write, { kind: 'written', revision, leaseId });
    return revision;
  }

  deregister(id: string, leaseId: number): Revision {
    const write = this.ask({ kind: 'deregister', service: SERVICE, id, leaseId });
    const revision = this.revision({ [id]: undefined }, { [id]: undefined });
    this.answer(write, { kind: 'gone', revision });
    return revision;
  }

  renew(leaseId: number, ttlMs: number | undefined = TTL_MS): void {
    this.answer(this.ask({ kind: 'renew', leaseIds: [leaseId] }), { kind: 'renewed', ttlsMs: [ttlMs] });
  }

  /** The lease lapses, and the record goes. */
  expire(id: string): Revision {
    this.revision({}, { [id]: undefined });
    return this.revision({ [id]: undefined });
  }

  token(revision: Revision, epoch = EPOCH): string {
    return encodeToken({ epoch, revision, scope: SCOPE });
  }

  /** As a write gives it. */
  writeToken(revision: Revision): string {
    return encodeToken({ epoch: EPOCH, revision, scope: NO_SCOPE });
  }

  watch(stream: number, more: { selector?: Selector; from?: number; token?: string; viewDigest?: Digest } = {}): void {
    const from = more.from === undefined ? undefined : this.#streams.get(more.from);
    const selector = more.selector ?? from?.selector;
    this.#streams.set(stream, { selector, at: from?.at ?? 0, view: from?.view });
    this.record({
      type: 'watch',
      stream,
      service: SERVICE,
      selector,
      resumeToken: more.token ?? (from === undefined ? '' : this.token(from.at)),
      viewDigest: more.viewDigest,
      view: from?.view,
    });
  }

  /** A whole snapshot of what is there now, a chunk for each endpoint, or one chunk. */
  snapshot(stream: number, fault: MessageFault & { readonly chunked?: boolean } = {}): void {
    const view = fault.endpoints ?? this.#viewOf(stream, this.newest);
    const chunks = fault.chunked === true ? view.map((endpoint) => [endpoint]) : [view];
    for (const [index, endpoints] of chunks.entries())
      this.chunk(stream, endpoints, index === chunks.length - 1, fault);
  }

  chunk(stream: number, endpoints: readonly Endpoint[], last: boolean, fault: MessageFault = {}): void {
    const reason = fault.reason ?? SnapshotReason.INITIAL;
    this.#message(stream, { $case: 'snapshot', value: { endpoints: [...endpoints], last, reason } }, last, fault);
  }

  /** What changed for the stream since its last message. */
  delta(stream: number, fault: MessageFault = {}): void {
    const { at } = this.#streams.get(stream)!;
    const before = new Map(this.#viewOf(stream, at).map((endpoint) => [endpoint.id, endpoint]));
    const after = new Map(this.#viewOf(stream, this.newest).map((endpoint) => [endpoint.id, endpoint]));
    const upserted =
      fault.upserted ??
      [...after.values()].filter(({ id, modRevision }) => before.get(id)?.modRevision !== modRevision);
    const removed = fault.removed ?? [...before.keys()].filter((id) => !after.has(id)).map((id) => this.removal(id));
    this.#message(stream, { $case: 'delta', value: { upserted: [...upserted], removed: [...removed] } }, true, fault);
  }

  checkpoint(stream: number, fault: MessageFault = {}): void {
    this.#message(stream, { $case: 'checkpoint', value: {} }, true, fault);
  }

  removal(
    endpointId: string,
    reason: RemovalReason = RemovalReason.DEREGISTERED,
    revision = this.newest,
  ): RemovedEndpoint {
    return { endpointId, reason, revision };
  }

  /** These streams have read since the beginning. */
  settled(...streams: number[]): void {
    const reading = streams.map((stream) => ({ stream, sinceMs: 0 }));
    this.record({ type: 'settled', reading, checkpointIntervalMs: CHECKPOINT_INTERVAL_MS });
  }

  restart(revision = this.newest, drop?: string): void {
    const records = truthOf(this)
      .records(revision)
      .filter(([, id]) => id !== drop);
    this.record({
      type: 'restart',
      epoch: EPOCH,
      revision,
      records: records.map(([service, id, record]: [string, string, TrueRecord]) => ({ service, id, record })),
    });
  }

  #viewOf(stream: number, revision: Revision): Endpoint[] {
    return [...truthOf(this).view(SERVICE, this.#streams.get(stream)!.selector, revision).values()];
  }

  #message(stream: number, event: NonNullable<WatchResponse['event']>, completes: boolean, fault: MessageFault): void {
    const state = this.#streams.get(stream)!;
    const revision = fault.revision ?? this.newest;
    const tokenRevision = fault.tokenRevision ?? revision;
    const right = this.#viewOf(stream, tokenRevision);
    const response: WatchResponse = {
      event,
      resumeToken: completes ? this.token(tokenRevision, fault.epoch) : '',
      digest: fault.digest ?? (completes ? digestOf(right, this.#xxh64) : 0n),
      revision,
    };
    const bytes = fault.bytes ?? 100;
    const { untakenMessages = 1, untakenBytes = bytes, floor = 0 } = fault;
    this.record({ type: 'sent', stream, bytes, untakenMessages, untakenBytes, floor });
    if (completes) state.at = tokenRevision;
    if (completes || fault.view !== undefined) state.view = fault.view ?? right;
    this.record({
      type: 'message',
      stream,
      response,
      bytes,
      step: fault.step ?? (completes ? 'event' : 'gathering'),
      view: state.view,
    });
  }
}
