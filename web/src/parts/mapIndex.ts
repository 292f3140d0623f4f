/** Which rows lie nearest to a place of a map, found by a grid of cells. */

/** The nearest rows to a place: the nearest first, distances in the unit of the map. */
export interface Nearby {
  rows: number[];
  distances: number[];
}

const POINTS_PER_CELL = 3;
const MOST_CELLS_ACROSS = 1024;

/** The rows of one map in square cells: building is linear in N, a query visits a few cells.
 *
 * The cells around the query are looked through ring by ring until no cell outside of the last
 * ring can hold anything nearer (Bentley, Weide and Yao, "Optimal Expected-Time Algorithms for
 * Closest Point Problems", 1980). Rows without a place (NaN) are left out.
 */
export class MapIndex {
  /** The longer side of the box of all places, in the unit of the map; 1 where all coincide. */
  readonly side: number;
  /** How many rows have a place. */
  readonly count: number;
  private readonly lowX: number;
  private readonly lowY: number;
  private readonly cell: number;
  private readonly across: number;
  private readonly down: number;
  private readonly starts: Uint32Array;
  private readonly order: Uint32Array;

  /** @param places float32 [2 N], x and y in turn, NaN: no place. */
  constructor(private readonly places: Float32Array) {
    const box = boxOf(places);
    this.lowX = box.x0;
    this.lowY = box.y0;
    this.count = box.count;
    this.side = Math.max(box.x1 - box.x0, box.y1 - box.y0) || 1;
    const wanted = Math.ceil(Math.sqrt(box.count / POINTS_PER_CELL));
    this.cell = this.side / Math.max(1, Math.min(wanted, MOST_CELLS_ACROSS));
    this.across = Math.floor((box.x1 - box.x0) / this.cell) + 1;
    this.down = Math.floor((box.y1 - box.y0) / this.cell) + 1;
    this.starts = new Uint32Array(this.across * this.down + 1);
    this.order = new Uint32Array(box.count);
    this.sort();
  }

  private sort(): void {
    const { places, starts, order } = this;
    const rows = places.length / 2;
    const cells = new Int32Array(rows).fill(-1);
    for (let row = 0; row < rows; row++) {
      const x = places[2 * row];
      const y = places[2 * row + 1];
      if (Number.isNaN(x) || Number.isNaN(y)) continue;
      cells[row] = this.column(x) + this.across * this.line(y);
      starts[cells[row] + 1]++;
    }
    for (let i = 1; i < starts.length; i++) starts[i] += starts[i - 1];
    const next = starts.slice(0, -1);
    for (let row = 0; row < rows; row++) {
      if (cells[row] >= 0) order[next[cells[row]]++] = row;
    }
  }

  private column(x: number): number {
    return Math.min(this.across - 1, Math.max(0, Math.floor((x - this.lowX) / this.cell)));
  }

  private line(y: number): number {
    return Math.min(this.down - 1, Math.max(0, Math.floor((y - this.lowY) / this.cell)));
  }

  /** The k rows nearest to (x, y) on the map; fewer where there are fewer. */
  nearest(x: number, y: number, k: number): Nearby {
    const found: Nearby = { rows: [], distances: [] };
    const cx = this.column(x);
    const cy = this.line(y);
    const rings = Math.max(this.across, this.down);
    for (let ring = 0; ring <= rings; ring++) {
      for (let j = cy - ring; j <= cy + ring; j++) {
        if (j < 0 || j >= this.down) continue;
        const step = j === cy - ring || j === cy + ring ? 1 : Math.max(1, 2 * ring);
        for (let i = cx - ring; i <= cx + ring; i += step) {
          if (i >= 0 && i < this.across) this.gather(i + this.across * j, x, y, k, found);
        }
      }
      if (found.rows.length === k && found.distances[k - 1] <= this.clear(x, y, cx, cy, ring)) break;
    }
    return { rows: found.rows, distances: found.distances };
  }

  /** Nothing outside of the ring is nearer than this. */
  private clear(x: number, y: number, cx: number, cy: number, ring: number): number {
    let least = Infinity;
    if (cx - ring > 0) least = Math.min(least, x - (this.lowX + (cx - ring) * this.cell));
    if (cy - ring > 0) least = Math.min(least, y - (this.lowY + (cy - ring) * this.cell));
    if (cx + ring < this.across - 1) {
      least = Math.min(least, this.lowX + (cx + ring + 1) * this.cell - x);
    }
    if (cy + ring < this.down - 1) {
      least = Math.min(least, this.lowY + (cy + ring + 1) * this.cell - y);
    }
    return least;
  }

  private gather(cell: number, x: number, y: number, k: number, found: Nearby): void {
    const { rows, distances } = found;
    for (let at = this.starts[cell]; at < this.starts[cell + 1]; at++) {
      const row = this.order[at];
      const d = Math.hypot(this.places[2 * row] - x, this.places[2 * row + 1] - y);
      if (rows.length === k && d >= distances[k - 1]) continue;
      let slot = Math.min(rows.length, k - 1);
      while (slot > 0 && distances[slot - 1] > d) {
        rows[slot] = rows[slot - 1];
        distances[slot] = distances[slot - 1];
        slot--;
      }
      rows[slot] = row;
      distances[slot] = d;
    }
  }
}

function boxOf(places: Float32Array): { x0: number; y0: number; x1: number; y1: number; count: number } {
  const box = { x0: Infinity, y0: Infinity, x1: -Infinity, y1: -Infinity, count: 0 };
  for (let i = 0; i < places.length; i += 2) {
    const x = places[i];
    const y = places[i + 1];
    if (Number.isNaN(x) || Number.isNaN(y)) continue;
    box.count++;
    box.x0 = Math.min(box.x0, x);
    box.y0 = Math.min(box.y0, y);
    box.x1 = Math.max(box.x1, x);
    box.y1 = Math.max(box.y1, y);
  }
  return box.count ? box : { x0: 0, y0: 0, x1: 0, y1: 0, count: 0 };
}
