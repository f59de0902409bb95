/** How many endpoints can be called now. */
export interface ZoneCounts {
  readonly inZone: number;
  readonly elsewhere: number;
  /** With so many in the zone no call leaves it. */
  readonly zoneEndpointsMin: number;
}

/**
 * The share of calls that stays in the own zone, from 0 to 1: all while the zone has endpoints enough, or nobody else
 * is there; otherwise what the endpoints that are left would have carried of it.
 */
export function zoneShare({ inZone, elsewhere, zoneEndpointsMin }: ZoneCounts): number {
  return elsewhere === 0 ? 1 : Math.min(1, inZone / zoneEndpointsMin);
}
