// Opens the data directory in argv[2] and holds it until it is ended, or says why it cannot.
import { openLmdbPersistence } from '../../dist/store/lmdb/index.js';

const dataDir = process.argv[2];
try {
  await openLmdbPersistence({ dataDir });
  process.stdout.write('held\n');
  setInterval(() => undefined, 1_000_000);
} catch (error) {
  process.stdout.write(`${error.reason} ${error.message}\n`);
}
