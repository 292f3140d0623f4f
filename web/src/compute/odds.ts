/** Class odds at latents, by what latlas has fitted. */

import type { KnnInfo, LinearInfo, Near } from "../contracts.ts";

/** softmax(z · weights + bias) of latents [n D] by the linear classifier: float32 [n K].
 * K counts all classes of the space; those that the classifier does not know have 0. */
export function linearOdds(info: LinearInfo, z: Float32Array, dim: number, classes: number): Float32Array {
  const known = info.classes.length;
  const n = z.length / dim;
  const odds = new Float32Array(n * classes);
  const scores = new Float64Array(known);
  for (let row = 0; row < n; row++) {
    scores.set(info.bias);
    for (let d = 0; d < dim; d++) {
      const value = z[row * dim + d];
      for (let c = 0; c < known; c++) scores[c] += value * info.weights[d * known + c];
    }
    softmaxInto(scores, 1, info.classes, odds, row * classes);
  }
  return odds;
}

/** The share π [K'] of each class of the kNN classifier among its rows.
 *
 * `labels` int16 [N]; `rows` uint8 [N]: 1 where the classifier has learnt from a row.
 */
export function classShares(info: KnnInfo, labels: Int16Array, rows: Uint8Array): Float64Array {
  const shares = new Float64Array(info.classes.length);
  const place = placesOf(info.classes);
  let total = 0;
  for (let row = 0; row < labels.length; row++) {
    const c = rows[row] ? place.get(labels[row]) : undefined;
    if (c === undefined) continue;
    shares[c]++;
    total++;
  }
  return shares.map((count) => count / Math.max(total, 1));
}

/** Odds by the nearest rows of one latent, put into `odds` at `offset`, one for each class.
 *
 * Votes weigh exp(-4 d² / d_k²), d_k the distance of the k-th (after Dudani, "The
 * Distance-Weighted k-Nearest-Neighbor Rule", 1976); s_c = log(k v_c + π_c); odds =
 * softmax(s / T), as in `latlas.classifiers.KNNClassifier`.
 */
export function knnOddsInto(
  info: KnnInfo,
  near: Near,
  labels: Int16Array,
  shares: Float64Array,
  odds: Float32Array,
  offset: number,
): void {
  const k = near.rows.length;
  const place = placesOf(info.classes);
  // Where all are at distance 0 each has the vote 1.
  const widest = Math.max(near.distances[k - 1] ** 2, Number.MIN_VALUE);
  const votes = new Float64Array(info.classes.length);
  let total = 0;
  for (let i = 0; i < k; i++) {
    const weight = Math.exp((-4 * near.distances[i] ** 2) / widest);
    votes[place.get(labels[near.rows[i]])!] += weight;
    total += weight;
  }
  const scores = votes.map((vote, c) => Math.log((k * vote) / total + shares[c]));
  softmaxInto(scores, info.temperature, info.classes, odds, offset);
}

function placesOf(classes: number[]): Map<number, number> {
  return new Map(classes.map((label, place) => [label, place]));
}

/** softmax(scores / temperature), each at the place of its class. */
function softmaxInto(
  scores: Float64Array,
  temperature: number,
  classes: number[],
  odds: Float32Array,
  offset: number,
): void {
  let top = -Infinity;
  for (const score of scores) if (score > top) top = score;
  let total = 0;
  for (const score of scores) total += Math.exp((score - top) / temperature);
  for (let c = 0; c < classes.length; c++) {
    odds[offset + classes[c]] = Math.exp((scores[c] - top) / temperature) / total;
  }
}
