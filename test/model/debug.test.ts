import { loadXxh64 } from '../../src/core/hash.js';
import { BrokenGuarantee, play } from './play.js';
import { ramEngine } from './engines.js';
it('debug', async () => {
  const xxh64 = await loadXxh64();
  const run = JSON.parse(process.env['RUN']!);
  try {
    await play(ramEngine(), run, { xxh64 });
    console.log('fine');
  } catch (e) {
    if (!(e instanceof BrokenGuarantee)) throw e;
    const only = process.env['STREAM'];
    const lines = e.history.events
      .map((ev: any, i) => {
        const { view, response, ...r } = ev;
        return `${i} ${JSON.stringify(r, (_, v) => (typeof v === 'bigint' ? String(v) : v))} ${response ? response.event.$case + '@' + response.revision + ' ' + response.resumeToken : ''} ${view ? view.map((v: any) => v.id + '@' + v.modRevision) : ''}`;
      })
      .filter((l) => !only || !l.includes('"stream"') || l.includes(`"stream":${only},`));
    require('fs').writeFileSync('/tmp/mdbg/out.txt', e.message + '\n' + lines.join('\n'));
    throw new Error(e.message);
  }
});
