/** Where new latents land on a map that is already drawn. */

import type { Near } from "../contracts.ts";

/** Neighbours that a new latent is placed among. */
export const PLACING_NEIGHBOURS = 10;
const STEPS = 10;

/** xy = ((z - mean) · c₀, (z - mean) · c₁) of latents [n D]: float32 [2 n], exactly. */
export function placeOnPlane(
  plane: { mean: number[]; components: [number[], number[]] },
  z: Float32Array,
): Float32Array {
  const dim = plane.mean.length;
  const n = z.length / dim;
  const xy = new Float32Array(2 * n);
  for (let row = 0; row < n; row++) {
    for (let axis = 0; axis < 2; axis++) {
      let sum = 0;
      for (let d = 0; d < dim; d++) sum += (z[row * dim + d] - plane.mean[d]) * plane.components[axis][d];
      xy[2 * row + axis] = sum;
    }
  }
  return xy;
}

/** The place [x, y] of a latent by its nearest rows and their places float32 [2 N].
 *
 * It goes where their pull Σ wⱼ log(1 + |y - yⱼ|²) is least, wⱼ = 1 / dⱼ²: the attraction of t-SNE
 * (van der Maaten & Hinton, JMLR 2008) with the weights of Shepard's interpolation (1968), as in
 * `latlas.projections.placement`. So it lies inside one group of its neighbours, never in the gap
 * between two; at distance 0 it is the place of that row. NaN without neighbours.
 */
export function placeAmong(near: Near, places: Float32Array): [number, number] {
  const k = near.rows.length;
  if (k === 0) return [NaN, NaN];
  const x = Float64Array.from(near.rows, (row) => places[2 * row]);
  const y = Float64Array.from(near.rows, (row) => places[2 * row + 1]);
  if (near.distances[0] === 0) return [x[0], y[0]];
  const weights = Float64Array.from(near.distances, (d) => 1 / d ** 2);
  let at = leastPulled(weights, x, y);
  let [atX, atY] = [x[at], y[at]];
  for (at = 0; at < STEPS; at++) {
    let [sumX, sumY, sum] = [0, 0, 0];
    for (let j = 0; j < k; j++) {
      const share = weights[j] / (1 + (x[j] - atX) ** 2 + (y[j] - atY) ** 2);
      sumX += share * x[j];
      sumY += share * y[j];
      sum += share;
    }
    [atX, atY] = [sumX / sum, sumY / sum];
  }
  return [atX, atY];
}

/** The neighbour at whose own place the pull of all is least. */
function leastPulled(weights: Float64Array, x: Float64Array, y: Float64Array): number {
  let best = 0;
  let least = Infinity;
  for (let i = 0; i < x.length; i++) {
    let pull = 0;
    for (let j = 0; j < x.length; j++) {
      pull += weights[j] * Math.log1p((x[i] - x[j]) ** 2 + (y[i] - y[j]) ** 2);
    }
    if (pull < least) [best, least] = [i, pull];
  }
  return best;
}
