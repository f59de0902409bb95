import { isRollcallError } from '../../src/core/errors.js';
import type { ListEndpointsResponse } from '../../src/gen/rollcall/v1/discovery.js';
import type { Selector } from '../../src/gen/rollcall/v1/selector.js';
import type { Acts } from './play.js';
import { SELECTORS, SERVICES } from './shapes.js';
import type { World } from './world.js';

/** Who only reads. */
export const readCommands: Acts<'list'> = {
  list: (world, { service, selector, token }) => {
    const minToken = {
      none: () => '',
      write: () => world.writeToken(world.newestAnswered),
      latest: () => world.watchers[0]?.latest.resumeToken ?? '',
    }[token]();
    void listAll(world, { service: SERVICES[service]!, selector: SELECTORS[selector], minToken });
  },
};

/** Lists everything on one page. Undefined if the server could not, or it does not fit. */
export async function listAll(
  world: World,
  what: { readonly service: string; readonly selector: Selector | undefined; readonly minToken: string },
): Promise<ListEndpointsResponse | undefined> {
  const { service, selector, minToken } = what;
  const [namespace, name] = service.split('/') as [string, string];
  const askedAt = world.recorder.events.length;
  try {
    const request = { namespace, service: name, selector, minToken, pageSize: 1_000, pageToken: '' };
    const response = await world.server.listing.endpoints(request);
    if (response.nextPageToken !== '') return undefined;
    const { resumeToken, endpoints } = response;
    world.recorder.record({ type: 'list', service, selector, askedAt, minToken, resumeToken, endpoints });
    return response;
  } catch (error) {
    if (isRollcallError(error, 'REVISION_UNAVAILABLE')) return undefined;
    throw error;
  }
}
