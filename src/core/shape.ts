import { checkName, type NameKind } from './names.js';
import { Violations } from './violations.js';

/**
 * Says what is wrong with a value that a program was given by another, of
 * whatever type it may be: adds to `violations`, under `field` or what is
 * inside it. (A schema library would do; loading one costs a client more than
 * all else that it loads.)
 */
export type Shape = (violations: Violations, value: unknown, field: string) => void;

/** How much of a text a message quotes. */
const QUOTED_LENGTH_MAX = 64;

/** A value for which `test` holds. `description` completes "must be …". */
export function matching(description: string, test: (value: unknown) => boolean): Shape {
  return (violations, value, field) => {
    violations.check(test(value), field, `must be ${description}, not ${quoted(value)}`);
  };
}

export const text = matching('a string', isText);

export const flag = matching('true or false', (value) => typeof value === 'boolean');

export const fn = matching('a function', (value) => typeof value === 'function');

/** What a field of a message can hold; its bounds are for others to check. */
export const uint32 = matching(
  'a whole number ≥ 0',
  (value) => Number.isInteger(value) && value === (value as number) >>> 0,
);

/** Milliseconds that something may take; Infinity for as long as it takes. */
export const duration = matching('a number of milliseconds ≥ 0', (value) => typeof value === 'number' && value >= 0);

export const abortSignal = matching(
  'an AbortSignal',
  // Not `instanceof`: there are others than those of Node.
  (value) => isObject(value) && 'aborted' in value && 'addEventListener' in value,
);

/** What is taken as it is, and not named where a message lists what there is. */
export const unlisted: Shape = () => undefined;

export function wholeNumber(min: number, max: number): Shape {
  const within = (value: unknown) => Number.isInteger(value) && (value as number) >= min && (value as number) <= max;
  return matching(`a whole number of ${min}–${max}`, within);
}

export function milliseconds(min: number, max: number): Shape {
  const within = (value: unknown) => typeof value === 'number' && value >= min && value <= max;
  return matching(`a number of milliseconds of ${min}–${max}`, within);
}

/** One of the values of an enum, which in the documentation is called `name`. */
export function memberOf(name: string, values: Readonly<Record<string, unknown>>, example: string): Shape {
  return matching(`one of ${name}, as in import { ${name} } from 'rollcall', such as ${name}.${example}`, (value) =>
    Object.values(values).includes(value),
  );
}

/** A name; the empty one stands for what is the default. */
export function nameOrEmpty(kind: NameKind): Shape {
  return (violations, value, field) => {
    if (!isText(value)) text(violations, value, field);
    else if (value !== '') checkName(violations, kind, field, value);
  };
}

export function listOf(item: Shape, description: string): Shape {
  return (violations, value, field) => {
    if (!Array.isArray(value)) return violations.add(field, `must be ${description}, not ${quoted(value)}`);
    for (const [index, each] of value.entries()) item(violations, each, `${field}[${index}]`);
  };
}

/** An object with any keys, of texts. */
export const textMap: Shape = (violations, value, field) => {
  if (!isObject(value)) return violations.add(field, `must be an object of strings, not ${quoted(value)}`);
  for (const [key, each] of Object.entries(value)) {
    text(violations, each, `${field}[${JSON.stringify(key.slice(0, QUOTED_LENGTH_MAX))}]`);
  }
};

/** A shape that must be there: where an object has none of it, that is what is wrong. */
export interface Required {
  readonly required: Shape;
}

export function required(shape: Shape): Required {
  return { required: shape };
}

/** The shape of each property. What is undefined counts as not given. */
export type Properties<T> = { readonly [Key in keyof T]-?: Shape | Required };

/**
 * An object of these properties and no others: a name that is misspelt would otherwise go unseen, and a selector that is
 * would match everything.
 *
 * @param misplaced what to say of some that are found here by an understandable mistake
 */
export function objectOf<T>(properties: Properties<T>, misplaced: Readonly<Record<string, string>> = {}): Shape {
  const shapes = new Map<string, Shape | Required>(Object.entries(properties));
  const names = [...shapes.keys()].filter((name) => shapes.get(name) !== unlisted).join(', ');
  return (violations, value, field) => {
    if (!isObject(value)) return violations.add(field || 'options', `must be an object, not ${quoted(value)}`);
    const at = (key: string): string => (field === '' ? key : `${field}.${key}`);
    for (const key of Object.keys(value)) {
      if (shapes.has(key) || value[key] === undefined) continue;
      const why = Object.hasOwn(misplaced, key) ? misplaced[key]! : `there are ${names}`;
      violations.add(at(key.slice(0, QUOTED_LENGTH_MAX)), `is unknown; ${why}`);
    }
    for (const [key, shape] of shapes) {
      if (value[key] !== undefined)
        (typeof shape === 'function' ? shape : shape.required)(violations, value[key], at(key));
      else if (typeof shape !== 'function') violations.add(at(key), 'is required');
    }
  };
}

/**
 * Checks one value, or the properties of an object of options under their own names if `field` is empty.
 *
 * @throws RollcallError INVALID_FIELD with everything that is wrong
 */
export function checkShape(shape: Shape, value: unknown, field = ''): void {
  const violations = new Violations();
  shape(violations, value, field);
  violations.throwIfAny();
}

export function isText(value: unknown): value is string {
  return typeof value === 'string';
}

/** An object that is no list, map or set. */
export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !(Symbol.iterator in value);
}

/** A value as a message names it: short, whatever it is. */
function quoted(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return JSON.stringify(value.length > QUOTED_LENGTH_MAX ? `${value.slice(0, QUOTED_LENGTH_MAX)}…` : value);
    case 'bigint':
      return `${value}n`;
    case 'function':
      return 'a function';
    case 'object':
      return value === null ? 'null' : Array.isArray(value) ? 'a list' : 'an object';
    default:
      return String(value);
  }
}
