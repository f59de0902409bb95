import { readFileSync } from 'node:fs';
import { parse as parseYaml } from 'yaml';
import { invalidField, RollcallError, type FieldViolation } from '../core/errors.js';
import { SETTINGS, type Config, type SettingName } from './settings.js';
import { messageOf } from '../lib/message-of.js';

/** Where settings may come from; the first that has one wins. All values as they were written. */
export interface ConfigSources {
  /** By setting name, as in `--data-dir`. */
  readonly flags: Readonly<Record<string, string | undefined>>;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** A YAML file whose keys are setting names. */
  readonly file: string | undefined;
}

interface Written {
  readonly value: unknown;
  /** Names the place to the user. */
  readonly source: string;
}

/** A key that is further from every setting is no slip of the finger. */
const EDITS_MAX = 2;

export const SETTING_NAMES = Object.keys(SETTINGS) as SettingName[];

export function environmentVariable(name: SettingName): string {
  return `ROLLCALL_${name.toUpperCase().replaceAll('-', '_')}`;
}

/**
 * Reads the settings: flags before environment before file before defaults.
 *
 * @throws RollcallError INVALID_FIELD with a violation for each setting that is
 * wrong, whose field is the flag, variable or key to mend.
 */
export function readConfig({ flags, environment, file }: ConfigSources): Config {
  const fromFile = file === undefined ? new Map<string, Written>() : readFile(file);
  const violations: FieldViolation[] = [];
  for (const [key, { source }] of fromFile) {
    if (!SETTING_NAMES.includes(key as SettingName)) violations.push({ field: source, description: unknownKey(key) });
  }
  const config: Record<string, unknown> = {};
  for (const name of SETTING_NAMES) {
    const { value, source } = written(name, flags, environment) ??
      fromFile.get(name) ?? { value: SETTINGS[name].default, source: name };
    const result = SETTINGS[name].schema.safeParse(value);
    if (result.success) config[name] = result.data;
    else
      violations.push({
        field: source,
        description: `${result.error.issues[0]?.message}, not ${JSON.stringify(value)}`,
      });
  }
  if (violations.length > 0) throw invalidField(...violations);
  return config as Config;
}

function written(
  name: SettingName,
  flags: ConfigSources['flags'],
  environment: ConfigSources['environment'],
): Written | undefined {
  const flag = flags[name];
  if (flag !== undefined) return { value: flag, source: `--${name}` };
  const variable = environmentVariable(name);
  const value = environment[variable];
  return value === undefined ? undefined : { value, source: variable };
}

function readFile(file: string): Map<string, Written> {
  let content: unknown;
  try {
    content = parseYaml(readFileSync(file, 'utf8')) ?? {};
  } catch (error) {
    const why = messageOf(error);
    throw new RollcallError('INVALID_FIELD', `--config: ${file}: ${why}`, {
      cause: error,
      violations: [{ field: '--config', description: `${file}: ${why}` }],
    });
  }
  if (typeof content !== 'object' || Array.isArray(content)) {
    throw invalidField({
      field: '--config',
      description: `${file} must hold one setting a line, as in "listen: 127.0.0.1:7400"`,
    });
  }
  return new Map(Object.entries(content as object).map(([key, value]) => [key, { value, source: `${file}: ${key}` }]));
}

function unknownKey(key: string): string {
  const dashed = key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`).replaceAll('_', '-');
  const [nearest] = SETTING_NAMES.map((name) => ({ name, edits: editsBetween(dashed, name) }))
    .filter(({ edits }) => edits <= EDITS_MAX)
    .sort((a, b) => a.edits - b.edits);
  return nearest === undefined
    ? 'is not a setting; see rollcall serve --help'
    : `is not a setting; did you mean ${nearest.name}?`;
}

/** How many letters must be added, left out or replaced to make one word of another (Levenshtein). */
function editsBetween(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let index = 0; index < from.length; index++) {
    const next = [index + 1];
    for (let column = 0; column < to.length; column++) {
      const replaced = row[column]! + (from[index] === to[column] ? 0 : 1);
      next.push(Math.min(replaced, row[column + 1]! + 1, next[column]! + 1));
    }
    row = next;
  }
  return row.at(-1)!;
}
