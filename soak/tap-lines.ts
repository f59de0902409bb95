import { readFileSync } from 'node:fs';
import type { Entry } from '../src/store/contract.js';
import { RECORD_PREFIX } from '../src/directory/schema.js';
import { trueRecord, trueRevision } from '../test/support/validators/true-record.js';
import type { Told } from './recording.js';

/** An entry of a store as JSON. */
export interface TappedEntry {
  readonly key: string;
  /** Base64. */
  readonly value: string;
  readonly createRevision: number;
  readonly modRevision: number;
  readonly lease?: number;
}

/** What the tap in a server writes, one a line, each with `ms` of the machine's clock. */
export type TapLine =
  | { readonly type: 'start'; readonly epoch: string; readonly precisionMs: number }
  | {
      readonly type: 'revision';
      readonly revision: number;
      readonly changes: readonly { readonly key: string; readonly entry?: TappedEntry }[];
    }
  | { readonly type: 'floor'; readonly floor: number }
  | {
      readonly type: 'restart';
      readonly epoch: string;
      readonly revision: number;
      readonly entries: readonly TappedEntry[];
    }
  | { readonly type: 'renewed'; readonly leaseIds: readonly number[] }
  /** From `ms` on, for so long, the process did not run, or its event loop was busy. */
  | { readonly type: 'stall'; readonly lastedMs: number };

/** What one server process told of its store. Where it was killed in the middle of a line, that line is left out. */
export function readTap(file: string): (TapLine & { readonly ms: number })[] {
  const lines = readFileSync(file, 'utf8').split('\n').slice(0, -1);
  return lines.map((line) => JSON.parse(line) as TapLine & { ms: number });
}

/** The newest revision that was told of. */
export function newestRevision(file: string): number {
  const lines = readTap(file);
  return lines.reduce((newest, line) => ('revision' in line ? Math.max(newest, line.revision) : newest), 0);
}

/** What a history tells of it. */
export function toldBy({ ms, ...line }: TapLine & { readonly ms: number }): Told {
  switch (line.type) {
    case 'revision':
      return {
        ms,
        event: trueRevision(
          line.revision,
          line.changes.map(({ key, entry }) => ({ key, entry: entry && entryOf(entry) })),
        ),
      };
    case 'restart': {
      const { epoch, revision, entries } = line;
      const records = entries
        .filter(({ key }) => key.startsWith(RECORD_PREFIX))
        .map((entry) => trueRecord(entryOf(entry)));
      return { ms, event: { type: 'restart', epoch, revision, records } };
    }
    case 'stall':
      return { ms, event: { type: 'stall', ms: line.lastedMs } };
    default:
      return { ms, event: line };
  }
}

function entryOf({ value, lease, ...entry }: TappedEntry): Entry {
  return { ...entry, lease, value: Buffer.from(value, 'base64') };
}
