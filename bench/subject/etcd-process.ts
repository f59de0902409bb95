import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

export interface EtcdProcess {
  /** `host:port`, as etcd said. */
  readonly address: string;
  readonly pid: number;
  /** Sends a signal and waits for the process to end. */
  stop(signal: NodeJS.Signals): Promise<void>;
}

const READY_TIMEOUT_MS = 30_000;

/** How many lines of its log are kept to explain why it did not start. */
const LOG_LINES_MAX = 20;

/** Starts etcd and waits until it says that it serves clients. It ends with this process if not before. */
export async function startEtcdProcess(
  binary: string,
  { dataDir, listen }: { readonly dataDir: string; readonly listen: string },
): Promise<EtcdProcess> {
  // Nobody ever calls the addresses that it advertises.
  const peer = 'http://127.0.0.1:0';
  const child = spawn(
    binary,
    [
      ['--name', 'bench'],
      ['--data-dir', dataDir],
      ['--listen-client-urls', `http://${listen}`],
      ['--advertise-client-urls', `http://${listen}`],
      ['--listen-peer-urls', peer],
      ['--initial-advertise-peer-urls', peer],
      ['--initial-cluster', `bench=${peer}`],
      ['--logger', 'zap'],
    ].flat(),
    { env: environmentWithoutEtcd(), stdio: ['ignore', 'ignore', 'pipe'] },
  );
  const kill = () => void child.kill('SIGKILL');
  process.once('exit', kill);
  const ended = once(child, 'exit').then(() => void process.off('exit', kill));
  const stop = async (signal: NodeJS.Signals) => {
    child.kill(signal);
    await ended;
  };

  const log: string[] = [];
  const address = new Promise<string>((resolve) => {
    createInterface({ input: child.stderr }).on('line', (line) => {
      log.push(line);
      if (log.length > LOG_LINES_MAX) log.shift();
      const match = /serving client traffic insecurely.*"address":"([^"]+)"/.exec(line);
      if (match?.[1] !== undefined) resolve(match[1]);
    });
  });
  const failed = ended.then(() => {
    throw new Error(`etcd ended before it listened:\n${log.join('\n')}`);
  });
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const explain = () => reject(new Error(`etcd did not listen within ${READY_TIMEOUT_MS} ms:\n${log.join('\n')}`));
    timer = setTimeout(explain, READY_TIMEOUT_MS);
  });
  try {
    return { address: await Promise.race([address, failed, late]), pid: child.pid as number, stop };
  } catch (error) {
    await stop('SIGKILL');
    throw error;
  } finally {
    clearTimeout(timer);
    failed.catch(() => undefined);
  }
}

/** etcd takes each of its flags from the environment, too. */
function environmentWithoutEtcd(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('ETCD_')));
}
