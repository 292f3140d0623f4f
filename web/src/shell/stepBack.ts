/** How strongly the points are drawn: they step back for what is to be seen between them. */

import { effect } from "@preact/signals";
import type { App } from "../contracts.ts";

const SIZE = 0.6;
const MANY_POINTS = 70_000;
// The opacity of the points while images are shown in their place.
const BESIDE_IMAGES = 0.25;

/** Keeps the look of the points in step with what lies under them. */
export function followLook({ state, map, decoder, manifest }: App): void {
  effect(() => {
    const ground = state.ground.value && decoder !== null && !state.apart.value;
    // Thin lines hide less of the points than a ground does.
    const share = ground ? opacityOf(manifest.rows) : state.contours.value ? Math.sqrt(opacityOf(manifest.rows)) : 1;
    const whole = state.show.value === "dots" ? 1 : BESIDE_IMAGES;
    map.setLook(share < 1 ? SIZE : 1, share * whole);
  });
}

// The more of them, the further back.
function opacityOf(rows: number): number {
  return Math.min(0.75, Math.max(0.15, 0.3 * (MANY_POINTS / Math.max(rows, 1)) ** 0.3));
}
