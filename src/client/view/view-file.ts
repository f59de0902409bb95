import { createHash } from 'node:crypto';
import type { Endpoint } from '../../gen/rollcall/v1/endpoint.js';
import { PersistentMap } from '../../lib/persistent-map.js';
import type { SyncedView } from './view-state.js';
import type { WatchTarget } from './service-watch.js';

/** Increased with every change of {@link FileBody}: files of other formats are not used. */
const FORMAT = 1;

/** Of a service's name, that a file's name may show. Names may be longer than file names. */
const SERVICE_SHOWN_MAX = 64;

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

/** Names the file of one service and selector: different for different ones, and fit for any file system. */
export function viewFileName(target: WatchTarget): string {
  const { namespace, service } = target;
  return `${namespace}.${service.slice(0, SERVICE_SHOWN_MAX)}.${sha256(targetText(target)).slice(0, 16)}.json`;
}

/** The file's content: a line with a checksum, then JSON. */
export function encodeViewFile(target: WatchTarget, { view, confirmedWallMs }: ViewFile): Buffer {
  const body: FileBody = {
    format: FORMAT,
    target: targetText(target),
    confirmed: new Date(confirmedWallMs).toISOString(),
    revision: view.revision,
    resumeToken: view.resumeToken,
    digest: view.digest.toString(),
    endpoints: [...view.endpoints.values()],
  };
  const bytes = Buffer.from(`${JSON.stringify(body, undefined, 1)}\n`);
  return Buffer.concat([checksumLine(bytes), bytes]);
}

/** @throws Error that says what is wrong with the content: a file is used whole and unaltered, or not at all */
export function decodeViewFile(content: Buffer, target: WatchTarget): ViewFile {
  const bodyFrom = content.indexOf('\n') + 1;
  const bytes = content.subarray(bodyFrom);
  if (!content.subarray(0, bodyFrom).equals(checksumLine(bytes)))
    throw new Error('its content is not what was written');
  const { format, target: of, ...body } = JSON.parse(bytes.toString()) as FileBody;
  if (format !== FORMAT) throw new Error(`it has format ${format}, not ${FORMAT}`);
  if (of !== targetText(target)) throw new Error(`it is of ${of}`);
  const endpoints = new Map(body.endpoints.map((endpoint) => [endpoint.id, endpoint]));
  return {
    view: {
      kind: 'synced',
      resumeToken: body.resumeToken,
      revision: body.revision,
      digest: BigInt(body.digest),
      endpoints: PersistentMap.empty<Endpoint>().with(endpoints),
      assembly: undefined,
    },
    confirmedWallMs: Date.parse(body.confirmed),
  };
}

function targetText({ namespace, service, selectorKey }: WatchTarget): string {
  return `${namespace}/${service} ${selectorKey}`.trim();
}

function checksumLine(body: Buffer): Buffer {
  return Buffer.from(`sha256:${sha256(body)}\n`);
}

function sha256(data: string | Buffer): string {
  return createHash('sha256').update(data).digest('hex');
}
