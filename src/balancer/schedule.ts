import { rotationOf, type Rotation, type Weighted } from './rotation.js';
import { zoneShare } from './zone-share.js';

/** One that may be called. */
export interface Callee extends Weighted {
  readonly inZone: boolean;
}

/** Where a schedule stands. The next one begins there, so that a change of the list favours nobody. */
export interface Position {
  readonly inZone: number;
  readonly elsewhere: number;
  /** From 0 to 1; a call stays in the zone when the zone's share makes it 1. */
  readonly zoneCredit: number;
}

/** The order of calls: first whether a call stays in the own zone, then whose turn it is there. No chance is in it. */
export class Schedule<T extends Callee> {
  readonly #zoneShare: number;
  /** Undefined where nobody is, and then nobody is asked for. */
  readonly #inZone: Rotation<T> | undefined;
  readonly #elsewhere: Rotation<T> | undefined;
  readonly #start: Position;
  #zoneCredit: number;

  /** `callees` is not empty. */
  constructor(callees: readonly T[], zoneEndpointsMin: number, start: Position) {
    const inZone = callees.filter((callee) => callee.inZone);
    const elsewhere = callees.filter((callee) => !callee.inZone);
    this.#zoneShare = zoneShare({ inZone: inZone.length, elsewhere: elsewhere.length, zoneEndpointsMin });
    this.#inZone = inZone.length === 0 ? undefined : rotationOf(inZone, start.inZone);
    this.#elsewhere = elsewhere.length === 0 ? undefined : rotationOf(elsewhere, start.elsewhere);
    this.#start = start;
    this.#zoneCredit = start.zoneCredit;
  }

  get position(): Position {
    return {
      inZone: this.#inZone?.position ?? this.#start.inZone,
      elsewhere: this.#elsewhere?.position ?? this.#start.elsewhere,
      zoneCredit: this.#zoneCredit,
    };
  }

  next(): T {
    this.#zoneCredit += this.#zoneShare;
    if (this.#zoneCredit < 1) return this.#elsewhere!.next();
    this.#zoneCredit -= 1;
    return this.#inZone!.next();
  }
}
