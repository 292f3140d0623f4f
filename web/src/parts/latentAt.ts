/** From a place on the map to a latent vector, in four ways. */

import type { App, Manifest } from "../contracts.ts";
import { MapIndex, type Nearby } from "./mapIndex.ts";
import { fogWithin } from "./within.ts";

/** A way from a place on the map to a latent vector. */
export type Way = "exact" | "plane" | "nearest" | "sheet";

/** How many rows the way "nearest" mixes. */
export const NEAREST = 8;

// Of the longer side of the map: no nearer than the first is clear, beyond the second all fog.
const MAP_CLEAR = 0.006;
const MAP_FOG = 0.05;

const indexes = new WeakMap<App, Map<string, Promise<MapIndex>>>();

/** The ways that there are on the map that is shown, the best first. */
export function waysOf(app: App): Way[] {
  return waysFor(app.manifest, app.state.map.value, app.state.apart.value);
}

/** The ways that a map of a space offers, the best first; points in panels, the map's own or those
 * that they are flown apart into, lie on no plane and on no sheet. */
export function waysFor(manifest: Manifest, map: string, apart: boolean): Way[] {
  const ways: Way[] = [];
  const panels = manifest.maps.find((each) => each.name === map)?.panels ?? false;
  if (!apart && !panels && manifest.pca && map === "pca") {
    ways.push(manifest.latentDim <= 2 ? "exact" : "plane");
  }
  ways.push("nearest");
  if (!apart && !panels && manifest.sheets[map]) ways.push("sheet");
  return ways;
}

/** The chosen way where the map offers it, else the map's best. */
export function wayNow(app: App): Way {
  const ways = waysOf(app);
  return ways.includes(app.state.way.value) ? app.state.way.value : ways[0];
}

/** z = mean + x components[0] + y components[1]: the points of the plane xy [n, 2] as latents
 * float32 [n D]. */
export function onPlane(pca: NonNullable<Manifest["pca"]>, xy: ArrayLike<number>): Float32Array {
  const D = pca.mean.length;
  const [first, second] = pca.components;
  const z = new Float32Array((xy.length / 2) * D);
  for (let at = 0; at < z.length; at++) {
    const i = Math.floor(at / D);
    const d = at % D;
    z[at] = pca.mean[d] + xy[2 * i] * first[d] + xy[2 * i + 1] * second[d];
  }
  return z;
}

/** Weights of the first k of k + 1 rows at these ascending distances; they sum to 1.
 *
 * w_i ∝ ((R - d_i) / (R d_i))², with R the distance of row k + 1: the latent of a row at the
 * row's own place, and continuous where one row takes another's place among the k (Franke and
 * Nielson, "Smooth interpolation of large sets of scattered data", 1980).
 */
export function weightsOf(distances: ArrayLike<number>, k: number): Float64Array {
  const n = Math.min(k, distances.length);
  const weights = new Float64Array(n);
  const last = distances.length > k ? distances[k] : distances[n - 1] * 2;
  let sum = 0;
  for (let i = 0; i < n; i++) {
    const d = distances[i];
    if (d <= last * 1e-9) {
      weights.fill(0);
      weights[i] = 1;
      return weights;
    }
    weights[i] = ((last - d) / (last * d)) ** 2;
    sum += weights[i];
  }
  if (!(sum > 0)) return weights.fill(1 / n);
  for (let i = 0; i < n; i++) weights[i] /= sum;
  return weights;
}

/** How far a place of the map lies from every point, 0 at a point .. 1 nothing near.
 *
 * A smooth step of the distance to the nearest point, as a share of the longer side of the map.
 */
export function mapFog(distance: number, side: number): number {
  const t = (distance / side - MAP_CLEAR) / (MAP_FOG - MAP_CLEAR);
  const s = Math.min(1, Math.max(0, t));
  return s * s * (3 - 2 * s);
}

/** The places of the map that is shown, for looking up what lies near. */
export function indexOf(app: App): Promise<MapIndex> {
  let known = indexes.get(app);
  if (!known) indexes.set(app, (known = new Map()));
  const apart = app.state.apart.value;
  const key = apart ? `apart ${mark(app.map.places)}` : app.state.map.value;
  let index = known.get(key);
  if (!index) {
    if (known.size > 4) known.clear();
    const places = apart ? Promise.resolve(app.map.places.slice()) : app.columns.map(key);
    index = places.then((xy) => new MapIndex(xy));
    index.catch(() => known.delete(key));
    known.set(key, index);
  }
  return index;
}

// Tells one layout of the same rows from another.
function mark(places: Float32Array): string {
  const step = Math.max(1, Math.floor(places.length / 64));
  let sum = 0;
  for (let i = 0; i < places.length; i += step) sum = (sum * 31 + (places[i] || 0)) % 1e9;
  return sum.toFixed(6);
}

/** The latent vector of a place of the map that is shown: float32 [D], or null where the way has
 * been overtaken by a newer call of the same lane.
 *
 * @param x, y in the unit of the map.
 * @param way one of `waysOf(app)`.
 * @throws PageError where latents or the sheet cannot be had.
 */
export function latentAt(
  app: App,
  x: number,
  y: number,
  way: Way,
  lane?: string,
): Promise<Float32Array | null> {
  return latentsAt(app, Float32Array.of(x, y), way, lane);
}

/** The latents of places xy float32 [2 n] of the map: float32 [n D], or null where overtaken. */
export async function latentsAt(
  app: App,
  xy: Float32Array,
  way: Way,
  lane?: string,
): Promise<Float32Array | null> {
  if ((way === "plane" || way === "exact") && app.manifest.pca) return onPlane(app.manifest.pca, xy);
  if (way === "sheet" && app.decoder) return app.decoder.sheet(app.state.map.value, xy, lane);
  return mixNearest(app, xy);
}

async function mixNearest(app: App, xy: Float32Array): Promise<Float32Array> {
  const index = await indexOf(app);
  const D = app.manifest.latentDim;
  const n = xy.length / 2;
  const mixes: { rows: number[]; weights: Float64Array }[] = [];
  for (let i = 0; i < n; i++) mixes.push(mixOf(app, index, xy[2 * i], xy[2 * i + 1]));
  const latents = await app.latentsOf(mixes.flatMap((mix) => mix.rows));
  const z = new Float32Array(n * D);
  let at = 0;
  for (let i = 0; i < n; i++) {
    for (const weight of mixes[i].weights) {
      for (let d = 0; d < D; d++) z[i * D + d] += weight * latents[at * D + d];
      at++;
    }
  }
  return z;
}

function mixOf(app: App, index: MapIndex, x: number, y: number): { rows: number[]; weights: Float64Array } {
  const near = sameModel(app, index, x, y);
  const weights = weightsOf(near.distances, NEAREST);
  return { rows: near.rows.slice(0, weights.length), weights };
}

// Latents of different models, or told different labels, have no mean that means anything.
function sameModel(app: App, index: MapIndex, x: number, y: number): Nearby {
  if (app.manifest.scope === "global") return index.nearest(x, y, NEAREST + 1);
  const near = index.nearest(x, y, 6 * NEAREST);
  const told = near.rows.length ? app.toldOf(near.rows[0]) : -1;
  const kept = near.rows.map((row) => app.toldOf(row) === told);
  return {
    rows: near.rows.filter((_, i) => kept[i]).slice(0, NEAREST + 1),
    distances: near.distances.filter((_, i) => kept[i]).slice(0, NEAREST + 1),
  };
}

/** The labels that the decoder is told at places xy float32 [2 n]: those of the nearest rows in
 * the scopes per-class and conditional, else null. */
export async function labelsAt(app: App, xy: Float32Array): Promise<Int16Array | null> {
  if (app.manifest.scope === "global") return null;
  const index = await indexOf(app);
  const labels = new Int16Array(xy.length / 2).fill(-1);
  for (let i = 0; i < labels.length; i++) {
    const [row] = index.nearest(xy[2 * i], xy[2 * i + 1], 1).rows;
    if (row !== undefined) labels[i] = app.toldOf(row);
  }
  return labels;
}

/** How far places xy float32 [2 n] with their latents [n D] are from anything real: 0..1 each.
 *
 * The fog of the latents; on a way that always ends at data ("nearest", "sheet") also that of the
 * place itself, whichever is thicker: a mean of real rows looks real wherever it is asked for. In
 * the scope per-class only rows of the label of the place (see `labelsAt`) count as real.
 */
export async function fogAt(app: App, xy: Float32Array, z: Float32Array, way: Way): Promise<Float32Array> {
  const labels = (await labelsAt(app, xy)) ?? new Int16Array(xy.length / 2).fill(-1);
  const fog = await fogWithin(app, z, labels);
  if (way === "exact" || way === "plane") return fog;
  const index = await indexOf(app);
  for (let i = 0; i < fog.length; i++) {
    const [distance] = index.nearest(xy[2 * i], xy[2 * i + 1], 1).distances;
    fog[i] = Math.max(fog[i], mapFog(distance ?? index.side, index.side));
  }
  return fog;
}
