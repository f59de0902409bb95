import { checkModel } from './check-model.js';
import { ramEngine } from './engines.js';

checkModel('the embedded engine on a disk in memory', ramEngine, 2_000);
