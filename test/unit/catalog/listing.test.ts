import * as fc from 'fast-check';
import { Listing } from '../../../src/catalog/listing.js';
import { loadXxh64, type Xxh64 } from '../../../src/core/hash.js';
import { LIMITS } from '../../../src/core/limits.js';
import { decodeToken, encodeToken, NO_SCOPE } from '../../../src/core/token.js';
import { Directory } from '../../../src/directory/directory.js';
import { encodeRecord, recordKey } from '../../../src/directory/schema.js';
import {
  ListEndpointsRequest,
  ListEndpointsResponse,
  ListServicesRequest,
} from '../../../src/gen/rollcall/v1/discovery.js';
import { Endpoint, Health } from '../../../src/gen/rollcall/v1/endpoint.js';
import type { Selector } from '../../../src/gen/rollcall/v1/selector.js';
import type { Op, Store } from '../../../src/store/contract.js';
import { openMemoryStore } from '../../../src/store/memory/memory-store.js';
import { endpoints as endpointArbitrary, selectors } from '../../support/arbitraries.js';
import { FakeClock } from '../../support/fake-clock.js';
import { referenceMatches } from '../../support/reference-selector.js';

let xxh64: Xxh64;
beforeAll(async () => {
  xxh64 = await loadXxh64();
});

async function open() {
  const clock = new FakeClock();
  const store = await openMemoryStore({ clock });
  const onFailed = (error: Error): void => {
    throw error;
  };
  const directory = await Directory.open(store, { xxh64, clock, onFailed });
  return { clock, store, listing: new Listing(directory, xxh64) };
}

function put(endpoint: Partial<Endpoint>): Op {
  const whole = Endpoint.fromPartial({
    namespace: 'default',
    service: 'payments',
    health: Health.HEALTHY,
    ...endpoint,
  });
  const value = encodeRecord({ endpoint: whole, leaseId: 7, ttlMs: 1_000, requestId: '' });
  return { kind: 'put', key: recordKey(whole), value };
}

const remove = (id: string): Op => ({
  kind: 'delete',
  key: recordKey({ namespace: 'default', service: 'payments', id }),
});

async function commit(store: Store, ...ops: Op[]): Promise<number> {
  return (await store.txn({ ops })).revision;
}

/** Lists page by page, with something between them. */
async function listAll(
  listing: Listing,
  request: { pageSize: number; selector?: Selector },
  between: () => Promise<unknown> = async () => undefined,
): Promise<ListEndpointsResponse[]> {
  const pages: ListEndpointsResponse[] = [];
  for (let pageToken = ''; ; pageToken = pages.at(-1)!.nextPageToken) {
    pages.push(
      await listing.endpoints(ListEndpointsRequest.fromPartial({ service: 'payments', ...request, pageToken })),
    );
    if (pages.at(-1)!.nextPageToken === '') return pages;
    await between();
  }
}

const idsOf = (pages: readonly ListEndpointsResponse[]) => pages.flatMap((page) => page.endpoints.map(({ id }) => id));
const reasonOf = (attempt: Promise<unknown>): Promise<unknown> =>
  attempt.then(
    () => 'nothing',
    (error: { reason?: string }) => error.reason,
  );

describe('a listing of endpoints', () => {
  it('has each one that matches once, in the order of ids, in pages of any size', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(endpointArbitrary, { maxLength: 12 }),
        selectors,
        fc.integer({ min: 1, max: 5 }),
        async (list, selector, pageSize) => {
          const { store, listing } = await open();
          const named = list.map((endpoint, index) => ({ ...endpoint, id: `e${(index * 7919) % 100}` }));
          if (named.length > 0) await commit(store, ...named.map(put));
          const pages = await listAll(listing, { pageSize, selector });
          expect(idsOf(pages)).toEqual(
            named
              .filter((endpoint) => referenceMatches(selector, endpoint))
              .map(({ id }) => id)
              .sort(),
          );
          expect(pages.every((page) => page.endpoints.length <= pageSize)).toBe(true);
          await store.close();
        },
      ),
      { numRuns: 60 },
    );
  });

  it('has what is there throughout exactly once, whatever comes and goes between pages', async () => {
    const { store, listing } = await open();
    await commit(store, ...['b', 'd', 'f', 'h', 'j'].map((id) => put({ id })));
    let turn = 0;
    const changes = [
      [put({ id: 'a' }), put({ id: 'e' }), remove('b')],
      [remove('f'), put({ id: 'z' }), put({ id: 'd', weight: 7 })],
    ];
    const pages = await listAll(listing, { pageSize: 2 }, async () => {
      const ops = changes[turn++];
      if (ops !== undefined) await commit(store, ...ops);
    });
    expect(idsOf(pages)).toEqual(['b', 'd', 'e', 'f', 'h', 'j', 'z']);
    await store.close();
  });

  it('has 100 to a page unless told otherwise, and never more than 1 MiB', async () => {
    const { store, listing } = await open();
    const large = { a: 'x'.repeat(16_000), b: 'x'.repeat(16_000), c: 'x'.repeat(16_000), d: 'x'.repeat(16_000) };
    await commit(store, ...Array.from({ length: 40 }, (_, index) => put({ id: `e${index + 10}`, metadata: large })));
    const pages = await listAll(listing, { pageSize: 1_000 });
    expect(idsOf(pages).length).toBe(40);
    for (const page of pages) {
      expect(ListEndpointsResponse.encode(page).finish().length).toBeLessThanOrEqual(LIMITS.messageBytesMax);
    }
    expect(pages.length).toBe(3);
    await commit(store, ...Array.from({ length: 101 }, (_, index) => put({ service: 'many', id: `e${index}` })));
    const first = await listing.endpoints(ListEndpointsRequest.fromPartial({ service: 'many' }));
    expect([first.endpoints.length, first.nextPageToken === '']).toEqual([100, false]);
    await store.close();
  });

  it('of one page names the view, so that a watch can go on from it; one page of several does not', async () => {
    const { store, listing } = await open();
    const revision = await commit(store, put({ id: 'a' }), put({ id: 'b' }));
    const scopeOf = (page: ListEndpointsResponse) => decodeToken(page.resumeToken, 'resume_token').scope;
    const [whole] = await listAll(listing, { pageSize: 2 });
    expect(scopeOf(whole!)).not.toBe(NO_SCOPE);
    expect(decodeToken(whole!.resumeToken, 'resume_token').revision).toBe(revision);
    const parts = await listAll(listing, { pageSize: 1 });
    expect(parts.map(scopeOf)).toEqual([NO_SCOPE, NO_SCOPE]);
    await store.close();
  });

  it('waits for the revision of a token, gives up after a while, and takes no heed of another store', async () => {
    const { clock, store, listing } = await open();
    const tokenOf = (revision: number, epoch = store.epoch) => encodeToken({ epoch, revision, scope: NO_SCOPE });
    const list = (minToken: string) =>
      listing.endpoints(ListEndpointsRequest.fromPartial({ service: 'payments', minToken }));
    const waiting = list(tokenOf(1));
    await commit(store, put({ id: 'a' }));
    expect((await waiting).endpoints.length).toBe(1);
    const tooFar = reasonOf(list(tokenOf(9)));
    await clock.advance(2_000);
    expect(await tooFar).toBe('REVISION_UNAVAILABLE');
    expect((await list(tokenOf(9, 'feedfacecafebeef'))).endpoints.length).toBe(1);
    expect(await reasonOf(list('garbage'))).toBe('INVALID_TOKEN');
    await store.close();
  });

  it('takes no page token but its own', async () => {
    const { store, listing } = await open();
    await commit(store, put({ id: 'a' }), put({ id: 'b' }), put({ service: 'orders', id: 'a' }));
    const [{ nextPageToken }] = (await listAll(listing, { pageSize: 1 })) as [ListEndpointsResponse];
    const list = (pageToken: string, more: Partial<ListEndpointsRequest> = {}) =>
      reasonOf(listing.endpoints(ListEndpointsRequest.fromPartial({ service: 'payments', pageToken, ...more })));
    expect(await list(nextPageToken)).toBe('nothing');
    expect(await list(nextPageToken, { service: 'orders' })).toBe('INVALID_TOKEN');
    expect(
      await list(nextPageToken, { selector: { labelRequirements: [], health: [Health.HEALTHY], zones: [] } }),
    ).toBe('INVALID_TOKEN');
    for (const garbage of ['x', `${nextPageToken}AA`, nextPageToken.slice(1), 'A'.repeat(10_000)]) {
      expect(await list(garbage)).toBe('INVALID_TOKEN');
    }
    expect(await list('', { pageSize: LIMITS.pageSizeMax + 1 })).toBe('INVALID_FIELD');
    await store.close();
  });
});

describe('a listing of services', () => {
  it('has those of a namespace that have endpoints, in order, with how these are', async () => {
    const { store, listing } = await open();
    await commit(
      store,
      put({ service: 'b', id: '1' }),
      put({ service: 'b', id: '2', health: Health.DRAINING }),
      put({ service: 'a', id: '1', health: Health.UNHEALTHY }),
      put({ service: 'gone', id: '1' }),
      put({ namespace: 'default-2', service: 'other', id: '1' }),
      put({ namespace: 'default0', service: 'other', id: '1' }),
    );
    await commit(store, { kind: 'delete', key: 'e/default/gone/1' });
    const list = (more: Partial<ListServicesRequest> = {}) => listing.services(ListServicesRequest.fromPartial(more));
    const { services } = await list();
    expect(services).toEqual([
      { namespace: 'default', service: 'a', healthy: 0, unhealthy: 1, draining: 0, suspect: 0 },
      { namespace: 'default', service: 'b', healthy: 1, unhealthy: 0, draining: 1, suspect: 0 },
    ]);
    const first = await list({ pageSize: 1 });
    const second = await list({ pageSize: 1, pageToken: first.nextPageToken });
    expect([...first.services, ...second.services]).toEqual(services);
    expect(second.nextPageToken).toBe('');
    expect((await list({ namespace: 'nothing-here' })).services).toEqual([]);
    expect(await reasonOf(list({ namespace: 'default-2', pageToken: first.nextPageToken }))).toBe('INVALID_TOKEN');
    await store.close();
  });
});
