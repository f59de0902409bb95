// Prints every change of a service, and who serves it: node examples/dist/rx/watcher.js SERVICE
import { RollcallClient } from 'rollcall';
import { fromView } from 'rollcall/rx';
import { distinctUntilChanged, filter, map } from 'rxjs';

const service = process.argv[2] ?? 'greeter';

const rollcall = new RollcallClient();
rollcall.closeOnSignals();
const { states, events } = fromView(rollcall.watch(service));

events.subscribe((event) => {
  if (event.type === 'status') return console.log(`the view is ${event.status}`);
  if (event.type === 'snapshot') return console.log(`${event.endpoints.length} endpoints (${event.reason})`);
  for (const { id } of event.upserted) console.log(`+ ${id}`);
  for (const { endpointId, reason } of event.removed) console.log(`- ${endpointId} ${reason}`);
});

states
  .pipe(
    filter((state) => state.status !== 'unknown'),
    map(({ endpoints }) => endpoints.map(({ id }) => id).join(', ') || 'nobody'),
    distinctUntilChanged(),
  )
  .subscribe((ids) => console.log(`served by ${ids}`));
