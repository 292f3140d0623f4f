/** Densities made of Gaussians, to draw latents from; as `latlas.priors` has them. */

import type { MixtureInfo } from "../contracts.ts";
import { random } from "./random.ts";

/** p(z) = Σₖ πₖ N(z; μₖ, LₖLₖᵀ), in float64. */
export interface Density {
  /** π [k], with the sum 1. */
  weights: Float64Array;
  /** μ [k D]. */
  means: Float64Array;
  /** L [k D D], lower triangular. */
  roots: Float64Array;
}

/** The densities of a mixture by label (-1: over everything), out of the bytes of its resource.
 * @throws RangeError where the bytes are not those that `info` tells of. */
export function readMixture(info: MixtureInfo, bytes: ArrayBuffer, dim: number): Map<number, Density> {
  const wanted = info.densities.reduce((sum, each) => sum + each.components * (1 + dim + dim * dim), 0);
  if (bytes.byteLength !== 4 * wanted) {
    throw new RangeError(
      `the prior ${info.name} has ${bytes.byteLength} bytes where ${4 * wanted} were expected; reload the page`,
    );
  }
  const values = new Float32Array(bytes);
  const densities = new Map<number, Density>();
  let at = 0;
  const take = (count: number) => Float64Array.from(values.subarray(at, (at += count)));
  for (const { label, components } of info.densities) {
    densities.set(label, {
      weights: take(components),
      means: take(components * dim),
      roots: take(components * dim * dim),
    });
  }
  return densities;
}

/** Draws n latents, float32 [n D].
 *
 * `temperature` multiplies the deviations from the mean of the component that a latent is drawn
 * from; weights stay. The first rows of a longer draw are those of a shorter one with the same
 * seed, and another temperature moves each along the line to its mean.
 */
export function drawFrom(density: Density, n: number, temperature: number, seed: number): Float32Array {
  const dim = density.means.length / density.weights.length;
  const which = random(seed, 0);
  const noise = random(seed, 1);
  const z = new Float32Array(n * dim);
  const white = new Float64Array(dim);
  for (let row = 0; row < n; row++) {
    const k = component(density.weights, which.uniform());
    for (let d = 0; d < dim; d++) white[d] = noise.normal();
    for (let i = 0; i < dim; i++) {
      let away = 0;
      for (let j = 0; j <= i; j++) away += density.roots[(k * dim + i) * dim + j] * white[j];
      z[row * dim + i] = density.means[k * dim + i] + temperature * away;
    }
  }
  return z;
}

/** Log p(z) of latents [n D], in nats: float64 [n]. */
export function logDensity(density: Density, z: ArrayLike<number>): Float64Array {
  const parts = density.weights.length;
  const dim = density.means.length / parts;
  const n = z.length / dim;
  const logs = new Float64Array(n);
  const own = new Float64Array(parts);
  for (let row = 0; row < n; row++) {
    for (let k = 0; k < parts; k++) own[k] = logOfComponent(density, k, z, row * dim, dim);
    const top = own.reduce((a, b) => Math.max(a, b));
    logs[row] = top + Math.log(own.reduce((sum, log) => sum + Math.exp(log - top), 0));
  }
  return logs;
}

function component(weights: Float64Array, u: number): number {
  let sum = 0;
  for (let k = 0; k < weights.length - 1; k++) {
    sum += weights[k];
    if (u < sum) return k;
  }
  return weights.length - 1;
}

function logOfComponent(density: Density, k: number, z: ArrayLike<number>, at: number, dim: number): number {
  const white = new Float64Array(dim);
  let log = Math.log(density.weights[k]) - (dim / 2) * Math.log(2 * Math.PI);
  for (let i = 0; i < dim; i++) {
    const row = (k * dim + i) * dim;
    let rest = z[at + i] - density.means[k * dim + i];
    for (let j = 0; j < i; j++) rest -= density.roots[row + j] * white[j];
    white[i] = rest / density.roots[row + i];
    log -= Math.log(density.roots[row + i]) + white[i] ** 2 / 2;
  }
  return log;
}
