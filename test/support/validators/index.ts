import type { Xxh64 } from '../../../src/core/hash.js';
import { validateConverged, validateMonotone, validateViews } from './client-views.js';
import type { History } from './history.js';
import { validateNoEarlyExpiry, validateRenewals, validateRestartForgives, validateTimelyExpiry } from './leases.js';
import { validateBounded, validateLive, validateReadYourWrites } from './watch-delivery.js';
import { validateOrdered, validateResumable } from './watch-order.js';
import {
  validateAtomic,
  validateDigest,
  validateEmptyIsFact,
  validateExact,
  validateSnapshotAtomic,
} from './watch-views.js';
import { validateAnswers, validateDurable, validateFenced, validateOnce } from './writes.js';

/** Every validator, by the guarantee that it checks. Those of one server. */
function validators(xxh64: Xxh64): Readonly<Record<string, (history: History) => string[]>> {
  return {
    W1: validateSnapshotAtomic,
    W2: (history) => [...validateExact(history), ...validateViews(history)],
    W3: validateOrdered,
    W4: validateAtomic,
    W5: (history) => validateResumable(history, xxh64),
    W6: validateMonotone,
    W7: (history) => [...validateLive(history), ...validateConverged(history)],
    W8: validateReadYourWrites,
    W9: validateBounded,
    W10: (history) => validateDigest(history, xxh64),
    W11: validateEmptyIsFact,
    L1: validateNoEarlyExpiry,
    L2: validateTimelyExpiry,
    L3: validateRenewals,
    L4: validateFenced,
    L5: validateRestartForgives,
    L7: validateOnce,
    answers: validateAnswers,
    durable: validateDurable,
  };
}

/** What all validators find wrong with a history, each problem with the guarantee that it breaks. */
export function validateAll(history: History, xxh64: Xxh64): string[] {
  return Object.entries(validators(xxh64)).flatMap(([guarantee, validate]) =>
    validate(history).map((problem) => `${guarantee}: ${problem}`),
  );
}
