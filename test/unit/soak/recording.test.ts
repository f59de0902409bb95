import { historyOf, type Told } from '../../../soak/recording.js';

const REVISION = { type: 'revision', revision: 1, records: [], liveness: [] } as const;
const START: Told = { ms: 1_000, event: { type: 'start', epoch: '0123456789abcdef' } };

function times(...told: Told[]): [string, number][] {
  return historyOf([START, ...told]).events.map(({ type, atMs }) => [type, atMs]);
}

it('what several processes told of is put in the order in which it happened', () => {
  const told: Told[] = [
    { ms: 1_030, event: { type: 'ended', stream: 1 } },
    { ms: 1_010, event: REVISION },
  ];
  expect(times(...told)).toEqual([
    ['start', 0],
    ['revision', 10],
    ['ended', 30],
  ]);
});

it('time stands still while the server is stalled', () => {
  const told: Told[] = [
    { ms: 1_100, event: { type: 'stall', ms: 500 } },
    { ms: 1_300, event: { type: 'ended', stream: 1 } },
    { ms: 1_700, event: REVISION },
  ];
  expect(times(...told)).toEqual([
    ['start', 0],
    ['stall', 100],
    ['ended', 100],
    ['revision', 200],
  ]);
});

it('time stands still from when the server is killed until it is back, stalls within that counted once', () => {
  const told: Told[] = [
    { ms: 1_100, event: { type: 'down' } },
    { ms: 1_200, event: { type: 'ended', stream: 1 } },
    { ms: 1_300, event: { type: 'stall', ms: 300 } },
    { ms: 1_500, event: { type: 'restart', epoch: '0123456789abcdef', revision: 0, records: [] } },
    { ms: 1_650, event: REVISION },
  ];
  expect(times(...told)).toEqual([
    ['start', 0],
    ['ended', 100],
    ['stall', 100],
    ['restart', 100],
    ['revision', 150],
  ]);
});

it('a list knows after which events it was asked for', () => {
  const list = { service: 'a/b', selector: undefined, minToken: '', resumeToken: '', endpoints: [] };
  const told: Told[] = [
    { ms: 1_200, event: { type: 'list', ...list, askedMs: 1_050 } },
    { ms: 1_010, event: REVISION },
    { ms: 1_100, event: REVISION },
  ];
  expect(historyOf([START, ...told]).events.at(-1)).toMatchObject({ type: 'list', askedAt: 2 });
});
