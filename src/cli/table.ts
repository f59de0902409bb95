import Table from 'cli-table3';
import type { Endpoint, ServiceSummary } from '../client/index.js';
import { formatHostPort } from '../core/host-port.js';
import { healthName } from './json-objects.js';
import { printable } from './printable.js';

/** Columns and two spaces between them, as in `docker ps`. */
function render(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const table = new Table({
    head: [...head],
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 2 },
    chars: {
      top: '',
      'top-mid': '',
      'top-left': '',
      'top-right': '',
      bottom: '',
      'bottom-mid': '',
      'bottom-left': '',
      'bottom-right': '',
      left: '',
      'left-mid': '',
      mid: '',
      'mid-mid': '',
      right: '',
      'right-mid': '',
      middle: '',
    },
  });
  table.push(...rows.map((row) => [...row]));
  return table.toString().replace(/ +$/gm, '');
}

export function servicesTable(services: readonly ServiceSummary[]): string {
  return render(
    ['SERVICE', 'HEALTHY', 'UNHEALTHY', 'DRAINING', 'SUSPECT'],
    services.map(({ service, healthy, unhealthy, draining, suspect }) => [
      printable(service),
      ...[healthy, unhealthy, draining, suspect].map(String),
    ]),
  );
}

export function endpointsTable(endpoints: readonly Endpoint[]): string {
  return render(
    ['ID', 'ADDRESSES', 'HEALTH', 'WEIGHT', 'ZONE', 'LABELS'],
    endpoints.map((endpoint) => [
      printable(endpoint.id),
      printable(endpoint.addresses.map(formatHostPort).join(',')),
      healthName(endpoint.health),
      String(endpoint.weight ?? ''),
      printable(endpoint.locality?.zone ?? ''),
      labelsText(endpoint.labels),
    ]),
  );
}

/** `k=v,k=v`, by key. */
export function labelsText(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(([key, value]) => `${key}=${value}`);
  return printable(pairs.sort().join(','));
}
