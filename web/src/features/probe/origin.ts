/** Which vectors are what a place of the map leads to, as the map is shown now. */

import type { App, Probe } from "../../contracts.ts";
import { wayNow, type Way } from "../../parts/latentAt.ts";

const ways = new WeakMap<Probe, string>();

/** Remembers that a vector was found at its place, by this way on the map that is shown. */
export function cameFromPlace(app: App, probe: Probe, way: Way): void {
  ways.set(probe, key(app, way));
}

/** Whether the place of a vector, asked again now, leads to the same vector. */
export function comesFromPlace(app: App, probe: Probe): boolean {
  return ways.get(probe) === key(app, wayNow(app));
}

function key({ state }: App, way: Way): string {
  return `${way} ${state.apart.value} ${state.map.value}`;
}
