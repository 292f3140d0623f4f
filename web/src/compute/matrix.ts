/** Small dense matrices, row by row in float64. */

const SWEEPS = 60;

/** L of A = L Lᵀ, lower triangular [n n]; A symmetric [n n].
 * @throws RangeError where A is not positive definite. */
export function cholesky(a: ArrayLike<number>, n: number): Float64Array {
  const root = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let rest = a[i * n + j];
      for (let k = 0; k < j; k++) rest -= root[i * n + k] * root[j * n + k];
      if (i !== j) root[i * n + j] = rest / root[j * n + j];
      else if (rest > 0) root[i * n + i] = Math.sqrt(rest);
      else throw new RangeError("the matrix is not positive definite");
    }
  }
  return root;
}

/** X of L Lᵀ X = B in place, for B [n m] and L lower triangular [n n]. */
export function solveCholesky(root: Float64Array, b: Float64Array, n: number, m: number): void {
  for (let column = 0; column < m; column++) {
    for (let i = 0; i < n; i++) {
      let rest = b[i * m + column];
      for (let k = 0; k < i; k++) rest -= root[i * n + k] * b[k * m + column];
      b[i * m + column] = rest / root[i * n + i];
    }
    for (let i = n - 1; i >= 0; i--) {
      let rest = b[i * m + column];
      for (let k = i + 1; k < n; k++) rest -= root[k * n + i] * b[k * m + column];
      b[i * m + column] = rest / root[i * n + i];
    }
  }
}

/** Eigenvalues [n], the greatest first, and their vectors, a row each [n n].
 *
 * Jacobi's rotations (1846), sweep after sweep until nothing is left beside the diagonal. The
 * largest entry of each vector is positive.
 */
export function eigen(a: ArrayLike<number>, n: number): { values: Float64Array; vectors: Float64Array } {
  const left = Float64Array.from({ length: n * n }, (_, i) => a[i]);
  const turned = new Float64Array(n * n);
  for (let i = 0; i < n; i++) turned[i * n + i] = 1;
  for (let sweep = 0; sweep < SWEEPS && offDiagonal(left, n) > 1e-26; sweep++) {
    for (let p = 0; p < n; p++) for (let q = p + 1; q < n; q++) rotate(left, turned, n, p, q);
  }
  const order = Array.from({ length: n }, (_, i) => i).sort((i, j) => left[j * n + j] - left[i * n + i]);
  const values = Float64Array.from(order, (i) => left[i * n + i]);
  const vectors = new Float64Array(n * n);
  order.forEach((i, row) => vectors.set(upright(turned.subarray(i * n, i * n + n)), row * n));
  return { values, vectors };
}

/** The share of the squares that lies beside the diagonal. */
function offDiagonal(a: Float64Array, n: number): number {
  let beside = 0;
  let all = 0;
  for (let i = 0; i < n * n; i++) {
    const square = a[i] * a[i];
    all += square;
    if (Math.floor(i / n) !== i % n) beside += square;
  }
  return all > 0 ? beside / all : 0;
}

/** One rotation that makes the entry (p, q) zero; `turned` holds the vectors as rows. */
function rotate(a: Float64Array, turned: Float64Array, n: number, p: number, q: number): void {
  const entry = a[p * n + q];
  if (entry === 0) return;
  const slope = (a[q * n + q] - a[p * n + p]) / (2 * entry);
  const t = (slope >= 0 ? 1 : -1) / (Math.abs(slope) + Math.sqrt(slope * slope + 1));
  const c = 1 / Math.sqrt(t * t + 1);
  const s = t * c;
  for (let k = 0; k < n; k++) {
    const [x, y] = [a[k * n + p], a[k * n + q]];
    a[k * n + p] = c * x - s * y;
    a[k * n + q] = s * x + c * y;
  }
  for (let k = 0; k < n; k++) {
    const [x, y] = [a[p * n + k], a[q * n + k]];
    a[p * n + k] = c * x - s * y;
    a[q * n + k] = s * x + c * y;
    const [u, v] = [turned[p * n + k], turned[q * n + k]];
    turned[p * n + k] = c * u - s * v;
    turned[q * n + k] = s * u + c * v;
  }
}

/** The vector or its opposite: the one whose largest entry is positive. */
function upright(vector: Float64Array): Float64Array {
  let largest = 0;
  for (const value of vector) if (Math.abs(value) > Math.abs(largest)) largest = value;
  return largest < 0 ? vector.map((value) => -value) : vector;
}

/** The mean [D] of rows [n D]. */
export function meanOf(rows: ArrayLike<number>, dim: number): Float64Array {
  const mean = new Float64Array(dim);
  const n = rows.length / dim;
  for (let i = 0; i < rows.length; i++) mean[i % dim] += rows[i];
  return mean.map((sum) => sum / n);
}

/** Σ (x - mean)(x - mean)ᵀ / n over rows [n D]: [D D]. */
export function scatterOf(rows: ArrayLike<number>, dim: number, mean: ArrayLike<number>): Float64Array {
  const scatter = new Float64Array(dim * dim);
  const n = rows.length / dim;
  const away = new Float64Array(dim);
  for (let row = 0; row < n; row++) {
    for (let d = 0; d < dim; d++) away[d] = rows[row * dim + d] - mean[d];
    for (let i = 0; i < dim; i++) for (let j = 0; j <= i; j++) scatter[i * dim + j] += away[i] * away[j];
  }
  for (let i = 0; i < dim; i++) {
    for (let j = 0; j <= i; j++) scatter[j * dim + i] = scatter[i * dim + j] /= n;
  }
  return scatter;
}
