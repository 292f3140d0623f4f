/** From a grid of classes with odds to smooth regions and thin border lines. */

/** No class at this cell. */
export const NONE = 255;

/** A grid of classes: uint8 [size, size, 2], the class and its odds in 0..255, the top row first. */
export interface Grid {
  size: number;
  cells: Uint8Array;
}

/** The class that wins at a place between the middles of cells, and its strength 0..1.
 *
 * Each of the four cells around votes for its class with its odds, weighed by the bilinear share
 * of the cell; strength is the sum of the winner's votes. (u, v) are in cells, 0 at the middle
 * of the first, v downwards.
 */
export function winnerAt(grid: Grid, u: number, v: number): { label: number; strength: number } {
  const { size, cells } = grid;
  const i = Math.min(size - 1, Math.max(0, Math.floor(u)));
  const j = Math.min(size - 1, Math.max(0, Math.floor(v)));
  const fu = Math.min(1, Math.max(0, u - i));
  const fv = Math.min(1, Math.max(0, v - j));
  let label = NONE;
  let strength = 0;
  for (let first = 0; first < 4; first++) {
    const candidate = corner(cells, size, i, j, first);
    if (candidate === NONE) continue;
    let votes = 0;
    for (let other = 0; other < 4; other++) {
      if (corner(cells, size, i, j, other) !== candidate) continue;
      const share = (other & 1 ? fu : 1 - fu) * (other & 2 ? fv : 1 - fv);
      votes += share * (cells[index(size, i, j, other) + 1] / 255);
    }
    if (votes > strength) [label, strength] = [candidate, votes];
  }
  return { label, strength };
}

function index(size: number, i: number, j: number, which: number): number {
  const x = Math.min(size - 1, i + (which & 1));
  const y = Math.min(size - 1, j + (which >> 1));
  return 2 * (y * size + x);
}

function corner(cells: Uint8Array, size: number, i: number, j: number, which: number): number {
  return cells[index(size, i, j, which)];
}

/** How strongly a region is painted where its class has these odds, 0..1: not at all where the
 * odds are those of K classes alike, fully where the class is sure. */
export function surenessOf(odds: number, classes: number): number {
  const even = 1 / Math.max(2, classes);
  const t = Math.min(1, Math.max(0, (odds - even) / (1 - even)));
  return t * t;
}

/** The value of a field [size, size] between the middles of its cells, bilinear. */
export function between(field: Float32Array, size: number, u: number, v: number): number {
  const i = Math.min(size - 1, Math.max(0, Math.floor(u)));
  const j = Math.min(size - 1, Math.max(0, Math.floor(v)));
  const fu = Math.min(1, Math.max(0, u - i));
  const fv = Math.min(1, Math.max(0, v - j));
  let sum = 0;
  for (let which = 0; which < 4; which++) {
    const share = (which & 1 ? fu : 1 - fu) * (which & 2 ? fv : 1 - fv);
    sum += share * field[index(size, i, j, which) / 2];
  }
  return sum;
}

/** The regions as RGBA [side side 4], side = size · factor.
 *
 * @param near float32 [size, size], 0..1: how near images are; regions fade out with it.
 * @param colours red, green, blue 0..255 of each class.
 * @param most opacity 0..1 of a class that is sure.
 */
export function paintRegions(
  grid: Grid,
  near: Float32Array,
  factor: number,
  colours: number[][],
  most: number,
): Uint8ClampedArray<ArrayBuffer> {
  const side = grid.size * factor;
  const out = new Uint8ClampedArray(side * side * 4);
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      const [u, v] = [(x + 0.5) / factor - 0.5, (y + 0.5) / factor - 0.5];
      const { label, strength } = winnerAt(grid, u, v);
      if (label === NONE || !colours[label]) continue;
      const to = 4 * (y * side + x);
      out.set(colours[label], to);
      out[to + 3] = 255 * most * surenessOf(strength, colours.length) * between(near, grid.size, u, v);
    }
  }
  return out;
}

/** Border lines by marching squares: segments [x0, y0, x1, y1, ...] in cells, as (u, v) above.
 *
 * Between two neighbouring middles of different classes a and b with odds p and q the border
 * crosses where the votes (1 - t) p and t q are equal, t = p / (p + q). Two crossings of a square
 * are joined; three or four meet in its middle (after Lorensen and Cline, "Marching Cubes", 1987,
 * for many classes). No line is drawn along the edge of what has no class.
 */
export function borderSegments(grid: Grid): Float32Array {
  const { size, cells } = grid;
  const found: number[] = [];
  for (let j = 0; j + 1 < size; j++) {
    for (let i = 0; i + 1 < size; i++) {
      const at = [0, 1, 3, 2].map((which) => index(size, i, j, which));
      const [a, b, c, d] = at.map((place) => cells[place]);
      if (a === b && b === c && c === d) continue;
      square(found, i, j, at, cells);
    }
  }
  return Float32Array.from(found);
}

// Corners in turn: top left, top right, bottom right, bottom left.
const TURN = [
  [0, 0],
  [1, 0],
  [1, 1],
  [0, 1],
];

function square(found: number[], i: number, j: number, at: number[], cells: Uint8Array): void {
  const crossings: number[][] = [];
  for (let side = 0; side < 4; side++) {
    const next = (side + 1) % 4;
    const [a, b] = [cells[at[side]], cells[at[next]]];
    if (a === b || a === NONE || b === NONE) continue;
    const p = cells[at[side] + 1] + 1e-3;
    const q = cells[at[next] + 1] + 1e-3;
    const t = p / (p + q);
    crossings.push([
      i + TURN[side][0] + t * (TURN[next][0] - TURN[side][0]),
      j + TURN[side][1] + t * (TURN[next][1] - TURN[side][1]),
    ]);
  }
  if (crossings.length === 2) found.push(...crossings[0], ...crossings[1]);
  else if (crossings.length > 2) {
    for (const crossing of crossings) found.push(...crossing, i + 0.5, j + 0.5);
  }
}
