/** W7, W8, W9: that a watcher is told, in time, of what it may expect, and at what cost. */
import { LIMITS } from '../../../src/core/limits.js';
import { decodeToken, type Revision } from '../../../src/core/token.js';
import type { Answer, History, Validator, WatchEvent } from './history.js';
import { completeMessages, streamOf, streamsOf } from './streams.js';
import { truthOf, type Truth } from './truth.js';

/** By how much a checkpoint may be late. */
const CHECKPOINT_SLACK_MS = 200;

/** What may wait in a stream, besides the message on top of it. */
const UNTAKEN_BYTES_MAX = 64 * 1024;
const UNTAKEN_MESSAGES_MAX = 8;

/**
 * W7: when nothing is under way, every watcher that reads has been told of the
 * last change to its view, and if it has read for that long, its token is no
 * older than the checkpoint interval.
 */
export const validateLive: Validator = (history) => {
  const truth = truthOf(history);
  const problems: string[] = [];
  for (const [index, event] of history.events.entries()) {
    if (event.type !== 'settled') continue;
    const { deliveryMs = 0, checkpointIntervalMs } = event;
    const checkpointMs = event.atMs - checkpointIntervalMs - CHECKPOINT_SLACK_MS - deliveryMs;
    const due = newestBefore(truth, index, checkpointMs);
    const newest = newestBefore(truth, index, event.atMs - deliveryMs);
    for (const { stream: id, sinceMs } of event.reading) {
      const stream = streamOf(history, id);
      if (stream === undefined || (stream.ended !== undefined && stream.ended.index < index)) continue;
      const last = completeMessages(stream).findLast((message) => message.index < index);
      if (last === undefined) {
        problems.push(`event ${index}: stream ${id} was told nothing`);
        continue;
      }
      const { revision } = last.token;
      const changed = changeAfter(truth, stream.watch, revision, newest);
      if (changed !== undefined)
        problems.push(`event ${index}: stream ${id} is at ${revision} and missed the change at ${changed}`);
      if (revision < due && sinceMs <= checkpointMs) {
        problems.push(`event ${index}: stream ${id} is at ${revision}, and no checkpoint told of ${due}`);
      }
    }
  }
  return problems;
};

function newestBefore({ revisions }: Truth, index: number, atMs: number): Revision {
  return revisions.findLast((each) => each.index < index && each.atMs <= atMs)?.revision ?? 0;
}

/** The last revision in (from, to] that changed a stream's view, or undefined. */
function changeAfter(truth: Truth, watch: WatchEvent, from: Revision, to: Revision): Revision | undefined {
  for (let revision = to; revision > from; revision--) {
    const now = truth.view(watch.service, watch.selector, revision);
    const before = truth.view(watch.service, watch.selector, revision - 1);
    const same = now.size === before.size && [...now].every(([id, endpoint]) => before.get(id) === endpoint);
    if (!same) return revision;
  }
  return undefined;
}

/**
 * W8: a read or a watch is answered by state at least as new as its token, and
 * as every write that was answered before it was asked for. A view that no
 * write has changed since may bear the older revision.
 */
export const validateReadYourWrites: Validator = (history) => {
  const problems: string[] = [];
  const truth = truthOf(history);
  const answered = newestAnswered(history);
  const revisionOfToken = (text: string): Revision => {
    const token = text === '' ? undefined : decodeToken(text, 'token');
    return token?.epoch === truth.epoch ? token.revision : 0;
  };
  for (const stream of streamsOf(history)) {
    const { watch } = stream;
    const first = completeMessages(stream)[0];
    if (first === undefined) continue;
    const { revision } = first.token;
    const least = answered[watch.index]!;
    const isOld =
      revision < revisionOfToken(watch.resumeToken) || changeAfter(truth, watch, revision, least) !== undefined;
    if (isOld) problems.push(`event ${first.index}: stream ${watch.stream} begins at ${revision}, before ${least}`);
  }
  for (const [index, event] of history.events.entries()) {
    if (event.type !== 'list') continue;
    const revision = revisionOfToken(event.resumeToken);
    const least = Math.max(answered[event.askedAt]!, revisionOfToken(event.minToken));
    if (revision < least) problems.push(`event ${index}: a list is of revision ${revision}, before ${least}`);
    const expected = truth.view(event.service, event.selector, revision);
    const same = event.endpoints.every(({ id, modRevision }) => expected.get(id)?.modRevision === modRevision);
    if (!same || event.endpoints.length !== expected.size)
      problems.push(`event ${index}: a list is not the view at ${revision}`);
  }
  return problems;
};

/** Before each event, the revision of the newest write that was answered by then. */
function newestAnswered({ events }: History): Revision[] {
  let newest: Revision = 0;
  const before: Revision[] = [];
  for (const event of events) {
    before.push(newest);
    if (event.type === 'answer') newest = Math.max(newest, revisionOf(event.answer));
  }
  return before;
}

function revisionOf(answer: Answer): Revision {
  return answer.kind === 'written' || answer.kind === 'gone' ? answer.revision : 0;
}

/** W9: what is held for a watcher is bounded, whatever it does. */
export const validateBounded: Validator = (history) => {
  const problems: string[] = [];
  for (const { watch, sent } of streamsOf(history)) {
    for (const { index, bytes, untakenBytes, untakenMessages } of sent) {
      const fits = untakenMessages <= UNTAKEN_MESSAGES_MAX && untakenBytes - bytes <= UNTAKEN_BYTES_MAX;
      if (fits && bytes <= LIMITS.messageBytesMax) continue;
      problems.push(
        `event ${index}: stream ${watch.stream} holds ${untakenMessages} messages of ${untakenBytes} bytes`,
      );
    }
  }
  return problems;
};
