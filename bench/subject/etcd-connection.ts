import {
  grantedLease,
  headerRevision,
  keepAliveRequest,
  leaseGrantRequest,
  METHOD,
  putRequest,
  rangeRequest,
  readWatchResponse,
  wasKeptAlive,
  watchCreateRequest,
} from './etcd-messages.js';
import type { GrpcConnection } from './grpc-connection.js';
import { framesOf, type GrpcStream } from './grpc-stream.js';
import type {
  Connection,
  EndpointSpec,
  Lease,
  Registration,
  Renewals,
  ResumePoint,
  SubjectOptions,
  Watch,
  WatchListener,
} from './subject.js';

const TTL_SECONDS = 3_600;

/** What a KeyValue has besides key and value: revisions, version, lease, tags. */
const KEY_VALUE_BYTES = 30;

/**
 * Discovery on etcd in the way of its own clients: an endpoint is a leased key
 * under its service's prefix; a watch reads the prefix and then watches it from
 * the revision of what it read; all watches of a connection share one stream,
 * unless each is to have its own.
 */
export class EtcdConnection implements Connection {
  readonly #grpc: GrpcConnection;
  readonly #watches = new Map<number, EtcdWatch>();
  readonly #streamEach: boolean;
  #watchStream: GrpcStream | undefined;
  #nextWatchId = 1;

  constructor(grpc: GrpcConnection, { streamEach }: Pick<SubjectOptions, 'streamEach'>) {
    this.#grpc = grpc;
    this.#streamEach = streamEach;
  }

  get receivedBytes(): number {
    return this.#grpc.receivedBytes;
  }

  async prepareLease(): Promise<Lease> {
    return grantedLease(await this.#grpc.unary(METHOD.leaseGrant, leaseGrantRequest(TTL_SECONDS)));
  }

  async register({ service, id, bytes }: EndpointSpec, prepared?: Lease): Promise<Registration> {
    const lease = prepared ?? (await this.prepareLease());
    const key = prefixOf(service) + id;
    const padding = Math.max(1, bytes - key.length - KEY_VALUE_BYTES);
    const put = async (change: number) => {
      const value = Buffer.from(String(change).padStart(padding, '0'));
      return headerRevision(await this.#grpc.unary(METHOD.put, putRequest(key, { value, lease })));
    };
    let changes = 0;
    return { lease, revision: await put(0), change: () => put(++changes) };
  }

  watch(service: string, listener: WatchListener, from?: ResumePoint): Watch {
    if (this.#watchStream === undefined || this.#streamEach) this.#watchStream = this.#openWatchStream();
    const stream = this.#watchStream;
    const watch = new EtcdWatch(stream, listener);
    const id = this.#nextWatchId++;
    this.#watches.set(id, watch);
    const create = (afterRevision: number) =>
      stream.send(framesOf([watchCreateRequest(prefixOf(service), { startRevision: afterRevision + 1, watchId: id })]));
    if (from === undefined) {
      this.#grpc.unary(METHOD.range, rangeRequest(prefixOf(service))).then((view) => {
        watch.view = { revision: headerRevision(view), bytes: view };
        create(watch.view.revision);
      }, listener.onEnd);
    } else create(Number(from));
    return watch;
  }

  renewals(): Renewals {
    return new LeaseKeepAlive(this.#grpc);
  }

  close(): void {
    this.#grpc.close();
  }

  #openWatchStream(): GrpcStream {
    return this.#grpc.open(METHOD.watch, {
      onMessage: (bytes) => {
        const message = readWatchResponse(bytes);
        const watch = this.#watches.get(message.watchId);
        if (watch === undefined) throw new Error(`etcd answered watch ${message.watchId}, which nobody asked for`);
        if (message.canceled) watch.listener.onEnd(new Error('etcd cancelled the watch'));
        else if (message.created) watch.begin(bytes);
        else if (message.events > 0) watch.change(message.lastRevision, bytes);
        else watch.listener.onMessage({ kind: 'other', revision: 0, bytes });
      },
      onEnd: (error) => {
        for (const { listener } of this.#watches.values()) listener.onEnd(error);
      },
    });
  }
}

/** One of those that share a stream. */
class EtcdWatch implements Watch {
  readonly listener: WatchListener;
  readonly answered: Promise<void>;
  /** What was read before the watch began, if it was. */
  view: { readonly revision: number; readonly bytes: Buffer } | undefined;
  readonly #stream: GrpcStream;
  #revision: number | undefined;

  constructor(stream: GrpcStream, listener: WatchListener) {
    this.#stream = stream;
    this.answered = stream.answered;
    this.listener = listener;
  }

  /** The view that was read is told only now that what follows it is watched. */
  begin(created: Buffer): void {
    const { view } = this;
    this.view = undefined;
    if (view === undefined) {
      this.listener.onMessage({ kind: 'other', revision: 0, bytes: created });
    } else {
      this.#revision = view.revision;
      this.listener.onMessage({ kind: 'view', ...view });
    }
  }

  change(revision: number, bytes: Buffer): void {
    this.#revision = revision;
    this.listener.onMessage({ kind: 'change', revision, bytes });
  }

  resumePoint(): ResumePoint {
    if (this.#revision === undefined) throw new Error('a watch without a view has no revision');
    return String(this.#revision);
  }

  pause(): void {
    this.#stream.pause();
  }

  close(): void {
    // With the others of its connection.
    this.#stream.close();
  }
}

/** Renewals on one LeaseKeepAlive stream, which has one lease a message; they are sent together. */
class LeaseKeepAlive implements Renewals {
  readonly #stream: GrpcStream;
  #onAnswer: (bytes: Buffer) => void = () => undefined;

  constructor(grpc: GrpcConnection) {
    this.#stream = grpc.open(METHOD.leaseKeepAlive, {
      onMessage: (bytes) => this.#onAnswer(bytes),
      // Ends the program: nothing may end a stream but the close() of its connection.
      onEnd: (error) => {
        throw error;
      },
    });
  }

  async renew(leases: readonly Lease[]): Promise<void> {
    let awaited = leases.length;
    const answered = new Promise<void>((resolve, reject) => {
      this.#onAnswer = (bytes) => {
        if (!wasKeptAlive(bytes)) reject(new Error('a lease was lost'));
        else if (--awaited === 0) resolve();
      };
    });
    this.#stream.send(framesOf(leases.map(keepAliveRequest)));
    await answered;
  }
}

function prefixOf(service: string): string {
  return `/services/${service}/`;
}
