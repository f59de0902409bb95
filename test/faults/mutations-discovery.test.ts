import { describeMutations } from './mutations.js';

describeMutations(['KeepAlive', 'Watch', 'WatchMany', 'ListEndpoints', 'ListServices']);
