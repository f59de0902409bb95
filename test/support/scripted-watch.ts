import type { ServerWritableStream } from '@grpc/grpc-js';
import { endpointDigest } from '../../src/core/digest.js';
import { loadXxh64 } from '../../src/core/hash.js';
import {
  RemovedEndpoint_Reason,
  Snapshot_Reason,
  WatchResponse,
  type WatchRequest,
} from '../../src/gen/rollcall/v1/discovery.js';
import { Endpoint } from '../../src/gen/rollcall/v1/endpoint.js';
import type { Script } from './scripted-server.js';

export type WatchCall = ServerWritableStream<WatchRequest, WatchResponse>;

/** A `Watch` that keeps its requests and calls, and answers the nth with the nth of these; the last goes on for all that follow. */
export function scriptedWatch(...answers: readonly ((call: WatchCall) => void | Promise<void>)[]) {
  const requests: WatchRequest[] = [];
  const calls: WatchCall[] = [];
  const watch: Script['watch'] = (call) => {
    requests.push(call.request);
    calls.push(call);
    void answers[Math.min(requests.length, answers.length) - 1]?.(call);
  };
  return { watch, requests, calls };
}

/** Messages as a server sends them, with right digests, of endpoints named by their ids (each at `modRevision` 1). */
export async function snapshotMessage(
  revision: number,
  ids: readonly string[],
  reason: Snapshot_Reason = Snapshot_Reason.INITIAL,
): Promise<WatchResponse> {
  const endpoints = ids.map(endpointNamed);
  const event = { $case: 'snapshot', value: { endpoints, last: true, reason } } as const;
  return WatchResponse.create({ event, resumeToken: `t${revision}`, digest: await digestOf(ids), revision });
}

/** @param idsAfter of the whole view that the delta makes */
export async function deltaMessage(
  revision: number,
  { upserted = [], removed = [], idsAfter }: { upserted?: string[]; removed?: string[]; idsAfter: readonly string[] },
): Promise<WatchResponse> {
  const value = {
    upserted: upserted.map(endpointNamed),
    removed: removed.map((endpointId) => ({ endpointId, reason: RemovedEndpoint_Reason.EXPIRED, revision })),
  };
  const digest = await digestOf(idsAfter);
  return WatchResponse.create({ event: { $case: 'delta', value }, resumeToken: `t${revision}`, digest, revision });
}

/** @param ids of the view that it confirms */
export async function checkpointMessage(revision: number, ids: readonly string[]): Promise<WatchResponse> {
  const event = { $case: 'checkpoint', value: {} } as const;
  return WatchResponse.create({ event, resumeToken: `t${revision}`, digest: await digestOf(ids), revision });
}

function endpointNamed(id: string): Endpoint {
  const addresses = [{ host: '10.0.0.7', port: 80 }];
  return Endpoint.fromPartial({ namespace: 'default', service: 'payments', id, addresses, modRevision: 1 });
}

async function digestOf(ids: readonly string[]): Promise<bigint> {
  const xxh64 = await loadXxh64();
  return ids.reduce((digest, id) => digest ^ endpointDigest(xxh64, id, 1), 0n);
}
