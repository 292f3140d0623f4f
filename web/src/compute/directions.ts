/** The local directions that a map flattens: where else one can go from a place. */

import { cholesky, eigen, meanOf, scatterOf, solveCholesky } from "./matrix.ts";

/** A share of the mean variance that keeps the least squares defined. */
const RIDGE = 1e-6;
/** A direction with less than this share of the greatest spread is not there. */
const FLAT = 1e-6;

/** Directions and the spread of the data along each. */
export interface Directions {
  /** Orthonormal rows, float32 [m D]; fewer than asked for where the data has no more. */
  axes: Float32Array;
  /** Standard deviation along each, in the unit of the latents, float32 [m], descending. */
  spread: Float32Array;
}

/** The principal directions of rows float32 [n D] that the map does not show.
 *
 * What the map shows is the row space of its Jacobian J [2 D]: xy ≈ z Jᵀ by least squares over the
 * rows and their places float32 [2 n] (NaN: left out). The rest of the rows' deviations is then
 * cut into its principal components.
 */
export function flattened(rows: Float32Array, places: Float32Array, dim: number, m: number): Directions {
  return hidden(rows, shownBy(rows, places, dim), dim, m);
}

/** The same where what the map shows is known: `shown`, vectors [D] of any length. */
export function hidden(rows: Float32Array, shown: ArrayLike<number>[], dim: number, m: number): Directions {
  const frame = orthonormal(shown, dim);
  const scatter = scatterOf(rows, dim, meanOf(rows, dim));
  const { values, vectors } = eigen(without(scatter, frame, dim), dim);
  const most = Math.min(m, dim - frame.length);
  let count = 0;
  while (count < most && values[count] > FLAT ** 2 * values[0] && values[count] > 0) count++;
  return {
    axes: Float32Array.from(vectors.subarray(0, count * dim)),
    spread: Float32Array.from(values.subarray(0, count), Math.sqrt),
  };
}

/** The two rows of the Jacobian of a map around rows; none where no row has a place. */
export function shownBy(rows: Float32Array, places: Float32Array, dim: number): Float64Array[] {
  const kept: number[] = [];
  for (let row = 0; 2 * row < places.length; row++) if (!Number.isNaN(places[2 * row])) kept.push(row);
  if (kept.length < 3) return [];
  const z = new Float32Array(kept.length * dim);
  const xy = new Float32Array(kept.length * 2);
  kept.forEach((row, i) => {
    z.set(rows.subarray(row * dim, row * dim + dim), i * dim);
    xy.set(places.subarray(2 * row, 2 * row + 2), 2 * i);
  });
  const slopes = slopesOf(z, xy, dim);
  return [0, 1].map((axis) => Float64Array.from({ length: dim }, (_, d) => slopes[2 * d + axis]));
}

/** W [D 2] of xy ≈ z W after both are centred. */
function slopesOf(z: Float32Array, xy: Float32Array, dim: number): Float64Array {
  const n = xy.length / 2;
  const [zMean, xyMean] = [meanOf(z, dim), meanOf(xy, 2)];
  const scatter = scatterOf(z, dim, zMean);
  let trace = 0;
  for (let d = 0; d < dim; d++) trace += scatter[d * dim + d];
  for (let d = 0; d < dim; d++) scatter[d * dim + d] += (RIDGE * trace) / dim + Number.MIN_VALUE;
  const joint = new Float64Array(dim * 2);
  for (let row = 0; row < n; row++) {
    for (let d = 0; d < dim; d++) {
      const away = (z[row * dim + d] - zMean[d]) / n;
      joint[2 * d] += away * (xy[2 * row] - xyMean[0]);
      joint[2 * d + 1] += away * (xy[2 * row + 1] - xyMean[1]);
    }
  }
  if (trace === 0) return joint;
  solveCholesky(cholesky(scatter, dim), joint, dim, 2);
  return joint;
}

/** Gram and Schmidt; what depends on the others is left out. */
function orthonormal(vectors: ArrayLike<number>[], dim: number): Float64Array[] {
  const frame: Float64Array[] = [];
  for (const vector of vectors) {
    const rest = Float64Array.from({ length: dim }, (_, d) => vector[d]);
    const length = Math.hypot(...rest);
    // Twice, as rounding leaves some of the others in after the first time.
    for (const other of [...frame, ...frame]) {
      const along = rest.reduce((sum, value, d) => sum + value * other[d], 0);
      for (let d = 0; d < dim; d++) rest[d] -= along * other[d];
    }
    const left = Math.hypot(...rest);
    if (left > 1e-9 * length && left > 0) frame.push(rest.map((value) => value / left));
  }
  return frame;
}

/** P A P, P the projection onto what is orthogonal to the frame. */
function without(a: Float64Array, frame: Float64Array[], dim: number): Float64Array {
  const out = Float64Array.from(a);
  for (const axis of frame) {
    const image = new Float64Array(dim);
    for (let i = 0; i < dim; i++) for (let j = 0; j < dim; j++) image[i] += out[i * dim + j] * axis[j];
    const along = image.reduce((sum, value, d) => sum + value * axis[d], 0);
    for (let i = 0; i < dim; i++) {
      for (let j = 0; j < dim; j++) {
        out[i * dim + j] += along * axis[i] * axis[j] - image[i] * axis[j] - axis[i] * image[j];
      }
    }
  }
  return out;
}
