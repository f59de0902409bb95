import { describeMutations } from './mutations.js';

// In this order, as the last two end the lease that the others name.
describeMutations(['UpdateEndpoint', 'Renew', 'Deregister', 'Register']);
