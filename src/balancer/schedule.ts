import { rotationOf, type Rotation } from './rotation.js';
import { zoneShare } from './zone-share.js';

/** One that may be called. */
export interface Callee {
  /** In proportion to the others'; not negative. */
  readonly weight: number;
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
  readonly #inZone: Turn<T>;
  readonly #elsewhere: Turn<T>;
  readonly #zoneShare: number;
  #zoneCredit: number;

  /** `callees` are at least one, with a weight above 0 each. */
  constructor(callees: readonly T[], zoneEndpointsMin: number, position: Position) {
    const inZone = callees.filter((callee) => callee.inZone);
    const elsewhere = inZone.length === 0 ? callees : callees.filter((callee) => !callee.inZone);
    this.#inZone = new Turn(inZone, position.inZone);
    this.#elsewhere = new Turn(elsewhere, position.elsewhere);
    this.#zoneShare = zoneShare({ inZone: inZone.length, elsewhere: elsewhere.length, zoneEndpointsMin });
    this.#zoneCredit = position.zoneCredit;
  }

  get position(): Position {
    return { inZone: this.#inZone.position, elsewhere: this.#elsewhere.position, zoneCredit: this.#zoneCredit };
  }

  next(): T {
    this.#zoneCredit += this.#zoneShare;
    if (this.#zoneCredit < 1) return this.#elsewhere.next();
    this.#zoneCredit -= 1;
    return this.#inZone.next();
  }
}

/** Those on one side of the zone's border, by turns. There may be none, and then nobody is asked for. */
class Turn<T extends Callee> {
  readonly #callees: readonly T[];
  readonly #rotation: Rotation | undefined;
  readonly #start: number;

  constructor(callees: readonly T[], start: number) {
    this.#callees = callees;
    this.#start = start;
    if (callees.length === 0) return;
    this.#rotation = rotationOf(
      callees.map(({ weight }) => weight),
      start,
    );
  }

  get position(): number {
    return this.#rotation?.position ?? this.#start;
  }

  next(): T {
    return this.#callees[this.#rotation!.next()]!;
  }
}
