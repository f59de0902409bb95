import { isRollcallError, type Registration, type RollcallClient } from '../src/client/index.js';
import { MARKER_KEY } from '../test/support/validators/history.js';
import type { Recording } from './recording.js';
import { KEPT, nameOf, shapeOf } from './targets.js';

const ACT_EVERY_MS = 400;
/** Long enough to outlive most faults, so that most registrations are lost only now and then. */
const TTLS_MS = [2_000, 6_000, 10_000] as const;
const REGISTERED_MAX = 4;

export interface LibraryRegistrarOptions {
  readonly name: string;
  readonly client: RollcallClient;
  readonly recording: Recording;
  readonly pick: (below: number) => number;
  /** Gives each write of a run a number. */
  readonly nextWrite: () => number;
}

interface Kept {
  readonly id: string;
  readonly registration: Registration;
  /** What may be there: the last that was acknowledged, and all that was asked for since. */
  markers: string[];
}

/** Has the client library keep endpoints registered, changes them and takes them back. Ends with {@link stop}. */
export class LibraryRegistrar {
  readonly #options: LibraryRegistrarOptions;
  readonly #kept = new Map<string, Kept>();
  readonly #timer: NodeJS.Timeout;
  #underWay: Promise<void> | undefined;
  #paused = false;
  #made = 0;

  constructor(options: LibraryRegistrarOptions) {
    this.#options = options;
    this.#timer = setInterval(() => this.#actOnce(), ACT_EVERY_MS);
  }

  /** What has to be registered, and with what. */
  get kept(): { readonly service: string; readonly id: string; readonly markers: readonly string[] }[] {
    return [...this.#kept.values()].map(({ id, markers }) => ({ service: KEPT, id, markers }));
  }

  /** Changes nothing from now on; what is registered stays so. Resolves when no change is under way. */
  async pause(): Promise<void> {
    this.#paused = true;
    await this.#underWay;
  }

  goOn(): void {
    this.#paused = false;
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.pause();
    for (const { id } of this.#kept.values()) this.#options.recording.record({ type: 'released', service: KEPT, id });
  }

  #actOnce(): void {
    if (this.#paused || this.#underWay !== undefined) return;
    this.#underWay = this.#act().finally(() => (this.#underWay = undefined));
  }

  async #act(): Promise<void> {
    const { pick } = this.#options;
    const all = [...this.#kept.values()];
    const kept = all[pick(Math.max(1, all.length))];
    try {
      if (kept === undefined || (all.length < REGISTERED_MAX && pick(3) === 0)) await this.#register();
      else if (pick(5) === 0) await this.#close(kept);
      else await this.#update(kept);
    } catch (error) {
      // The library has said that it did not work, which is fair while there are faults.
      if (!isRollcallError(error)) throw error;
    }
  }

  async #register(): Promise<void> {
    const { client, name, recording, pick } = this.#options;
    const id = `${name}-${++this.#made}`;
    const marker = this.#mark(id);
    try {
      const endpoint = { ...nameOf(KEPT), id, addresses: ['10.0.0.2:80'], ...shapeOf(pick) };
      const ttlMs = TTLS_MS[pick(TTLS_MS.length)];
      const registration = await client.register({ ...endpoint, metadata: { [MARKER_KEY]: marker } }, { ttlMs });
      this.#kept.set(id, { id, registration, markers: [marker] });
    } catch (error) {
      // It may be registered until its TTL has passed, or be taken back late.
      recording.record({ type: 'released', service: KEPT, id });
      throw error;
    }
  }

  async #update(kept: Kept): Promise<void> {
    const marker = this.#mark(kept.id);
    kept.markers.push(marker);
    const { labels, health } = shapeOf(this.#options.pick);
    await kept.registration.update({ metadata: { [MARKER_KEY]: marker }, labels, health });
    kept.markers = [marker];
  }

  async #close({ id, registration }: Kept): Promise<void> {
    this.#kept.delete(id);
    this.#options.recording.record({ type: 'released', service: KEPT, id });
    await registration.close();
  }

  #mark(id: string): string {
    const marker = `w${this.#options.nextWrite()}`;
    this.#options.recording.record({ type: 'kept', service: KEPT, id, marker });
    return marker;
  }
}
