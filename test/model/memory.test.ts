import { checkModel } from './check-model.js';
import { memoryEngine } from './engines.js';

checkModel('the memory engine', memoryEngine, 2_000);
