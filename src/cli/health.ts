import type { Command } from 'commander';
import { systemClock } from '../lib/clock.js';
import { systemRandom } from '../lib/random.js';
import { addCommonHelp, addCommonOptions } from './common-options.js';
import { EXIT } from './exit-code.js';
import { withClient, type CommandContext, type Shell } from './shell.js';

/** grpc.health.v1.Health as its package defines it: the method as in the proto, and statuses as words. */
interface HealthClient {
  Check(request: { service: string }, options: { signal: AbortSignal }): Promise<{ status: string }>;
}

/** Health checks run it, and most of them end what has not answered by then. */
const DEFAULT_TIMEOUT_MS = 3_000;

/** `rollcall health`: one check, whose answer is the exit code. */
export function addHealth(program: Command, shell: Shell): void {
  const command = program
    .command('health')
    .description('check whether a server serves')
    .option('--service <NAME>', 'a gRPC service by its full name (default: the server as a whole)')
    .action(async ({ service }: { service?: string }) => {
      const use = { talkative: false, defaultTimeoutMs: DEFAULT_TIMEOUT_MS };
      await withClient(shell, command, use, (context) => check(service ?? '', context));
    });
  addCommonOptions(command, DEFAULT_TIMEOUT_MS);
  addCommonHelp(command, '  $ rollcall health --server 127.0.0.1:7400 --timeout 2s');
}

async function check(service: string, { options, output, stop }: CommandContext): Promise<number> {
  const [{ Connection }, { clientFactory }, { silentLogger }, { service: healthService }] = await Promise.all([
    import('../client/connection/connection.js'),
    import('../client/connection/link.js'),
    import('../client/logger.js'),
    import('grpc-health-check'),
  ]);
  const { servers, timeoutMs } = options;
  const connection = new Connection({ servers, logger: silentLogger, clock: systemClock, random: systemRandom });
  try {
    const { address, status } = await connection.call(
      async (link, signal) => {
        const client = clientFactory.create(healthService, link.channel) as unknown as HealthClient;
        return { address: link.address, ...(await client.Check({ service }, { signal })) };
      },
      { signal: stop, timeoutMs },
    );
    if (output.json) await output.object({ address, service, status });
    else await output.text(`${address} ${status}`);
    return status === 'SERVING' ? EXIT.ok : EXIT.failed;
  } finally {
    connection.close();
  }
}
