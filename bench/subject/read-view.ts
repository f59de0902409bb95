import type { Connection, Subject } from './subject.js';

/** The messages of a service's view, after it was decoded and found to be what it says and of so many endpoints. */
export async function readView(
  subject: Subject,
  {
    connection,
    service,
    endpoints,
  }: { readonly connection: Connection; readonly service: string; readonly endpoints: number },
): Promise<Buffer[]> {
  const messages: Buffer[] = [];
  await new Promise<void>((resolve, reject) => {
    const watch = connection.watch(service, {
      onMessage: ({ kind, bytes }) => {
        messages.push(bytes);
        if (kind !== 'view') return;
        watch.close();
        resolve();
      },
      onEnd: reject,
    });
  });
  const found = subject.countEndpoints(messages);
  if (found !== endpoints) throw new Error(`a view of ${found} endpoints, not ${endpoints}`);
  return messages;
}
