import { createHash } from 'node:crypto';
import { beginView, receive, type SyncedView } from '../../../../src/client/view/view-state.js';
import { decodeViewFile, encodeViewFile, viewFileName } from '../../../../src/client/view/view-file.js';
import type { WatchTarget } from '../../../../src/client/view/service-watch.js';
import { loadXxh64 } from '../../../../src/core/hash.js';
import { snapshotMessage } from '../../../support/scripted-watch.js';

const payments: WatchTarget = { namespace: 'default', service: 'payments', selector: undefined, selectorKey: '' };
const confirmedWallMs = Date.parse('2026-03-01T10:00:00.250Z');

async function viewOf(...ids: string[]): Promise<SyncedView> {
  const { state } = receive(beginView(), await snapshotMessage(5, ids), await loadXxh64());
  if (state.kind !== 'synced') throw new Error(state.kind);
  return state;
}

describe('a view file', () => {
  it.each([[[]], [['a']], [['a', 'b', 'ü']]])('of %j gives back what was written', async (ids) => {
    const view = await viewOf(...ids);
    const file = decodeViewFile(encodeViewFile(payments, { view, confirmedWallMs }), payments);
    expect(file.confirmedWallMs).toBe(confirmedWallMs);
    expect({ ...file.view, endpoints: [...file.view.endpoints] }).toEqual({ ...view, endpoints: [...view.endpoints] });
  });

  it('of which any byte is another is not used, and neither is one that is cut or has more', async () => {
    const content = encodeViewFile(payments, { view: await viewOf('a'), confirmedWallMs });
    for (let at = 0; at < content.length; at++) {
      for (const flipped of [0x01, 0x20, 0x80]) {
        const damaged = Buffer.from(content);
        damaged[at]! ^= flipped;
        expect(() => decodeViewFile(damaged, payments)).toThrow(/content/);
      }
      expect(() => decodeViewFile(content.subarray(0, at), payments)).toThrow(/content/);
    }
    expect(() => decodeViewFile(Buffer.concat([content, Buffer.from('\n')]), payments)).toThrow(/content/);
  });

  it('of another service, selector or format is not used', async () => {
    const content = encodeViewFile(payments, { view: await viewOf('a'), confirmedWallMs });
    expect(() => decodeViewFile(content, { ...payments, service: 'greeter' })).toThrow('it is of default/payments');
    expect(() => decodeViewFile(content, { ...payments, selectorKey: 'x' })).toThrow('it is of default/payments');
    const newer = reformat(content, 2);
    expect(() => decodeViewFile(newer, payments)).toThrow('it has format 2, not 1');
  });

  it('has a name of its own for each target, which any file system takes', () => {
    const services = ['a', 'A', 'a.json', 'x'.repeat(253), `${'x'.repeat(252)}y`, `${'x'.repeat(252)}Y`];
    const names = ['default', 'prod']
      .flatMap((namespace) =>
        services.flatMap((service) => ['', 'k', 'K'].map((selectorKey) => ({ namespace, service, selectorKey }))),
      )
      .map((target) => viewFileName({ ...target, selector: undefined }));
    expect(new Set(names.map((name) => name.toLowerCase())).size).toBe(names.length);
    for (const name of names) expect(name).toMatch(/^[\w.-]{1,200}$/);
  });
});

/** What a newer version might write: whole, but in another format. */
function reformat(content: Buffer, format: number): Buffer {
  const body = JSON.parse(content.subarray(content.indexOf('\n') + 1).toString()) as object;
  const text = `${JSON.stringify({ ...body, format }, undefined, 1)}\n`;
  return Buffer.from(`sha256:${createHash('sha256').update(text).digest('hex')}\n${text}`);
}
