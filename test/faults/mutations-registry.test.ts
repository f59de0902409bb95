import { describeMutations } from './mutations.js';

jest.setTimeout(240_000);

// In this order, as the last two end the lease that the others name.
describeMutations(['UpdateEndpoint', 'Renew', 'Deregister', 'Register']);
