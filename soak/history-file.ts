import { readFileSync, writeFileSync } from 'node:fs';
import type { History, HistoryEvent } from '../test/support/validators/history.js';

/** What a history says of itself, on its first line. */
export interface HistoryHead {
  readonly seed: number;
  readonly minutes: number;
  readonly versions: Readonly<Record<string, string>>;
  /** What was wrong beside what validators see in the events, such as a stream that was left open. */
  readonly observed: readonly string[];
}

export interface KeptHistory {
  readonly head: HistoryHead;
  readonly history: History;
}

/**
 * Writes a history down as JSON, a line each: the head, then every event. An
 * endpoint is written where it first appears, as `{"$is": N, …}`, and is
 * `{"$": N}` from then on; `{"$int": "…"}` is an integer of 64 bits.
 */
export function writeHistory(file: string, head: HistoryHead, { events }: History): void {
  const known = new Map<string, number>();
  const lines = [JSON.stringify(head), ...events.map((event) => JSON.stringify(toPlain(event, known)))];
  writeFileSync(file, `${lines.join('\n')}\n`);
}

/** @throws Error for a file that is no history */
export function readHistory(file: string): KeptHistory {
  const [first, ...lines] = readFileSync(file, 'utf8').trimEnd().split('\n');
  const head = JSON.parse(first ?? '') as HistoryHead;
  if (!Array.isArray(head.observed)) throw new Error(`${file} is no history`);
  const known = new Map<number, unknown>();
  const events = lines.map((line) => fromPlain(JSON.parse(line), known) as HistoryEvent);
  return { head, history: { events } };
}

function toPlain(value: unknown, known: Map<string, number>): unknown {
  if (typeof value === 'bigint') return { $int: String(value) };
  if (Array.isArray(value)) return value.map((each) => toPlain(each, known));
  if (typeof value !== 'object' || value === null) return value;
  const plain = Object.fromEntries(Object.entries(value).map(([key, each]) => [key, toPlain(each, known)]));
  if (!('modRevision' in plain && 'addresses' in plain)) return plain;
  const text = JSON.stringify(plain);
  const number = known.get(text);
  if (number !== undefined) return { $: number };
  known.set(text, known.size + 1);
  return { $is: known.size, ...plain };
}

function fromPlain(value: unknown, known: Map<number, unknown>): unknown {
  // In arrays JSON has null for undefined, and nothing else here is null.
  if (value === null) return undefined;
  if (Array.isArray(value)) return value.map((each) => fromPlain(each, known));
  if (typeof value !== 'object') return value;
  const { $int, $, $is, ...plain } = value as { $int?: string; $?: number; $is?: number };
  if ($int !== undefined) return BigInt($int);
  if ($ !== undefined) return known.get($);
  const made = Object.fromEntries(Object.entries(plain).map(([key, each]) => [key, fromPlain(each, known)]));
  if ($is !== undefined) known.set($is, made);
  return made;
}
