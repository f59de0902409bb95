import { LIMITS } from '../../../src/core/limits.js';
import { expectTable } from '../../support/document-table.js';

/** Each limit, in the words of the document. */
const ROWS: Record<keyof typeof LIMITS, readonly [what: string, value: string]> = {
  namespaceLengthMax: ['namespace', `${LIMITS.namespaceLengthMax} characters`],
  serviceLengthMax: ['service', `${LIMITS.serviceLengthMax} characters`],
  endpointIdLengthMax: ['endpoint id', `${LIMITS.endpointIdLengthMax} characters`],
  requestIdLengthMax: ['`request_id`', `${LIMITS.requestIdLengthMax} characters`],
  localityPartLengthMax: ['region, zone and sub-zone', `${LIMITS.localityPartLengthMax} characters each`],
  hostLengthMax: ['host of an address', `${LIMITS.hostLengthMax} characters`],
  portMax: ['port of an address', `1–${LIMITS.portMax}`],
  addressesMax: ['addresses of an endpoint', `1–${LIMITS.addressesMax}`],
  weightMax: ['weight of an endpoint', `0–${LIMITS.weightMax}`],
  labelsMax: ['labels of an endpoint', `${LIMITS.labelsMax}`],
  labelKeyLengthMax: ['key of a label or of metadata', `${LIMITS.labelKeyLengthMax} characters`],
  labelValueBytesMax: ['value of a label', `${LIMITS.labelValueBytesMax} bytes`],
  metadataMax: ['metadata of an endpoint', `${LIMITS.metadataMax}`],
  metadataValueBytesMax: ['value of metadata', `${LIMITS.metadataValueBytesMax} bytes`],
  endpointBytesMax: ['an endpoint, encoded', `${LIMITS.endpointBytesMax} bytes`],
  ttlMsMin: ['TTL, at least', `${LIMITS.ttlMsMin / 1_000} s`],
  ttlMsMax: ['TTL, at most', `${LIMITS.ttlMsMax / 3_600_000} h`],
  leasesPerMessageMax: ['leases in one `Renew` or `KeepAlive` message', `${LIMITS.leasesPerMessageMax}`],
  selectorBytesMax: ['a selector, encoded', `${LIMITS.selectorBytesMax} bytes`],
  labelRequirementsMax: ['label requirements of a selector', `${LIMITS.labelRequirementsMax}`],
  labelRequirementValuesMax: ['values of a label requirement', `${LIMITS.labelRequirementValuesMax}`],
  selectorZonesMax: ['zones of a selector', `${LIMITS.selectorZonesMax}`],
  selectorHealthMax: ['states of health of a selector', `${LIMITS.selectorHealthMax}`],
  pageSizeMax: ['page size', `${LIMITS.pageSizeMax}`],
  tokenLengthMax: ['token', `${LIMITS.tokenLengthMax} characters`],
  updateMaskPathsMax: ['paths of an update mask', `1–${LIMITS.updateMaskPathsMax}`],
  messageBytesMax: ['a request, and any message of a watch or a list', `${LIMITS.messageBytesMax} bytes`],
};

it('docs/OPERATIONS.md lists every limit on requests', () => {
  expectTable('docs/OPERATIONS.md', '## Limits on requests', Object.values(ROWS));
});
