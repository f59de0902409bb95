import { isRollcallError, RollcallClient } from '../../../src/client/index.js';
import { RegisterRequest } from '../../../src/gen/rollcall/v1/registry.js';
import { startInProcess } from '../../support/in-process-server.js';
import { ENDPOINT_FIELDS } from './endpoint-fields.js';
import { setStage } from './stage.js';

/** The fields that a call says are wrong; none if it succeeds. */
async function fieldsWrongWith(call: Promise<unknown>): Promise<string[]> {
  try {
    await call;
    return [];
  } catch (error) {
    if (!isRollcallError(error, 'INVALID_FIELD')) throw error;
    return error.violations.map(({ field }) => field);
  }
}

test('the client refuses the endpoints that a server would, for the same fields, and takes the others', async () => {
  const { stage, close } = await setStage();
  await using server = await startInProcess();
  await using client = new RollcallClient({ servers: [server.address] });
  // Nobody answers there: what it refuses, it refuses by itself.
  await using alone = new RollcallClient({ servers: ['127.0.0.1:1'] });
  for (const { input, request, outcome } of ENDPOINT_FIELDS) {
    // Absent where the row is about that: what a program without types may do, too.
    const endpoint = RegisterRequest.decode(request(stage)).endpoint!;
    const refused = 'fields' in outcome ? outcome.fields : [];
    const caller = refused.length > 0 ? alone : client;
    expect([input, await fieldsWrongWith(caller.register(endpoint))]).toEqual([input, refused]);
  }
  await close();
});
