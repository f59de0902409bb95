/**
 * What is measured: one discovery system, started empty in processes of its
 * own. The programs know no more of it than this, so that Rollcall and etcd
 * stand under the same load.
 */
export interface Subject extends AsyncDisposable {
  readonly name: SubjectName;
  readonly version: string;
  /** Its processes, whose CPU time and memory are what it costs. */
  readonly pids: readonly number[];
  /** Opens a connection that is shared with nobody. */
  connect(): Promise<Connection>;
  /** Kills it, then starts it again on its data and at its address. Resolves once it says that it listens. */
  restart(): Promise<void>;
  /** Reads all messages of a first view. Returns how many endpoints it has, and throws unless it is what it says. */
  countEndpoints(messages: readonly Buffer[]): number;
}

export type SubjectName = 'rollcall' | 'etcd';

export interface SubjectOptions {
  /** Where it keeps its data; a directory that exists and is empty. */
  readonly dataDir: string;
  /** Arguments of Node, such as `--cpu-prof`. Subjects that do not run on Node take no notice. */
  readonly runtimeArgs: readonly string[];
  /**
   * Gives each watch a stream of its own. The subjects' own clients let all
   * watches of a connection share one.
   */
  readonly streamEach: boolean;
}

export interface Connection {
  /** Bytes that came in over it so far, frames and headers too. */
  readonly receivedBytes: number;
  /**
   * What a registration may be given that the subject can make beforehand;
   * nothing where all of a registration is one write.
   */
  prepareLease(): Promise<Lease | undefined>;
  /** Adds an endpoint that is to live for at least an hour. Resolves once the subject says that it is durable. */
  register(endpoint: EndpointSpec, lease?: Lease): Promise<Registration>;
  /** Watches all endpoints of a service, from its present view on, or from where another watch of it came to. */
  watch(service: string, listener: WatchListener, from?: ResumePoint): Watch;
  /** Opens a way to renew that lasts. */
  renewals(): Renewals;
  /** Ends what is open on it, too. */
  close(): void;
}

export interface EndpointSpec {
  readonly service: string;
  readonly id: string;
  /** How large the endpoint is in a message, roughly. */
  readonly bytes: number;
}

export interface Registration {
  readonly lease: Lease;
  readonly revision: number;
  /** Changes the endpoint to one of the same size. Resolves to the revision of the change once that is durable. */
  change(): Promise<number>;
}

/** What a subject renews an endpoint by. */
export type Lease = bigint;

/** Opaque. */
export type ResumePoint = string;

/**
 * - `part`: of the first view, or of one that replaces it; more of it follows
 * - `view`: the last part
 * - `change`: of the view
 * - `other`: anything that leaves the view as it is
 */
export type MessageKind = 'part' | 'view' | 'change' | 'other';

export interface WatchMessage {
  readonly kind: MessageKind;
  /** With a `view` or a `change`, the watch has seen every change of its service up to here. */
  readonly revision: number;
  readonly bytes: Buffer;
}

export interface WatchListener {
  onMessage(message: WatchMessage): void;
  /** The watch ended without having been closed. */
  onEnd(error: Error): void;
}

export interface Watch {
  /** Resolves once the subject has begun to answer. */
  readonly answered: Promise<void>;
  /** Where it came to, for a watch that goes on from there. Only once it has its first view. */
  resumePoint(): ResumePoint;
  /** Reads nothing more and keeps the watch open, as a program does that hangs. All of its connection may do so. */
  pause(): void;
  close(): void;
}

export interface Renewals {
  /** Renews all the leases at once, in as few messages as the subject can. Rejects if one of them was not found. */
  renew(leases: readonly Lease[]): Promise<void>;
}
