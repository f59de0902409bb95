import { Latency } from './latency.js';

interface Moment {
  readonly revision: number;
  readonly ms: number;
}

/**
 * How long changes take to reach watches, where changes overlap and one message
 * may bring several: a change has reached a watch with the first message of its
 * revision or a later one. It may do so before its writer knows the revision.
 */
export class Propagation {
  readonly #sent: Moment[] = [];
  readonly #arrivals: Moment[][];

  constructor(watches: number) {
    this.#arrivals = Array.from({ length: watches }, () => []);
  }

  sent(revision: number, sentMs: number): void {
    this.#sent.push({ revision, ms: sentMs });
  }

  arrived(watch: number, revision: number): void {
    this.#arrivals[watch]!.push({ revision, ms: performance.now() });
  }

  /** Over all changes and watches. Throws if a change did not reach one of them. */
  get figures(): Latency['figures'] {
    const latency = new Latency();
    const sent = this.#sent.toSorted((a, b) => a.revision - b.revision);
    for (const [watch, arrivals] of this.#arrivals.entries()) {
      let next = 0;
      for (const { revision, ms } of sent) {
        while (next < arrivals.length && arrivals[next]!.revision < revision) next++;
        const arrival = arrivals[next];
        if (arrival === undefined) throw new Error(`revision ${revision} did not reach watch ${watch}`);
        latency.add(arrival.ms - ms);
      }
    }
    return latency.figures;
  }
}
