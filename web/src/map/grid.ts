/** A uniform grid over the places of rows: who is nearest, who is inside. */

import type { Box } from "./camera.ts";
import { boxOf } from "./camera.ts";
import { HIDDEN } from "./order.ts";
import { edgeCells, edgesByLine, winding } from "./polygon.ts";

/** An index of places float32 [2 N] into side x side square cells.
 *
 * Within a cell rows keep the order that they were given in, so that the first of a cell is a
 * fixed random one where that order is random. Rows without a place (NaN) are in no cell.
 */
export class Grid {
  /** Cells along each side, a power of two. */
  readonly side: number;
  /** Side of a cell, in the unit of the map. */
  readonly cell: number;
  private readonly low: [number, number];
  /** uint32 [side² + 1]: where the rows of each cell start in `rows`. */
  private readonly starts: Uint32Array;
  private readonly rows: Uint32Array;

  /** `order` uint32 [N]: the rows, in the order that matters within a cell. */
  constructor(
    private readonly xy: Float32Array,
    order: Uint32Array,
  ) {
    const box = boxOf(xy) ?? { x0: 0, y0: 0, x1: 1, y1: 1 };
    const wide = Math.max(box.x1 - box.x0, box.y1 - box.y0) || 1;
    const power = Math.round(Math.log2(Math.sqrt(order.length / 2 || 1)));
    this.side = 2 ** Math.min(Math.max(power, 0), 10);
    this.cell = (wide * (1 + 1e-5)) / this.side;
    this.low = [box.x0, box.y0];
    this.starts = new Uint32Array(this.side * this.side + 1);
    this.rows = this.sort(order);
  }

  /** Counting sort of rows by cell. */
  private sort(order: Uint32Array): Uint32Array {
    const { xy, starts } = this;
    const cells = new Int32Array(order.length);
    for (let i = 0; i < order.length; i++) {
      const x = xy[2 * order[i]];
      const y = xy[2 * order[i] + 1];
      // x - x is NaN for NaN and for infinities.
      cells[i] = x - x === 0 && y - y === 0 ? this.line(y) * this.side + this.column(x) : -1;
      if (cells[i] >= 0) starts[cells[i] + 1]++;
    }
    for (let cell = 1; cell < starts.length; cell++) starts[cell] += starts[cell - 1];
    const rows = new Uint32Array(starts[starts.length - 1]);
    const next = starts.slice(0, -1);
    for (let i = 0; i < order.length; i++) {
      if (cells[i] >= 0) rows[next[cells[i]]++] = order[i];
    }
    return rows;
  }

  private column(x: number): number {
    const column = Math.floor((x - this.low[0]) / this.cell);
    return Math.min(Math.max(column, 0), this.side - 1);
  }

  private line(y: number): number {
    const line = Math.floor((y - this.low[1]) / this.cell);
    return Math.min(Math.max(line, 0), this.side - 1);
  }

  /** The row nearest to a place within `radius`, in the unit of the map, or -1; rows whose
   * `colours` (uint16 [N]) is the hidden one are passed over. Exact.
   */
  nearest(x: number, y: number, radius: number, colours: Uint16Array | null): number {
    const found = { row: -1, squared: radius * radius };
    const cx = Math.floor((x - this.low[0]) / this.cell);
    const cy = Math.floor((y - this.low[1]) / this.cell);
    // Rings that lie wholly outside the grid hold nothing.
    const away = Math.max(-cx, -cy, cx - this.side + 1, cy - this.side + 1, 0);
    const last = Math.max(cx, cy, this.side - 1 - cx, this.side - 1 - cy);
    for (let ring = away; ring <= last; ring++) {
      // Whatever is in this ring is at least so far away.
      const least = Math.max(ring - 1, 0) * this.cell;
      if (least * least > found.squared) break;
      this.eachOfRing(cx, cy, ring, (from, to) => {
        for (let i = from; i < to; i++) this.closer(this.rows[i], x, y, colours, found);
      });
    }
    return found.row;
  }

  private closer(
    row: number,
    x: number,
    y: number,
    colours: Uint16Array | null,
    found: { row: number; squared: number },
  ): void {
    const dx = this.xy[2 * row] - x;
    const dy = this.xy[2 * row + 1] - y;
    const squared = dx * dx + dy * dy;
    if (squared > found.squared || (colours && colours[row] === HIDDEN)) return;
    if (squared === found.squared && found.row >= 0 && row > found.row) return;
    found.row = row;
    found.squared = squared;
  }

  /** Ranges of `rows` of the cells at Chebyshev distance `ring` from a cell. */
  private eachOfRing(
    cx: number,
    cy: number,
    ring: number,
    use: (from: number, to: number) => void,
  ): void {
    const [x0, x1] = [Math.max(cx - ring, 0), Math.min(cx + ring, this.side - 1)];
    const [y0, y1] = [Math.max(cy - ring, 0), Math.min(cy + ring, this.side - 1)];
    for (let line = y0; line <= y1; line++) {
      const first = line * this.side;
      if (line === cy - ring || line === cy + ring) {
        // Cells of a line lie one after another, so the whole line is one range.
        if (x0 <= x1) use(this.starts[first + x0], this.starts[first + x1 + 1]);
        continue;
      }
      if (cx - ring >= 0 && cx - ring < this.side) this.range(first + cx - ring, use);
      if (cx + ring >= 0 && cx + ring < this.side) this.range(first + cx + ring, use);
    }
  }

  private range(cell: number, use: (from: number, to: number) => void): void {
    use(this.starts[cell], this.starts[cell + 1]);
  }

  /** Rows inside a polygon of map coordinates [x, y, ...], ascending; hidden ones are left out. */
  inside(polygon: ArrayLike<number>, colours: Uint16Array | null): Uint32Array {
    const span = this.span(boxOf(polygon));
    if (polygon.length < 6 || !span) return new Uint32Array(0);
    const cells = Array.from({ length: polygon.length }, (_, i) => {
      return (polygon[i] - this.low[i % 2]) / this.cell;
    });
    const crossed = new Uint8Array(this.side * this.side);
    edgeCells(cells, this.side, (column, line) => {
      crossed[line * this.side + column] = 1;
    });
    const lines = edgesByLine(cells, this.side);
    const found = new Rows();
    for (let line = span.bottom; line <= span.top; line++) {
      const edges = lines[line];
      const here = (row: number) =>
        winding(polygon, this.xy[2 * row], this.xy[2 * row + 1], edges) !== 0;
      // Between two cells that an edge crosses, all cells are inside or all are outside.
      let known: boolean | null = null;
      for (let column: number = span.left; column <= span.right; column++) {
        const cell = line * this.side + column;
        if (crossed[cell]) known = null;
        else known ??= winding(cells, column + 0.5, line + 0.5, edges) !== 0;
        if (known === false) continue;
        for (let i = this.starts[cell]; i < this.starts[cell + 1]; i++) {
          const row = this.rows[i];
          if (colours && colours[row] === HIDDEN) continue;
          if (known || here(row)) found.add(row);
        }
      }
    }
    return found.ascending(this.xy.length / 2);
  }

  /** The cells that a box touches, null where it lies beside the grid. */
  private span(box: Box | null): Span | null {
    if (!box) return null;
    const wide = this.cell * this.side;
    if (box.x1 < this.low[0] || box.y1 < this.low[1]) return null;
    if (box.x0 > this.low[0] + wide || box.y0 > this.low[1] + wide) return null;
    return {
      left: this.column(box.x0),
      right: this.column(box.x1),
      bottom: this.line(box.y0),
      top: this.line(box.y1),
    };
  }

  /** Rows inside a box of map coordinates, at most `most` of them, evenly spread.
   *
   * Where there are more, the map is cut into squares that stay where they are when the box
   * moves, and each gives its first row: what is chosen does not flicker while the map is
   * panned, and of what is chosen far away most stays when it comes nearer.
   */
  inBox(box: Box, most: number, colours: Uint16Array | null): Uint32Array {
    const span = this.span(box);
    if (!span || most <= 0) return new Uint32Array(0);
    const all = this.allInBox(box, span, most, colours);
    if (all) return all;
    const wide = Math.min(Math.max(box.x1 - box.x0, 0), this.cell * this.side);
    const high = Math.min(Math.max(box.y1 - box.y0, 0), this.cell * this.side);
    let square = this.cell;
    // One more along each side for the squares that are cut by the edges of the box.
    const squares = (side: number) => (wide / side + 1) * (high / side + 1);
    while (squares(square) > most && square < this.cell * this.side) square *= 2;
    while (squares(square / 2) <= most) square /= 2;
    const chosen = new Rows();
    const use = (row: number) => {
      if (chosen.length < most && this.within(row, box)) chosen.add(row);
    };
    if (square >= this.cell) this.firstOfBlocks(span, Math.round(square / this.cell), colours, use);
    else this.firstOfParts(span, square, colours, use);
    return chosen.take();
  }

  /** All rows in a box, or null where they are more than `most`. */
  private allInBox(
    box: Box,
    span: Span,
    most: number,
    colours: Uint16Array | null,
  ): Uint32Array | null {
    const found = new Rows();
    for (let line = span.bottom; line <= span.top; line++) {
      const from = this.starts[line * this.side + span.left];
      const to = this.starts[line * this.side + span.right + 1];
      for (let i = from; i < to; i++) {
        const row = this.rows[i];
        if (!this.within(row, box) || (colours && colours[row] === HIDDEN)) continue;
        found.add(row);
        if (found.length > most) return null;
      }
    }
    return found.take();
  }

  /** The first row of each block of `per` x `per` cells that the span touches. */
  private firstOfBlocks(
    span: Span,
    per: number,
    colours: Uint16Array | null,
    use: (row: number) => void,
  ): void {
    const start = (cell: number) => cell - (cell % per);
    for (let bottom = start(span.bottom); bottom <= span.top; bottom += per) {
      for (let left = start(span.left); left <= span.right; left += per) {
        const row = this.firstOfBlock(left, bottom, per, colours);
        if (row >= 0) use(row);
      }
    }
  }

  private firstOfBlock(
    left: number,
    bottom: number,
    per: number,
    colours: Uint16Array | null,
  ): number {
    for (let line = bottom; line < Math.min(bottom + per, this.side); line++) {
      const from = this.starts[line * this.side + left];
      const to = this.starts[line * this.side + Math.min(left + per, this.side)];
      for (let i = from; i < to; i++) {
        if (!colours || colours[this.rows[i]] !== HIDDEN) return this.rows[i];
      }
    }
    return -1;
  }

  /** The first row of each square that is smaller than a cell, in all cells of the span. */
  private firstOfParts(
    span: Span,
    square: number,
    colours: Uint16Array | null,
    use: (row: number) => void,
  ): void {
    const taken = new Set<number>();
    const across = Math.ceil((this.cell * this.side) / square) + 1;
    const part = (value: number, axis: 0 | 1) => Math.floor((value - this.low[axis]) / square);
    for (let line = span.bottom; line <= span.top; line++) {
      const from = this.starts[line * this.side + span.left];
      const to = this.starts[line * this.side + span.right + 1];
      for (let i = from; i < to; i++) {
        const row = this.rows[i];
        if (colours && colours[row] === HIDDEN) continue;
        const at = part(this.xy[2 * row + 1], 1) * across + part(this.xy[2 * row], 0);
        if (taken.has(at)) continue;
        taken.add(at);
        use(row);
      }
    }
  }

  private within(row: number, box: Box): boolean {
    const x = this.xy[2 * row];
    const y = this.xy[2 * row + 1];
    return x >= box.x0 && x <= box.x1 && y >= box.y0 && y <= box.y1;
  }
}

/** A rectangle of cells, ends included. */
interface Span {
  left: number;
  right: number;
  bottom: number;
  top: number;
}

/** Row numbers that grow in number. */
class Rows {
  length = 0;
  private kept = new Uint32Array(1024);

  add(row: number): void {
    if (this.length === this.kept.length) {
      const larger = new Uint32Array(2 * this.length);
      larger.set(this.kept);
      this.kept = larger;
    }
    this.kept[this.length++] = row;
  }

  take(): Uint32Array {
    return this.kept.slice(0, this.length);
  }

  /** The rows, each once, in ascending order; `count`: one more than the largest possible. */
  ascending(count: number): Uint32Array {
    // For many rows a list of marks is quicker than sorting.
    if (16 * this.length < count) return this.take().sort();
    const marks = new Uint8Array(count);
    for (let i = 0; i < this.length; i++) marks[this.kept[i]] = 1;
    let at = 0;
    for (let row = 0; row < count; row++) if (marks[row]) this.kept[at++] = row;
    return this.take();
  }
}
