/** The nearest rows in Euclidean distance, exactly. */

import type { Near } from "../contracts.ts";

/** Dimensions that are summed before a row is compared with the worst of the best. */
const STRIDE = 4;

/** The best rows found so far, the nearest first; equal distances in the order of the rows. */
export class Best {
  readonly rows: Uint32Array;
  readonly squares: Float64Array;
  count = 0;
  /** What a row must not exceed to count. */
  worst = Infinity;

  constructor(readonly k: number) {
    this.rows = new Uint32Array(k);
    this.squares = new Float64Array(k).fill(Infinity);
  }

  /** Takes a row in if it is among the best. */
  offer(row: number, square: number): void {
    if (square > this.worst) return;
    let low = 0;
    let high = this.count;
    while (low < high) {
      const middle = (low + high) >> 1;
      const there = this.squares[middle];
      if (there < square || (there === square && this.rows[middle] < row)) low = middle + 1;
      else high = middle;
    }
    if (low === this.k) return;
    this.rows.copyWithin(low + 1, low, this.k - 1);
    this.squares.copyWithin(low + 1, low, this.k - 1);
    this.rows[low] = row;
    this.squares[low] = square;
    if (this.count < this.k) this.count++;
    if (this.count === this.k) this.worst = this.squares[this.k - 1];
  }

  /** What was found, with distances instead of their squares. */
  found(): Near {
    return {
      rows: this.rows.slice(0, this.count),
      distances: Float32Array.from(this.squares.subarray(0, this.count), Math.sqrt),
    };
  }
}

/** The k nearest of rows float32 [N D] to a query [D], fewer where there are fewer.
 *
 * `allowed` uint8 [N]: only rows with 1 count. Looks at every row, but leaves one as soon as its
 * first dimensions are farther away than the worst of the best.
 */
export function nearestRows(
  points: Float32Array,
  dim: number,
  query: ArrayLike<number>,
  k: number,
  allowed: Uint8Array | null = null,
): Near {
  const n = points.length / dim;
  const best = new Best(Math.max(0, Math.min(k, n)));
  if (best.k === 0) return best.found();
  const whole = dim - (dim % STRIDE);
  for (let row = 0, at = 0; row < n; row++, at += dim) {
    if (allowed !== null && allowed[row] === 0) continue;
    let square = 0;
    let d = 0;
    for (; d < whole && square <= best.worst; d += STRIDE) {
      const a = points[at + d] - query[d];
      const b = points[at + d + 1] - query[d + 1];
      const c = points[at + d + 2] - query[d + 2];
      const e = points[at + d + 3] - query[d + 3];
      square += a * a + b * b + c * c + e * e;
    }
    if (square > best.worst) continue;
    for (; d < dim; d++) square += (points[at + d] - query[d]) ** 2;
    best.offer(row, square);
  }
  return best.found();
}
