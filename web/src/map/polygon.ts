/** Points in polygons [x, y, x, y, ...], closed by themselves; crossing edges are allowed. */

/** How often the polygon winds round the point; 0: the point is outside.
 *
 * Everything that a lasso goes round counts as inside, also where it crosses itself.
 * Dan Sunday, "Inclusion of a point in a polygon", 2001.
 *
 * `edges`: the edges to look at, for points for which no other matters, see `edgesByLine`.
 */
export function winding(
  polygon: ArrayLike<number>,
  x: number,
  y: number,
  edges?: readonly number[],
): number {
  const n = polygon.length - (polygon.length % 2);
  const count = edges ? edges.length : n / 2;
  let turns = 0;
  for (let k = 0; k < count; k++) {
    const i = edges ? edges[k] : 2 * k;
    const j = i === 0 ? n - 2 : i - 2;
    const ay = polygon[j + 1];
    const by = polygon[i + 1];
    if (ay <= y === by <= y) continue;
    const left = (polygon[i] - polygon[j]) * (y - ay) - (x - polygon[j]) * (by - ay);
    if (by > ay && left > 0) turns++;
    else if (by < ay && left < 0) turns--;
  }
  return turns;
}

/** For each of the lines 0..side-1 of cells of side 1 the edges that may matter to a point in it,
 * each as the index of the x of its end. */
export function edgesByLine(polygon: ArrayLike<number>, side: number): number[][] {
  const lines: number[][] = Array.from({ length: side }, () => []);
  const n = polygon.length - (polygon.length % 2);
  const slack = 1e-6 * side;
  for (let i = 0, j = n - 2; i < n; j = i, i += 2) {
    const low = Math.min(polygon[i + 1], polygon[j + 1]) - slack;
    const high = Math.max(polygon[i + 1], polygon[j + 1]) + slack;
    const last = Math.min(side - 1, Math.floor(high));
    for (let line = Math.max(0, Math.floor(low)); line <= last; line++) lines[line].push(i);
  }
  return lines;
}

/** Calls `touch(column, line)` for every cell of side 1 that an edge of the polygon may cross. */
export function edgeCells(
  polygon: ArrayLike<number>,
  side: number,
  touch: (column: number, line: number) => void,
): void {
  const n = polygon.length - (polygon.length % 2);
  for (let i = 0, j = n - 2; i < n; j = i, i += 2) {
    const flip = polygon[j + 1] > polygon[i + 1];
    const [a, b] = flip ? [i, j] : [j, i];
    segmentCells(polygon[a], polygon[a + 1], polygon[b], polygon[b + 1], side, touch);
  }
}

/** The cells along a segment that runs upwards, line by line, within 0..side. */
function segmentCells(
  ax: number,
  ay: number,
  bx: number,
  by: number,
  side: number,
  touch: (column: number, line: number) => void,
): void {
  // A little wider than the edge, so that rounding never misses a cell.
  const slack = 1e-6 * side;
  const first = Math.max(0, Math.floor(ay - slack));
  const last = Math.min(side - 1, Math.floor(by + slack));
  const slope = by > ay ? (bx - ax) / (by - ay) : 0;
  for (let line = first; line <= last; line++) {
    let [from, to] = [ax, bx];
    if (by > ay) {
      from = ax + slope * (Math.min(Math.max(line, ay), by) - ay);
      to = ax + slope * (Math.min(Math.max(line + 1, ay), by) - ay);
    }
    const left = Math.max(0, Math.floor(Math.min(from, to) - slack));
    const right = Math.min(side - 1, Math.floor(Math.max(from, to) + slack));
    for (let column = left; column <= right; column++) touch(column, line);
  }
}
