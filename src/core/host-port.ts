import { invalidField } from './errors.js';
import { LIMITS } from './limits.js';
import type { Address } from '../gen/rollcall/v1/endpoint.js';

/** `host:port`, where an IPv6 host is in brackets. */
const HOST_PORT = /^(?:\[([^\]]+)\]|([^:[\]]+))(?::(\d{1,5}))?$/;

/**
 * Reads `host:port`; an IPv6 host is written in brackets.
 *
 * @param field names the text in errors
 * @param defaultPort stands in for a missing port; without one, the port is required
 * @throws RollcallError INVALID_FIELD
 */
export function parseHostPort(text: string, field: string, defaultPort?: number): Address {
  const match = HOST_PORT.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = match?.[3] === undefined ? defaultPort : Number(match[3]);
  if (host === undefined || port === undefined || port < 1 || port > LIMITS.portMax) {
    const description = `must be host:port with a port of 1–${LIMITS.portMax}, not ${JSON.stringify(text)}`;
    throw invalidField({ field, description });
  }
  return { host, port };
}

/** The inverse of {@link parseHostPort}. */
export function formatHostPort({ host, port }: Address): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
