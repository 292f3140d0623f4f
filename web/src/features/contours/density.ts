/** Smoothed density of points in the plane, and its lines. */

/** The density on a grid of square cells, [height, width], the line of the lowest y first. */
export interface Density {
  values: Float64Array;
  width: number;
  height: number;
  /** The middle of the first cell, and the side of a cell, in the unit of the points. */
  x: number;
  y: number;
  cell: number;
}

/** Fewer points have no density worth a line. */
export const FEWEST = 10;
// Finer cells than so many to a bandwidth show nothing more.
const FINE = 8;
// Beyond so many bandwidths a Gaussian is next to nothing.
const REACH = 3;
// So many points tell where a share of them lies.
const SAMPLED = 100_000;

/** The density of points xy float32 [2 n]; null of too few, and where all coincide.
 *
 * Counts on a grid of up to `cells` on its longer side, smoothed by a Gaussian along each axis with
 * Scott's bandwidth σ n^(-1/6) (Scott, "Multivariate Density Estimation", 1992), at least a cell.
 */
export function densityOf(xy: Float32Array, cells = 256): Density | null {
  const n = xy.length / 2;
  const axes = [spreadOf(xy, 0), spreadOf(xy, 1)];
  const side = Math.max(...axes.map(({ low, high }) => high - low));
  if (n < FEWEST || !(side > 0) || !Number.isFinite(side)) return null;
  const scott = axes.map(({ deviation }) => deviation * n ** (-1 / 6));
  const cell = Math.max(side / cells, Math.min(...scott) / FINE);
  const kernels = scott.map((each) => kernelOf(Math.max(each / cell, 1)));
  const pads = kernels.map((kernel) => (kernel.length + 1) / 2);
  const [width, height] = axes.map(({ low, high }, i) => Math.floor((high - low) / cell) + 1 + 2 * pads[i]);
  const [x, y] = axes.map(({ low, high }, i) => (low + high - ([width, height][i] - 1) * cell) / 2);
  const counts = new Float64Array(width * height);
  for (let i = 0; i < xy.length; i += 2) {
    counts[Math.floor((xy[i + 1] - y) / cell + 0.5) * width + Math.floor((xy[i] - x) / cell + 0.5)]++;
  }
  return { values: smoothed(counts, width, kernels), width, height, x, y, cell };
}

function spreadOf(xy: Float32Array, axis: 0 | 1) {
  const n = xy.length / 2;
  let [low, high, sum, squares] = [Infinity, -Infinity, 0, 0];
  for (let i = axis; i < xy.length; i += 2) {
    const value = xy[i];
    if (value < low) low = value;
    if (value > high) high = value;
    sum += value;
  }
  for (let i = axis; i < xy.length; i += 2) squares += (xy[i] - sum / n) ** 2;
  return { low, high, deviation: Math.sqrt(squares / Math.max(n - 1, 1)) };
}

function kernelOf(bandwidth: number): Float64Array {
  const reach = Math.ceil(REACH * bandwidth);
  const kernel = Float64Array.from({ length: 2 * reach + 1 }, (_, i) => Math.exp(-0.5 * ((i - reach) / bandwidth) ** 2));
  const sum = kernel.reduce((all, each) => all + each);
  return kernel.map((each) => each / sum);
}

/** Counts smoothed along both axes; the grid has room for the kernels around all that is counted. */
function smoothed(counts: Float64Array, width: number, [across, up]: Float64Array[]): Float64Array {
  const [right, top] = [(across.length - 1) / 2, (up.length - 1) / 2];
  const lines = new Float64Array(counts.length);
  for (let cell = 0; cell < counts.length; cell++) {
    if (counts[cell]) for (let k = 0; k < across.length; k++) lines[cell + k - right] += counts[cell] * across[k];
  }
  const out = new Float64Array(counts.length);
  for (let from = top * width; from < counts.length - top * width; from += width) {
    for (let k = 0; k < up.length; k++) {
      const to = from + (k - top) * width;
      for (let i = 0; i < width; i++) out[to + i] += up[k] * lines[from + i];
    }
  }
  return out;
}

/** The densities above which shares of the points, 0..1, lie: the bounds of the smallest regions that
 * hold them (Hyndman, "Computing and Graphing Highest Density Regions", 1996). */
export function levelsOf({ values, width, x, y, cell }: Density, xy: Float32Array, shares: readonly number[]): number[] {
  const step = 2 * Math.ceil(xy.length / 2 / SAMPLED);
  const at = new Float64Array(Math.ceil(xy.length / step));
  for (let i = 0, p = 0; i < at.length; i++, p += step) {
    const [u, v] = [(xy[p] - x) / cell, (xy[p + 1] - y) / cell];
    const from = Math.floor(v) * width + Math.floor(u);
    const [fu, fv] = [u - Math.floor(u), v - Math.floor(v)];
    const low = values[from] * (1 - fu) + values[from + 1] * fu;
    const high = values[from + width] * (1 - fu) + values[from + width + 1] * fu;
    at[i] = low * (1 - fv) + high * fv;
  }
  at.sort();
  return shares.map((share) => at[Math.floor((1 - share) * (at.length - 1))]);
}

/** The closed lines on which the density has a value: [u, v, u, v, ...] each, in cells from the
 * middle of the first; what is denser lies on the same side of all.
 *
 * Marching squares (Lorensen and Cline, "Marching Cubes", 1987, in two dimensions): each square
 * between four middles leads from the sides where a walk around it leaves the dense part to those
 * where it comes back. At a saddle the mean says whether the dense corners are joined.
 */
export function linesAt({ values, width, height }: Density, level: number): Float32Array[] {
  // A side is twice its cell, plus one where it goes up; -1: nothing leads on from it.
  const next = new Int32Array(2 * values.length).fill(-1);
  for (let j = 0; j + 1 < height; j++) {
    for (let i = 0; i + 1 < width; i++) {
      const a = j * width + i;
      const first = values[a] >= level;
      const alike = values[a + 1] >= level === first && values[a + width] >= level === first;
      if (alike && values[a + width + 1] >= level === first) continue;
      const corners = [values[a], values[a + 1], values[a + width + 1], values[a + width]];
      const dense = corners.map((value) => value >= level);
      const sides = [2 * a, 2 * (a + 1) + 1, 2 * (a + width), 2 * a + 1];
      const joined = corners[0] + corners[1] + corners[2] + corners[3] >= 4 * level;
      for (let leaves = 0; leaves < 4; leaves++) {
        if (!dense[leaves] || dense[(leaves + 1) % 4]) continue;
        let back = leaves;
        do back = (back + (joined ? 1 : 3)) % 4;
        while (dense[back] || !dense[(back + 1) % 4]);
        next[sides[leaves]] = sides[back];
      }
    }
  }
  const place = (side: number) => {
    const cell = side >> 1;
    const [i, j, up] = [cell % width, Math.floor(cell / width), side & 1];
    const t = (level - values[cell]) / (values[cell + (up ? width : 1)] - values[cell]);
    return up ? [i, j + t] : [i + t, j];
  };
  const lines: Float32Array[] = [];
  for (let start = 0; start < next.length; start++) {
    const line: number[] = [];
    for (let side = start; next[side] >= 0; ) {
      line.push(...place(side));
      const then = next[side];
      next[side] = -1;
      side = then;
    }
    if (line.length) lines.push(Float32Array.from(line));
  }
  return lines;
}
