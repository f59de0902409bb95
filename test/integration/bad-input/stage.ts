import { decodeToken, encodeToken } from '../../../src/core/token.js';
import { startInProcess } from '../../support/in-process-server.js';
import { ObservedWatch } from '../../support/observed-watch.js';
import { RawClient } from '../../support/raw-client.js';
import type { Stage } from './row.js';

const addresses = [{ host: '10.0.0.1', port: 80 }];

/** A stage on a server of its own. `close` fails if the server logged an error: a defect where a refusal was due. */
export async function setStage(): Promise<{ stage: Stage; close: () => Promise<void> }> {
  const server = await startInProcess();
  const client = await RawClient.connect(server.address);
  const register = (service: string, id: string) => client.register({ endpoint: { service, id, addresses } });
  const held = await register('held', 'a');
  await register('read', 'a');
  await register('other', 'a');
  for (const id of ['a', 'b', 'c']) await register('paged', id);
  const { nextPageToken } = await client.listEndpoints({ service: 'paged', pageSize: 2 });

  const watch = new ObservedWatch(client, { service: 'read' });
  await watch.reach();
  watch.cancel();
  const here = decodeToken(held.resumeToken, 'resume_token');
  const stage: Stage = {
    client,
    held: { service: 'held', id: 'a', leaseId: held.leaseId },
    watchToken: watch.token,
    watchDigest: watch.digest,
    writeToken: held.resumeToken,
    futureToken: encodeToken({ ...here, revision: here.revision + 100_000 }),
    foreignToken: encodeToken({ ...decodeToken(watch.token, 'resume_token'), epoch: '0123456789abcdef' }),
    pageToken: nextPageToken,
  };
  return {
    stage,
    close: async () => {
      client[Symbol.dispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}
