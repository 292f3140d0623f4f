/** Where latents that are no rows stand on the map as it is drawn now. */

import type { App } from "../contracts.ts";
import { amongOf, placeWithin } from "./within.ts";

/** Places float32 [2 n] of latents [n D]: on the map, or beside their nearest row where each class
 * has been flown into a panel of its own. `labels` [n] names the space of each in the scope
 * per-class; -1: any. */
export async function landing(
  app: App,
  z: Float32Array,
  labels: ArrayLike<number>,
): Promise<Float32Array> {
  const map = app.manifest.maps.find((each) => each.name === app.state.map.peek());
  const n = labels.length;
  if (!map || n === 0) return new Float32Array(2 * n).fill(NaN);
  if (!app.state.apart.peek() && !map.panels) return placeWithin(app, z, map.name, labels);
  const dim = app.manifest.latentDim;
  const xy = new Float32Array(2 * n).fill(NaN);
  const near = await Promise.all(
    Array.from({ length: n }, (_, i) => {
      return app.latents.nearest(z.slice(i * dim, (i + 1) * dim), 3, -1, amongOf(app, labels[i]));
    }),
  );
  near.forEach(({ rows, distances }, i) => xy.set(between(app.map.places, rows, distances), 2 * i));
  return xy;
}

/** Between the rows that stand near to the nearest one, weighted by nearness. */
function between(places: Float32Array, rows: Uint32Array, distances: Float32Array): [number, number] {
  let [x, y, total] = [0, 0, 0];
  for (let i = 0; i < rows.length; i++) {
    const [px, py] = [places[2 * rows[i]], places[2 * rows[i] + 1]];
    // Half a unit is half a panel: farther means another panel.
    const apart = Math.hypot(px - places[2 * rows[0]], py - places[2 * rows[0] + 1]) > 0.5;
    if (Number.isNaN(px) || (i > 0 && apart)) continue;
    const weight = 1 / (distances[i] ** 2 + 1e-9);
    x += weight * px;
    y += weight * py;
    total += weight;
  }
  return total > 0 ? [x / total, y / total] : [NaN, NaN];
}

/** Moves the map to a place, close enough to see single points. */
export function flyTo(app: App, x: number, y: number): void {
  if (Number.isNaN(x) || Number.isNaN(y)) return;
  const map = app.manifest.maps.find((each) => each.name === app.state.map.peek());
  const now = app.map.view.peek().scale;
  if (!map || app.state.apart.peek()) return app.map.setView({ x, y }, 500);
  const { width, height } = app.map.size.peek();
  const side = Math.max(map.high[0] - map.low[0], map.high[1] - map.low[1]);
  app.map.setView({ x, y, scale: Math.max(now, (2.5 * Math.min(width, height)) / side) }, 500);
}
