import type { createColors } from 'picocolors';
import type { Endpoint, Removal, WatchEvent } from '../client/index.js';
import { formatHostPort } from '../core/host-port.js';
import { healthName } from './json-objects.js';
import { printable } from './printable.js';
import { labelsText } from './table.js';

type Colors = ReturnType<typeof createColors>;

/**
 * Events of one watch as lines for people: `+` came, `~` changed, `-` left.
 * Checkpoints are not shown, as nothing changed, but for a first one: that is the answer to a resumed watch.
 */
export class WatchText {
  readonly #service: string;
  readonly #colors: Colors;
  /** The ids in the view, to tell what is new from what changed. */
  readonly #known = new Set<string>();
  /** Whether they are all of them: a watch that was resumed with a token begins in the middle. */
  #complete = false;
  #begun = false;

  constructor(service: string, colors: Colors) {
    this.#service = printable(service);
    this.#colors = colors;
  }

  lines(event: WatchEvent, at: Date): string[] {
    const { bold, dim } = this.#colors;
    const time = dim(at.toTimeString().slice(0, 8));
    const head =
      this.#begun || event.type === 'snapshot' ? [] : [`${time} ${bold(this.#service)} goes on from where it was`];
    this.#begun = true;
    return [...head, ...this.#eventLines(event, time)];
  }

  #eventLines(event: WatchEvent, time: string): string[] {
    const { bold, dim, yellow } = this.#colors;
    switch (event.type) {
      case 'snapshot': {
        const { endpoints, reason, revision } = event;
        this.#complete = true;
        this.#known.clear();
        for (const { id } of endpoints) this.#known.add(id);
        const count = endpoints.length === 1 ? '1 endpoint' : `${endpoints.length} endpoints`;
        const why = reason === 'INITIAL' ? '' : `, a new snapshot: ${reason.toLowerCase().replace('_', ' ')}`;
        const head = `${time} ${bold(this.#service)} has ${count} ${dim(`(revision ${revision}${why})`)}`;
        return [head, ...endpoints.map((endpoint) => `${time}   ${endpointText(endpoint)}`)];
      }
      case 'delta':
        return [
          ...event.removed.map((removal) => `${time} ${this.#removalText(removal)}`),
          ...event.upserted.map((endpoint) => `${time} ${this.#upsertText(endpoint)}`),
        ];
      case 'reconnect':
        return [`${time} ${yellow('the server is going away; watching on')}`];
      default:
        return [];
    }
  }

  #removalText({ endpointId, reason }: Removal): string {
    this.#known.delete(endpointId);
    const why = reason.toLowerCase().replaceAll('_', ' ');
    return this.#colors.red(`- ${printable(endpointId)}  ${why}`);
  }

  #upsertText(endpoint: Endpoint): string {
    const { green, yellow } = this.#colors;
    const { id, createRevision, modRevision } = endpoint;
    const isNew = !this.#known.has(id) && (this.#complete || createRevision === modRevision);
    this.#known.add(id);
    const text = endpointText(endpoint);
    return isNew ? green(`+ ${text}`) : yellow(`~ ${text}`);
  }
}

function endpointText({ id, addresses, health, weight, locality, labels }: Endpoint): string {
  const parts = [id, addresses.map(formatHostPort).join(','), healthName(health), `weight ${weight ?? ''}`];
  if (locality !== undefined && locality.zone !== '') parts.push(`zone ${locality.zone}`);
  return [...parts.map(printable), labelsText(labels)].filter((part) => part !== '').join('  ');
}
