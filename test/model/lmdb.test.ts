import { checkModel } from './check-model.js';
import { lmdbEngine } from './engines.js';

checkModel('the lmdb engine', lmdbEngine, 1_000);
