import { describeMutations } from './mutations.js';

jest.setTimeout(240_000);

describeMutations(['KeepAlive', 'Watch', 'WatchMany', 'ListEndpoints', 'ListServices']);
