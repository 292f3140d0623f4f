/** One Gaussian fitted on a few latents, well defined however few or constant they are. */

import { cholesky, meanOf, scatterOf } from "./matrix.ts";
import type { Density } from "./mixture.ts";

/** Least standard deviation of a direction, as a share of the usual one. */
const FLOOR = 1e-3;
/** A spread below this share of the values is the rounding of float32. */
const UNRESOLVED = 1e-7;

/** The Gaussian of rows float32 [n D], n ≥ 1, as `latlas.priors.mixture.shrunk_gaussian` fits it.
 *
 * Its covariance is shrunk towards a multiple of the identity by as much as lowers the expected
 * squared error most (Chen, Wiesel, Eldar & Hero, "Shrinkage Algorithms for MMSE Covariance
 * Estimation", IEEE Transactions on Signal Processing 2010, equation 23), times 1 + 1/n, because
 * other rows deviate from the mean of these and not from the true one.
 *
 * `borrowed` [D D] is a covariance to lean on where rows are few: with the unbiased covariance S,
 * theirs is then ((n - 1) S + D B) / (n - 1 + D) (after Friedman, "Regularized Discriminant
 * Analysis", 1989).
 */
export function fitGaussian(rows: Float32Array, dim: number, borrowed?: Float64Array): Density {
  const n = rows.length / dim;
  const mean = meanOf(rows, dim);
  const scatter = resolved(scatterOf(rows, dim, mean), rows, dim, mean);
  const covariance = borrowed ? leaning(scatter, n, dim, borrowed) : shrunk(scatter, n, dim);
  const root = cholesky(
    covariance.map((value) => value * (1 + 1 / n)),
    dim,
  );
  return { weights: Float64Array.of(1), means: mean, roots: root };
}

/** The scatter without directions that only rounding spreads. */
function resolved(scatter: Float64Array, rows: Float32Array, dim: number, mean: Float64Array): Float64Array {
  const widest = new Float64Array(dim);
  for (let i = 0; i < rows.length; i++) {
    widest[i % dim] = Math.max(widest[i % dim], Math.abs(rows[i] - mean[i % dim]));
  }
  const constant = widest.map((width, d) => Number(width <= UNRESOLVED * Math.abs(mean[d])));
  return scatter.map((value, i) => (constant[Math.floor(i / dim)] || constant[i % dim] ? 0 : value));
}

/** The covariance [D D] of n rows with the scatter S / n, shrunk and never singular. */
export function shrunk(scatter: Float64Array, n: number, dim: number): Float64Array {
  const trace = traceOf(scatter, dim);
  if (trace === 0) return identity(dim, 1);
  const mean = trace / dim;
  const squares = scatter.reduce((sum, value) => sum + value * value, 0) / (dim * dim);
  const gap = (n + 1) * (squares - (mean * mean) / dim);
  const most = gap === 0 ? 1 : Math.min(1, (squares + mean * mean) / gap);
  const share = dim === 1 ? 0 : most;
  const towards = identity(dim, share * mean + FLOOR ** 2 * mean);
  return scatter.map((value, i) => (1 - share) * value + towards[i]);
}

function leaning(scatter: Float64Array, n: number, dim: number, borrowed: Float64Array): Float64Array {
  return scatter.map((value, i) => (n * value + dim * borrowed[i]) / (n - 1 + dim));
}

function traceOf(a: Float64Array, dim: number): number {
  let trace = 0;
  for (let i = 0; i < dim; i++) trace += a[i * dim + i];
  return trace;
}

function identity(dim: number, scale: number): Float64Array {
  const matrix = new Float64Array(dim * dim);
  for (let i = 0; i < dim; i++) matrix[i * dim + i] = scale;
  return matrix;
}
