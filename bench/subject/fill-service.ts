import type { Connection, EndpointSpec, Registration } from './subject.js';

/** Registrations under way at once. */
const CALLERS = 64;

/** Registers `count` endpoints of a service. */
export async function fillService(
  connection: Connection,
  { count, service, bytes }: { readonly count: number } & Pick<EndpointSpec, 'service' | 'bytes'>,
): Promise<Registration[]> {
  const registrations: Registration[] = [];
  let next = 0;
  const caller = async () => {
    while (next < count) {
      const index = next++;
      const id = `endpoint-${String(index).padStart(7, '0')}`;
      registrations[index] = await connection.register({ service, id, bytes });
    }
  };
  await Promise.all(Array.from({ length: Math.min(CALLERS, count) }, caller));
  return registrations;
}
