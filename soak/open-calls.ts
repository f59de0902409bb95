import { Channelz } from '../test/support/channelz.js';

/** Connections and calls that a server has open, but for the one by which it is asked: by its own channelz. */
export async function openCalls(address: string): Promise<{ readonly connections: number; readonly calls: number }> {
  using channelz = new Channelz(address);
  const open = await channelz.openStreams();
  return { connections: open.length - 1, calls: open.reduce((sum, calls) => sum + calls, -1) };
}
