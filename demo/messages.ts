/** What a backend is told; its first argument, as JSON. */
export interface BackendSettings {
  readonly name: string;
  readonly ttlMs: number;
  /** How long it works on each call. */
  readonly workMs: number;
}

/** What a backend says: it was registered, and acknowledged at that moment of the machine's clock. */
export interface BackendMessage {
  readonly registeredMs: number;
}

/** What the caller is told; its first argument, as JSON. */
export interface CallerSettings {
  readonly callsPerSecond: number;
  /** Whether calls that are lost with their backend are made again, as the resolver has it by default. */
  readonly retries: boolean;
}

/** A call that was answered. */
export interface AnsweredCall {
  readonly backend: string;
  /** When it reached the backend, on the machine's clock. */
  readonly arrivedMs: number;
  /** From when it was made until it was answered. */
  readonly tookMs: number;
  /** How often it had to be made before. */
  readonly retries: number;
}

export interface FailedCall {
  readonly failedMs: number;
  /** As grpc-js says it, with the status in front. */
  readonly message: string;
}

/** All that came of calls since the last such message. */
export interface CallsMessage {
  readonly type: 'calls';
  readonly answered: readonly AnsweredCall[];
  readonly failed: readonly FailedCall[];
  /** Whatever was answered or failed until then has been told. */
  readonly untilMs: number;
}

/** The caller's view of the greeters, after a change. */
export interface ViewMessage {
  readonly type: 'view';
  readonly changedMs: number;
  readonly status: string;
  readonly ids: readonly string[];
}

export type CallerMessage = CallsMessage | ViewMessage;
