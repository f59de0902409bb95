import type { ClientDuplexStream } from '@grpc/grpc-js';
import { toDuration, toMs } from '../src/core/duration.js';
import { decodeToken } from '../src/core/token.js';
import type { KeepAliveRequest, KeepAliveResponse, LeaseRenewal } from '../src/gen/rollcall/v1/registry.js';
import { RawClient } from '../test/support/raw-client.js';
import { within } from '../test/support/until.js';
import { rpcFailure } from '../test/support/rpc-failure.js';
import type { Reason } from '../src/core/errors.js';
import { MARKER_KEY, type Answer, type ServiceKey, type Write } from '../test/support/validators/history.js';
import type { Recording } from './recording.js';
import { CALLED, LARGE, nameOf, shapeOf, TARGETS } from './targets.js';
import { machineMs } from '../demo/machine-clock.js';

/** A call that was not answered within this time is given up; whether it had its effect is unknown. */
const CALL_TIMEOUT_MS = 2_000;
/** Far more than it may take until a call that is given up has ended. */
const CALL_ENDS_MS = 5 * CALL_TIMEOUT_MS;
const RENEW_EVERY_MS = 350;
/** A connection with nobody at its other end is found so, and another made. */
const PINGS = { 'grpc.keepalive_time_ms': 2_000, 'grpc.keepalive_timeout_ms': 3_000 };
const ACT_EVERY_MS = 50;
/** So many calls wait for an answer at the most. */
const UNANSWERED_MAX = 60;
const TTLS_MS = [1_000, 2_000, 3_000] as const;
/** No lease has this id. */
const FOREIGN_LEASE = 42;
/** Of which a few fill what a server sends to one who does not read. */
const PADDING = 'x'.repeat(16_000);

export interface RawWriterOptions {
  readonly name: string;
  readonly address: string;
  readonly recording: Recording;
  readonly pick: (below: number) => number;
  /** Gives each write of a run a number. */
  readonly nextWrite: () => number;
  /** Told of what no fault explains. */
  readonly onWrong: (problem: string) => void;
  /** Leases are renewed on a stream, and not by calls. */
  readonly keepsAlive: boolean;
}

interface Held {
  readonly service: ServiceKey;
  readonly id: string;
  readonly leaseId: number;
  /** Whether it is renewed. */
  readonly kept: boolean;
}

/**
 * Registers, changes, deregisters, renews and forgets endpoints by plain calls, some of which others write too, and
 * sometimes under leases that are not, or no longer, the right ones. Owned by whoever started it.
 */
export class RawWriter implements AsyncDisposable {
  readonly #options: RawWriterOptions;
  readonly #client: RawClient;
  readonly #held = new Map<string, Held>();
  readonly #past: Held[] = [];
  readonly #requests: { service: ServiceKey; id: string; requestId: string }[] = [];
  readonly #acting: NodeJS.Timeout;
  readonly #renewing: NodeJS.Timeout;
  #stream: ClientDuplexStream<KeepAliveRequest, KeepAliveResponse> | undefined;
  #exchanging = false;
  readonly #unanswered = new Set<Promise<void>>();
  #paused = false;
  #token = '';

  static async start(options: RawWriterOptions): Promise<RawWriter> {
    return new RawWriter(options, await RawClient.connect(options.address, PINGS));
  }

  private constructor(options: RawWriterOptions, client: RawClient) {
    this.#options = options;
    this.#client = client;
    client.callTimeoutMs = CALL_TIMEOUT_MS;
    this.#acting = setInterval(() => this.#act(), ACT_EVERY_MS);
    this.#renewing = setInterval(() => this.#renewKept(), RENEW_EVERY_MS);
  }

  /** Changes nothing from now on, but goes on renewing. Resolves when no change is under way. */
  async pause(): Promise<void> {
    this.#paused = true;
    await Promise.all(this.#unanswered);
  }

  goOn(): void {
    this.#paused = false;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#acting);
    clearInterval(this.#renewing);
    await this.pause();
    this.#client[Symbol.dispose]();
  }

  #act(): void {
    if (this.#paused || this.#unanswered.size >= UNANSWERED_MAX) return;
    const { pick, name } = this.#options;
    const place = pick(10);
    const service = place < 3 ? CALLED[0] : place < 6 ? CALLED[1] : LARGE;
    const id = pick(4) === 0 ? `shared-${pick(2)}` : `${name}-${pick(4)}`;
    switch (pick(12)) {
      case 0:
      case 1:
        return this.#deregister(service, id);
      case 2:
      case 3:
      case 4:
      case 5:
        return this.#update(service, id);
      case 6:
        return this.#list();
      default:
        return this.#register(service, id);
    }
  }

  #register(service: ServiceKey, id: string): void {
    const { pick } = this.#options;
    const before = this.#requests.at(-1 - pick(4));
    const repeated = pick(6) === 0 ? before : undefined;
    const write = this.#options.nextWrite();
    const requestId = repeated?.requestId ?? (pick(3) === 0 ? '' : `request-${write}`);
    const where = { service: repeated?.service ?? service, id: repeated?.id ?? id };
    if (requestId !== '') this.#requests.push({ ...where, requestId });
    const marker = `w${write}`;
    this.#ask(write, { kind: 'register', ...where, requestId, marker }, async () => {
      const endpoint = {
        ...this.#endpoint(where.service, where.id, marker),
        addresses: [{ host: '10.0.0.1', port: 80 }],
      };
      const ttl = toDuration(TTLS_MS[pick(TTLS_MS.length)] ?? TTLS_MS[0]);
      const { leaseId, resumeToken } = await this.#client.register({ endpoint, ttl, requestId });
      const held = { ...where, leaseId: Number(leaseId), kept: pick(4) > 0 };
      this.#held.set(`${where.service}/${where.id}`, held);
      this.#past.push(held);
      return { kind: 'written', revision: this.#revisionOf(resumeToken), leaseId: held.leaseId };
    });
  }

  #update(service: ServiceKey, id: string): void {
    const write = this.#options.nextWrite();
    const marker = `w${write}`;
    const leaseId = this.#leaseFor(service, id);
    this.#ask(write, { kind: 'update', service, id, leaseId, marker }, async () => {
      const endpoint = this.#endpoint(service, id, marker);
      const updateMask = ['metadata', 'labels', 'health', 'weight'];
      const { resumeToken } = await this.#client.update({ endpoint, updateMask, leaseId: BigInt(leaseId) });
      return { kind: 'written', revision: this.#revisionOf(resumeToken), leaseId };
    });
  }

  #deregister(service: ServiceKey, id: string): void {
    const leaseId = this.#leaseFor(service, id);
    this.#ask(this.#options.nextWrite(), { kind: 'deregister', service, id, leaseId }, async () => {
      const request = { ...nameOf(service), endpointId: id, leaseId: BigInt(leaseId) };
      const { resumeToken } = await this.#client.deregister(request);
      return { kind: 'gone', revision: this.#revisionOf(resumeToken) };
    });
  }

  #list(): void {
    const { pick, recording } = this.#options;
    const { service, selector } = TARGETS[pick(TARGETS.length)] ?? TARGETS[0]!;
    const minToken = pick(2) === 0 ? this.#token : '';
    const askedMs = machineMs();
    const list = async (): Promise<void> => {
      const request = {
        ...nameOf(service),
        ...(selector === undefined ? {} : { selector }),
        minToken,
        pageSize: 1_000,
      };
      try {
        const { endpoints, resumeToken } = await this.#client.listEndpoints(request);
        recording.record({ type: 'list', service, selector, askedMs, minToken, resumeToken, endpoints });
      } catch (error) {
        // A list that failed tells nothing; what is no failure of a call is a defect here.
        rpcFailure(error);
      }
    };
    this.#wait('list', list());
  }

  #renewKept(): void {
    const leaseIds = [...this.#held.values()].flatMap(({ leaseId, kept }) => (kept ? leaseId : []));
    if (this.#options.pick(5) === 0)
      leaseIds.push(this.#past.at(-1 - this.#options.pick(10))?.leaseId ?? FOREIGN_LEASE);
    if (leaseIds.length === 0 || this.#unanswered.size >= UNANSWERED_MAX || this.#exchanging) return;
    this.#ask(this.#options.nextWrite(), { kind: 'renew', leaseIds }, async () => {
      const ids = leaseIds.map(BigInt);
      const results = this.#options.keepsAlive
        ? await this.#keepAlive(ids)
        : (await this.#client.renew(...ids)).results;
      for (const { leaseId, found } of results) if (!found) this.#forget(Number(leaseId));
      return { kind: 'renewed', ttlsMs: results.map(({ found, ttl }) => (found && ttl ? toMs(ttl) : undefined)) };
    });
  }

  /** One exchange at a time on the stream, which begins anew whenever an answer is late. */
  #keepAlive(leaseIds: bigint[]): Promise<readonly LeaseRenewal[]> {
    this.#exchanging = true;
    const stream = (this.#stream ??= this.#openKeepAlive());
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => stream.cancel(), CALL_TIMEOUT_MS);
      const onData = ({ results }: KeepAliveResponse): void => settle(() => resolve(results));
      const onError = (error: Error): void => settle(() => reject(error));
      const settle = (tell: () => void): void => {
        clearTimeout(timer);
        this.#exchanging = false;
        stream.off('data', onData).off('error', onError);
        tell();
      };
      stream.on('data', onData).on('error', onError);
      stream.write({ leaseIds });
    });
  }

  #openKeepAlive(): ClientDuplexStream<KeepAliveRequest, KeepAliveResponse> {
    const stream = this.#client.keepAlive();
    stream.on('error', () => {
      if (this.#stream === stream) this.#stream = undefined;
    });
    return stream;
  }

  /** Mostly the lease that is known to hold the endpoint. */
  #leaseFor(service: ServiceKey, id: string): number {
    const { pick } = this.#options;
    const known = this.#held.get(`${service}/${id}`)?.leaseId ?? FOREIGN_LEASE;
    if (pick(6) > 0) return known;
    const old = this.#past.filter((held) => held.service === service && held.id === id);
    return old[pick(Math.max(1, old.length))]?.leaseId ?? FOREIGN_LEASE;
  }

  #forget(leaseId: number): void {
    for (const [key, held] of this.#held) if (held.leaseId === leaseId) this.#held.delete(key);
  }

  #endpoint(service: ServiceKey, id: string, marker: string) {
    const padding: Record<string, string> = service === LARGE ? { padding: PADDING } : {};
    return { ...nameOf(service), id, ...shapeOf(this.#options.pick), metadata: { [MARKER_KEY]: marker, ...padding } };
  }

  #revisionOf(resumeToken: string): number {
    this.#token = resumeToken;
    const { epoch, revision } = decodeToken(resumeToken, 'resume_token');
    this.#options.recording.epoch = epoch;
    return revision;
  }

  /** Notes what is asked for, and its answer if there is one. */
  #ask(write: number, what: Write, attempt: () => Promise<Answer>): void {
    const { recording } = this.#options;
    recording.record({ type: 'write', write, what });
    const answered = async (): Promise<void> => {
      try {
        recording.record({ type: 'answer', write, answer: await attempt() });
      } catch (error) {
        const { reason } = rpcFailure(error);
        // Else it is unknown whether it was written.
        if (reason !== undefined && reason !== 'STORE_UNAVAILABLE') {
          recording.record({ type: 'answer', write, answer: { kind: 'refused', reason: reason as Reason } });
        }
      }
    };
    this.#wait(what.kind, answered());
  }

  #wait(what: string, done: Promise<void>): void {
    const waited = within(`${what} of ${this.#options.name} ended`, done, CALL_ENDS_MS)
      .catch((error: unknown) => this.#options.onWrong(String(error)))
      .finally(() => this.#unanswered.delete(waited));
    this.#unanswered.add(waited);
  }
}
