/**
 * Every limit on what clients may send, in one place. Units go last in the
 * names. docs/OPERATIONS.md has the same table for readers; a test compares
 * the two.
 */
export const LIMITS = {
  namespaceLengthMax: 63,
  serviceLengthMax: 253,
  endpointIdLengthMax: 128,
  requestIdLengthMax: 128,
  localityPartLengthMax: 63,
  hostLengthMax: 253,
  portMax: 65_535,
  addressesMax: 16,
  weightMax: 65_535,
  labelsMax: 64,
  labelKeyLengthMax: 63,
  labelValueBytesMax: 255,
  metadataMax: 64,
  metadataValueBytesMax: 16_384,
  endpointBytesMax: 64 * 1024,
  ttlMsMin: 1_000,
  ttlMsMax: 24 * 60 * 60 * 1_000,
  leasesPerMessageMax: 1_000,
  selectorBytesMax: 16 * 1024,
  labelRequirementsMax: 32,
  labelRequirementValuesMax: 64,
  selectorZonesMax: 64,
  selectorHealthMax: 8,
  pageSizeMax: 1_000,
  tokenLengthMax: 512,
  updateMaskPathsMax: 16,
  /** No message of a watch or a list is larger. */
  messageBytesMax: 1024 * 1024,
} as const;

export const DEFAULTS = {
  namespace: 'default',
  weight: 100,
  ttlMs: 15_000,
  pageSize: 100,
} as const;
