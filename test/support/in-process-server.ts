import { pino } from 'pino';
import { readConfig, RollcallServer, type SettingName } from '../../src/server/index.js';
import type { Clock } from '../../src/lib/clock.js';

/** A server inside the test's own process, on the memory engine unless told. */
export interface InProcessServer extends AsyncDisposable {
  readonly server: RollcallServer;
  readonly address: string;
  /** Log lines so far, of level error and above. A test that leaves any behind fails when it disposes of the server. */
  readonly errors: string[];
}

export interface InProcessServerOptions {
  readonly settings?: Readonly<Partial<Record<SettingName, string>>>;
  readonly clock?: Clock;
  readonly newEpoch?: boolean;
}

/** Starts it on a free port. Owned by the caller. */
export async function startInProcess({
  settings = {},
  clock,
  newEpoch = false,
}: InProcessServerOptions = {}): Promise<InProcessServer> {
  const flags = { store: 'memory', listen: '127.0.0.1:0', ...settings };
  const errors: string[] = [];
  const logger = pino({ level: 'error' }, { write: (line: string) => void errors.push(line) });
  const server = await RollcallServer.start(readConfig({ flags, environment: {}, file: undefined }), {
    logger,
    newEpoch,
    ...(clock === undefined ? {} : { clock }),
    onFailed: (error) => errors.push(String(error)),
  });
  return {
    server,
    address: server.address,
    errors,
    async [Symbol.asyncDispose]() {
      await server.close();
      if (errors.length > 0) throw new Error(`the server logged errors:\n${errors.join('')}`);
    },
  };
}
