import { invalidField, type FieldViolation } from './errors.js';

/** They travel in a trailer, of which some clients take no more than 8 KiB. */
const VIOLATIONS_MAX = 10;

/** Collects what is wrong with a request, so that a caller learns of all of it at once. */
export class Violations {
  readonly #found: FieldViolation[] = [];

  add(field: string, description: string): void {
    if (this.#found.length < VIOLATIONS_MAX) this.#found.push({ field, description });
  }

  /** Adds a violation unless `ok`. Returns `ok`. */
  check(ok: boolean, field: string, description: string): boolean {
    if (!ok) this.add(field, description);
    return ok;
  }

  /** Whether nothing was found so far. */
  get none(): boolean {
    return this.#found.length === 0;
  }

  /** @throws RollcallError INVALID_FIELD with everything found, if anything was. */
  throwIfAny(): void {
    if (this.#found.length > 0) throw invalidField(...this.#found);
  }
}
