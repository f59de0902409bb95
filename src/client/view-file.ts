import { createHash, randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Endpoint } from '../gen/rollcall/v1/endpoint.js';
import { PersistentMap } from '../lib/persistent-map.js';
import type { SyncedView } from './view-state.js';
import type { WatchTarget } from './watch.js';

const FORMAT = 1;

/** A view as a file holds it. */
export interface ViewFile {
  readonly view: SyncedView;
  /** When a server last confirmed it, in milliseconds since 1970. */
  readonly confirmedWallMs: number;
}

interface FileBody {
  readonly format: number;
  readonly target: string;
  readonly confirmed: string;
  readonly revision: number;
  readonly resumeToken: string;
  readonly digest: string;
  readonly endpoints: readonly Endpoint[];
}

/** Names the file of one service and selector. Different targets have different names. */
export function viewFileName({ namespace, service, selectorKey }: WatchTarget): string {
  const name = `${namespace}.${service}`;
  // Whatever a selector is made of, its hash is fit for a file name.
  const hash = selectorKey === '' ? '' : `.${sha256(selectorKey).slice(0, 16)}`;
  // Services that differ in case alone would share a file where the file system does not tell them apart.
  const cased = service === service.toLowerCase() ? '' : `.${sha256(service).slice(0, 8)}`;
  return `${name}${cased}${hash}.json`;
}

/**
 * Reads the file of a service; undefined if there is none.
 *
 * @throws Error that says what is wrong with it: a file is used whole and unaltered, or not at all
 */
export async function readViewFile(directory: string, target: WatchTarget): Promise<ViewFile | undefined> {
  const text = await readFile(join(directory, viewFileName(target)), 'utf8').catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  });
  if (text === undefined) return undefined;

  const end = text.indexOf('\n');
  const body = text.slice(end + 1);
  if (end === -1 || text.slice(0, end) !== checksumLine(body)) throw new Error('its content is not what was written');
  const { format, target: of, confirmed, revision, resumeToken, digest, endpoints } = JSON.parse(body) as FileBody;
  if (format !== FORMAT) throw new Error(`it has format ${format}, not ${FORMAT}`);
  if (of !== targetText(target)) throw new Error(`it is of ${of}`);
  return {
    view: {
      kind: 'synced',
      resumeToken,
      revision,
      digest: BigInt(digest),
      endpoints: PersistentMap.empty<Endpoint>().with(new Map(endpoints.map((endpoint) => [endpoint.id, endpoint]))),
      assembly: undefined,
    },
    confirmedWallMs: Date.parse(confirmed),
  };
}

/** Writes the file of a service, in one step: whoever reads it finds the old one or the new one, whole. */
export async function writeViewFile(directory: string, target: WatchTarget, file: ViewFile): Promise<void> {
  const { view, confirmedWallMs } = file;
  const body: FileBody = {
    format: FORMAT,
    target: targetText(target),
    confirmed: new Date(confirmedWallMs).toISOString(),
    revision: view.revision,
    resumeToken: view.resumeToken,
    digest: view.digest.toString(),
    endpoints: [...view.endpoints.values()],
  };
  const text = `${JSON.stringify(body, undefined, 1)}\n`;
  const path = join(directory, viewFileName(target));
  // Unlike any other's, should processes share the directory.
  const temporary = `${path}.${randomUUID()}.tmp`;
  await mkdir(directory, { recursive: true, mode: 0o700 });
  try {
    await writeFile(temporary, `${checksumLine(text)}\n${text}`, { mode: 0o600, flush: true });
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

function targetText({ namespace, service, selectorKey }: WatchTarget): string {
  return `${namespace}/${service} ${selectorKey}`.trim();
}

function checksumLine(body: string): string {
  return `sha256:${sha256(body)}`;
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
