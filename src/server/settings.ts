import { z } from 'zod';
import { LIMITS } from '../core/limits.js';
import { formatDurationText, parseDurationText } from '../lib/duration-text.js';

/**
 * Every setting of the server: one table, from which flags (`--data-dir`),
 * environment variables (`ROLLCALL_DATA_DIR`), keys of the configuration file
 * (`data-dir`) and their documentation are made.
 */
export interface Setting {
  /** Reads text or a YAML scalar. */
  readonly schema: z.ZodType;
  readonly default: string | number;
  /** What stands for the value in help texts. */
  readonly placeholder: string;
  readonly description: string;
}

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

export const SETTINGS = {
  listen: {
    schema: z
      .string('must be HOST:PORT')
      .regex(/^(?:\[[0-9a-fA-F:.]+\]|[^:\s]+):\d+$/, 'must be HOST:PORT')
      .refine((listen) => Number(listen.slice(listen.lastIndexOf(':') + 1)) <= LIMITS.portMax, {
        error: `the port must be at most ${LIMITS.portMax}`,
      }),
    default: '127.0.0.1:7400',
    placeholder: 'HOST:PORT',
    description: 'where to accept gRPC connections; port 0 picks a free one',
  },
  store: {
    schema: z.enum(['lmdb', 'memory'], 'must be lmdb or memory'),
    default: 'lmdb',
    placeholder: 'ENGINE',
    description: 'lmdb keeps everything on disk, memory nothing',
  },
  'data-dir': {
    schema: z.string('must be text').min(1, 'must not be empty'),
    default: './data',
    placeholder: 'DIR',
    description: 'where the lmdb store keeps its files; made if it does not exist',
  },
  'history-count-max': integer(100, 10_000_000, 100_000, 'how many revisions watchers can resume across'),
  'history-age-max': duration(MINUTE_MS, 30 * 24 * HOUR_MS, HOUR_MS, 'how long watchers can resume across a revision'),
  'history-memory-max': integer(
    1,
    65_536,
    64,
    'MiB of changes kept to resume across, as encoded; in memory some three times that',
  ),
  'endpoints-max': integer(1, 10_000_000, 1_000_000, 'endpoints at once'),
  'endpoints-per-service-max': integer(1, 1_000_000, 100_000, 'endpoints of one service at once'),
  'watches-max': integer(1, 1_000_000, 50_000, 'watches at once'),
  'watches-per-connection-max': integer(1, 100_000, 1_000, 'watches at once on one connection'),
  'streams-per-connection-max': integer(10, 1_000_000, 4_096, 'calls at once on one connection (HTTP/2 streams)'),
  'checkpoint-interval': duration(100, HOUR_MS, 10_000, "how often an idle watcher's token is brought up to date"),
  'keepalive-time': duration(1_000, HOUR_MS, 20_000, 'how often a connection is pinged, to find dead ones'),
  'keepalive-timeout': duration(100, MINUTE_MS, 10_000, 'how long a ping may go unanswered'),
  'reconnect-delay-max': duration(0, MINUTE_MS, 1_000, 'over how long watchers spread their reconnects at a shutdown'),
  'shutdown-grace': duration(0, MINUTE_MS, 8_000, 'how long calls under way may take at a shutdown'),
  'log-level': {
    schema: z.enum(
      ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'],
      'must be fatal, error, warn, info, debug, trace or silent',
    ),
    default: 'info',
    placeholder: 'LEVEL',
    description: 'least severe level logged: fatal, error, warn, info, debug, trace or silent',
  },
} as const satisfies Record<string, Setting>;

export type SettingName = keyof typeof SETTINGS;

/** The settings of one server, read and checked: durations in milliseconds. */
export type Config = { readonly [Name in SettingName]: z.output<(typeof SETTINGS)[Name]['schema']> };

function integer(min: number, max: number, defaultValue: number, description: string) {
  const schema = z
    .union([z.number(), z.string().regex(/^\d+$/).transform(Number)], 'must be a whole number')
    .pipe(
      z.number().int('must be a whole number').min(min, `must be at least ${min}`).max(max, `must be at most ${max}`),
    );
  return { schema, default: defaultValue, placeholder: 'N', description } as const;
}

function duration(minMs: number, maxMs: number, defaultMs: number, description: string) {
  const bounds = `must be a duration such as 500ms, 10s, 5m or 1h, from ${formatDurationText(minMs)} to ${formatDurationText(maxMs)}`;
  const schema = z.string(bounds).transform((text, context): number => {
    const ms = parseDurationText(text);
    if (ms !== undefined && ms >= minMs && ms <= maxMs) return ms;
    context.addIssue(bounds);
    return z.NEVER;
  });
  return { schema, default: formatDurationText(defaultMs), placeholder: 'DURATION', description } as const;
}
