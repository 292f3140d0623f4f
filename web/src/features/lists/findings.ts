/** Copies and strangers, found in the page from the neighbours of every row. */

/** Rows that are ranked, the most striking first. */
export interface Finding {
  row: number;
  /** The other row of a pair, -1 where there is none. */
  partner: number;
  score: number;
  /** What the sentence of the list says of it. */
  facts: Record<string, string | number>;
}

/** The k nearest other rows of each row: uint32 and float32 [N k], row by row, nearest first. */
export interface Neighbourhood {
  k: number;
  rows: Uint32Array;
  distances: Float32Array;
}

const CERTAIN = 1e-6;
const TINY = 1.2e-38;

/** Pairs that are closer than chance allows, the closest first.
 *
 * With r the distance of a pair, r_k the smaller of the distances of both ends to their k-th
 * neighbour and d the dimension that the data fill, about N (k - 1) (r / r_k)^d such pairs would
 * lie as close by chance; the score is -log10 of that, pairs from 0 on are kept. 1 / d is the
 * median over rows of the mean of ln(r_k / r_j), j < k (Levina & Bickel, "Maximum likelihood
 * estimation of intrinsic dimension", NeurIPS 2004, eq. 8). The same as `latlas find duplicates`,
 * but that many equal rows count here as many points.
 */
export function copies(near: Neighbourhood): Finding[] {
  const { k } = near;
  if (k < 2) return [];
  const n = near.rows.length / k;
  const reach = (row: number) => near.distances[row * k + k - 1];
  const dimension = dimensionOf(near);
  const chance = Math.log10(n * (k - 1));
  const seen = new Set<number>();
  const found: Finding[] = [];
  for (let row = 0; row < n; row++) {
    for (let j = 0; j < k; j++) {
      const partner = near.rows[row * k + j];
      const distance = near.distances[row * k + j];
      const edge = Math.min(reach(row), reach(partner));
      const ratio = distance === 0 ? 0 : distance / edge;
      const score = -chance - dimension * Math.log10(Math.max(ratio, CERTAIN));
      const key = Math.min(row, partner) * n + Math.max(row, partner);
      if ((score < 0 && ratio > 0) || seen.has(key)) continue;
      seen.add(key);
      found.push({
        row: Math.min(row, partner),
        partner: Math.max(row, partner),
        score,
        facts: { distance: distance.toPrecision(3) },
      });
    }
  }
  return found.sort((a, b) => b.score - a.score || a.row - b.row || a.partner - b.partner);
}

function dimensionOf(near: Neighbourhood): number {
  const { k, distances } = near;
  const rates = new Float64Array(distances.length / k);
  for (let row = 0; row < rates.length; row++) {
    const far = Math.log(Math.max(distances[row * k + k - 1], TINY));
    let sum = 0;
    for (let j = 0; j < k - 1; j++) sum += far - Math.log(Math.max(distances[row * k + j], TINY));
    rates[row] = sum / (k - 1);
  }
  const rate = quantile(rates, 0.5);
  return rate > 0 ? Math.max(1, 1 / rate) : 1;
}

/** Every row by how strange it is: the larger of two kinds of evidence, the reconstruction error
 * and the distance to the k-th neighbour, each in logarithms on a scale where 0 is the median
 * and 1 the upper decile, as `latlas find outliers` takes them.
 *
 * @param errors float32 [N]; null or NaN is no evidence.
 * @param groups int [N]: only rows of the same number are compared, for instance the classes of
 * a space that has one model for each.
 */
export function strangers(near: Neighbourhood, errors: Float32Array | null, groups: ArrayLike<number>): Finding[] {
  const { k } = near;
  const n = near.rows.length / k;
  const reach = Float64Array.from({ length: n }, (_, row) => near.distances[row * k + k - 1]);
  const scores = new Float64Array(n);
  const alone = new Uint8Array(n);
  for (const group of new Set(Array.from({ length: n }, (_, row) => groups[row]))) {
    const rows = Array.from({ length: n }, (_, row) => row).filter((row) => groups[row] === group);
    const far = onScale(rows.map((row) => reach[row]));
    const wrong = errors && onScale(rows.map((row) => errors[row]));
    rows.forEach((row, i) => {
      scores[row] = Math.max(far[i], wrong ? wrong[i] : -Infinity);
      alone[row] = Number(!wrong || far[i] >= wrong[i]);
    });
  }
  return Array.from(scores, (score, row): Finding => ({
    row,
    partner: -1,
    score,
    facts: { score: score.toFixed(1), why: alone[row] ? "alone" : "drawn" },
  })).sort((a, b) => b.score - a.score || a.row - b.row);
}

/** Logarithms with 0 at their median and 1 at their upper decile; NaN becomes 0. */
function onScale(values: number[]): Float64Array {
  const positive = values.filter((value) => value > 0);
  const least = positive.length ? positive.reduce((a, b) => Math.min(a, b)) : 1;
  const logs = Float64Array.from(values, (value) => Math.log(Math.max(value, least)));
  const known = logs.filter((value) => Number.isFinite(value));
  if (!known.length) return new Float64Array(values.length);
  const middle = quantile(known, 0.5);
  const spread = quantile(known, 0.9) - middle || 1;
  return logs.map((value) => (Number.isFinite(value) ? (value - middle) / spread : 0));
}

/** The quantile of values, between two of them on the straight line. */
export function quantile(values: Float64Array, share: number): number {
  const sorted = values.slice().sort();
  const place = (sorted.length - 1) * share;
  const low = Math.floor(place);
  const high = Math.min(low + 1, sorted.length - 1);
  return sorted[low] + (sorted[high] - sorted[low]) * (place - low);
}

/** Rows by a number, missing ones left out. */
export function ranked(values: Float32Array, descending: boolean, most: number): Uint32Array {
  const rows = Array.from(values, (_, row) => row).filter((row) => !Number.isNaN(values[row]));
  rows.sort((a, b) => (descending ? values[b] - values[a] : values[a] - values[b]) || a - b);
  return Uint32Array.from(rows.slice(0, most));
}
