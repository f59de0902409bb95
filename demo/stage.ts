import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { CallLedger } from './call-ledger.js';
import { machineMs } from './machine-clock.js';
import type { BackendMessage, BackendSettings, CallerMessage, CallerSettings, ViewMessage } from './messages.js';
import type { Processes, RunningProcess } from './processes.js';

export type BackendState = 'starting' | 'serving' | 'draining' | 'ended' | 'killed';

export interface Backend {
  readonly name: string;
  readonly zone: string;
  state: BackendState;
  readonly process: RunningProcess;
  /** When its registration was acknowledged, on the machine's clock. */
  readonly registered: Promise<number>;
}

export interface StageSettings extends CallerSettings {
  readonly ttlMs: number;
  readonly workMs: number;
}

/** The zone that the caller is in. */
export const OWN_ZONE = 'eu-1a';

const SERVER = fileURLToPath(new URL('dist/cli/main.js', import.meta.resolve('rollcall/package.json')));

/** Who takes part: a control plane, backends, and a caller; what becomes of them, and what can be done to them. */
export class Stage {
  readonly ledger = new CallLedger();
  readonly backends = new Map<string, Backend>();
  controlPlane: 'up' | 'down' = 'down';
  /** The caller's, as it was told last. */
  view: ViewMessage | undefined;
  readonly #processes: Processes;
  readonly #settings: StageSettings;
  #server: RunningProcess | undefined;
  #address = '127.0.0.1:0';
  #caller: RunningProcess | undefined;

  constructor(processes: Processes, settings: StageSettings) {
    this.#processes = processes;
    this.#settings = settings;
  }

  /** Starts the control plane; where it was, if it was there before. Resolves when it listens, to that moment. */
  async startControlPlane(): Promise<number> {
    const args = ['serve', '--listen', this.#address, '--data-dir', this.#processes.directory];
    this.#server = this.#processes.start({ name: 'the control plane', file: SERVER, args });
    this.#address = await listening(this.#server);
    this.controlPlane = 'up';
    return machineMs();
  }

  /** Resolves to the moment in which it was killed. */
  async killControlPlane(): Promise<number> {
    const killedMs = machineMs();
    this.#server?.end('SIGKILL');
    this.controlPlane = 'down';
    await this.#server?.ended;
    return killedMs;
  }

  /** Resolves when the backend was registered, to that moment. */
  async startBackend(name: string, zone: string): Promise<number> {
    const { ttlMs, workMs } = this.#settings;
    let onRegistered: (registeredMs: number) => void = () => undefined;
    const registered = new Promise<number>((resolve) => (onRegistered = resolve));
    const process = this.#processes.start({
      name,
      file: fileURLToPath(new URL('backend.js', import.meta.url)),
      args: [JSON.stringify({ name, ttlMs, workMs } satisfies BackendSettings)],
      env: { ROLLCALL_SERVER: this.#address, ROLLCALL_ZONE: zone },
      onMessage: (message) => onRegistered((message as BackendMessage).registeredMs),
    });
    const backend: Backend = { name, zone, state: 'starting', process, registered };
    this.backends.set(name, backend);
    const registeredMs = await registered;
    backend.state = 'serving';
    return registeredMs;
  }

  /** Tells a backend to end, by SIGTERM. `ended` resolves to the moment in which it has. */
  drain(name: string): { readonly toldMs: number; readonly ended: Promise<number> } {
    const backend = this.#backend(name);
    const toldMs = machineMs();
    backend.process.end('SIGTERM');
    backend.state = 'draining';
    const ended = backend.process.ended.then(() => {
      backend.state = 'ended';
      return machineMs();
    });
    return { toldMs, ended };
  }

  /** Ends a backend by SIGKILL, and returns the moment. */
  kill(name: string): number {
    const backend = this.#backend(name);
    const killedMs = machineMs();
    backend.process.end('SIGKILL');
    backend.state = 'killed';
    return killedMs;
  }

  /** Starts the caller, which begins to call once it knows of anybody. */
  startCaller(): void {
    const { callsPerSecond, retries } = this.#settings;
    this.#caller = this.#processes.start({
      name: 'the caller',
      file: fileURLToPath(new URL('caller.js', import.meta.url)),
      args: [JSON.stringify({ callsPerSecond, retries } satisfies CallerSettings)],
      env: { ROLLCALL_SERVER: this.#address, ROLLCALL_ZONE: OWN_ZONE },
      onMessage: (message) => this.#hear(message as CallerMessage),
    });
  }

  /** Has the caller finish what it began. Resolves when its process has ended by itself, to how it did. */
  async finishCalls(): Promise<string | undefined> {
    this.#caller?.end({ message: 'finish' });
    return this.#caller?.ended;
  }

  #hear(message: CallerMessage): void {
    if (message.type === 'calls') this.ledger.add(message);
    else this.view = message;
  }

  #backend(name: string): Backend {
    const backend = this.backends.get(name);
    if (backend === undefined) throw new Error(`there is no backend ${name}`);
    return backend;
  }
}

/** The address that a server says it listens on. */
function listening({ child }: RunningProcess): Promise<string> {
  return new Promise((resolve) => {
    if (child.stdout === null) throw new Error('the output of the control plane is not read');
    createInterface({ input: child.stdout }).on('line', (line) => {
      const address = /^rollcall listening on (\S+)/.exec(line)?.[1];
      if (address !== undefined) resolve(address);
    });
  });
}
