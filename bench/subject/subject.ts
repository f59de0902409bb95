/**
 * What is measured: one discovery system, started empty in processes of its
 * own. The programs know no more of it than this, so that another system can
 * stand beside Rollcall under the same load.
 */
export interface Subject extends AsyncDisposable {
  /** Its processes, whose CPU time and memory are what it costs. */
  readonly pids: readonly number[];
  /** Opens a connection that is shared with nobody. */
  connect(): Promise<Connection>;
  /**
   * Has it collect all garbage, and asks how many bytes are then in use in its
   * heap and in what its heap refers to. Without what native code holds besides.
   */
  liveBytes(): Promise<number>;
  /** Reads all messages of a first view. Returns how many endpoints it has, and throws unless it is what it says. */
  countEndpoints(messages: readonly Buffer[]): number;
}

export interface SubjectOptions {
  /** Where it keeps its data; a directory that exists and is empty. */
  readonly dataDir: string;
  /** Arguments of its runtime, such as `--cpu-prof` for Node. */
  readonly runtimeArgs: readonly string[];
}

export interface Connection {
  /** Adds an endpoint that is to live for at least an hour. Resolves once the subject says that it is durable. */
  register(endpoint: EndpointSpec): Promise<Registration>;
  /** Watches all endpoints of a service. */
  watch(service: string, listener: WatchListener): Watch;
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
  /** Changes the endpoint to one of the same size. Resolves once that is durable. */
  change(): Promise<void>;
}

/** What a subject renews an endpoint by. */
export type Lease = bigint;

/**
 * - `part`: of the first view, or of one that replaces it; more of it follows
 * - `view`: the last part
 * - `change`: of the view
 * - `other`: anything that leaves the view as it is
 */
export type MessageKind = 'part' | 'view' | 'change' | 'other';

export interface WatchListener {
  onMessage(kind: MessageKind, bytes: Buffer): void;
  /** The watch ended without having been closed. */
  onEnd(error: Error): void;
}

export interface Watch {
  /** Resolves once the subject has begun to answer. */
  readonly answered: Promise<void>;
  /** Reads nothing more and keeps the watch open, as a program does that hangs. */
  pause(): void;
  close(): void;
}

export interface Renewals {
  /** Renews all the leases in one message. Rejects if one of them was not found. */
  renew(leases: readonly Lease[]): Promise<void>;
}
