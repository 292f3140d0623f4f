/** Nearest rows again and again: exact, and several times quicker than looking at every row. */

import type { Near } from "../contracts.ts";
import { Best } from "./nearest.ts";

/** Rows in a leaf of the tree, at most. */
const LEAF = 24;
/** Rows that say in which dimension a box is cut, about. */
const SAMPLE = 100;

/** A tree of boxes over rows float32 [N D] (after Friedman, Bentley & Finkel, "An Algorithm for
 * Finding Best Matches in Logarithmic Expected Time", ACM TOMS 1977).
 *
 * Each box is cut in two halves at the median of the dimension in which its rows vary most; a
 * search leaves out the boxes that are farther away than the worst of the best. The tree is built
 * on first use, or by `build` before.
 */
export class Search {
  private order: Uint32Array | null = null;
  /** Least and greatest value of each dimension in each box, [boxes 2 D]. */
  private boxes = new Float32Array(0);
  /** First row of each box in `order` and one past its last, [boxes 2]; boxes lie as in a heap. */
  private spans = new Uint32Array(0);
  private depth = 0;

  constructor(
    readonly points: Float32Array,
    private readonly dim: number,
  ) {}

  /** The k nearest rows of a query [D], as `nearestRows` gives them. */
  nearest(query: ArrayLike<number>, k: number, allowed: Uint8Array | null = null): Near {
    const n = this.points.length / this.dim;
    const best = new Best(Math.max(0, Math.min(k, n)));
    if (best.k === 0) return best.found();
    this.build();
    this.visit(0, this.distanceTo(0, query), 0, Float64Array.from(query), best, allowed);
    return best.found();
  }

  private visit(
    box: number,
    square: number,
    level: number,
    query: Float64Array,
    best: Best,
    allowed: Uint8Array | null,
  ): void {
    if (square > best.worst) return;
    if (level === this.depth) {
      this.look(box, query, best, allowed);
      return;
    }
    const [left, right] = [2 * box + 1, 2 * box + 2];
    const toLeft = this.distanceTo(left, query);
    const toRight = this.distanceTo(right, query);
    if (toLeft <= toRight) {
      this.visit(left, toLeft, level + 1, query, best, allowed);
      this.visit(right, toRight, level + 1, query, best, allowed);
    } else {
      this.visit(right, toRight, level + 1, query, best, allowed);
      this.visit(left, toLeft, level + 1, query, best, allowed);
    }
  }

  /** Compares the query with the rows of a leaf. */
  private look(box: number, query: Float64Array, best: Best, allowed: Uint8Array | null): void {
    const { points, dim } = this;
    const order = this.order!;
    const half = dim >> 1;
    for (let i = this.spans[2 * box], end = this.spans[2 * box + 1]; i < end; i++) {
      const row = order[i];
      if (allowed !== null && allowed[row] === 0) continue;
      const at = row * dim;
      let square = 0;
      for (let d = 0; d < half; d++) {
        const away = points[at + d] - query[d];
        square += away * away;
      }
      if (square > best.worst) continue;
      for (let d = half; d < dim; d++) {
        const away = points[at + d] - query[d];
        square += away * away;
      }
      best.offer(row, square);
    }
  }

  /** Squared distance from a query to the nearest place in a box. */
  private distanceTo(box: number, query: ArrayLike<number>): number {
    const { boxes, dim } = this;
    const low = 2 * box * dim;
    let square = 0;
    for (let d = 0; d < dim; d++) {
      const value = query[d];
      const under = boxes[low + d] - value;
      const over = value - boxes[low + dim + d];
      const away = under > 0 ? under : over > 0 ? over : 0;
      square += away * away;
    }
    return square;
  }

  /** Builds the tree, if it is not there yet: about 2 ms for each thousand rows. */
  build(): void {
    if (this.order) return;
    const n = this.points.length / this.dim;
    this.order = Uint32Array.from({ length: n }, (_, row) => row);
    while (n / 2 ** this.depth > LEAF) this.depth++;
    const count = 2 ** (this.depth + 1) - 1;
    this.boxes = new Float32Array(2 * count * this.dim);
    this.spans = new Uint32Array(2 * count);
    this.split(0, 0, n, 0);
  }

  private split(box: number, start: number, end: number, level: number): void {
    this.spans[2 * box] = start;
    this.spans[2 * box + 1] = end;
    if (level === this.depth) {
      this.measure(box, start, end);
      return;
    }
    const middle = (start + end) >> 1;
    this.select(start, end - 1, middle, this.widest(start, end));
    this.split(2 * box + 1, start, middle, level + 1);
    this.split(2 * box + 2, middle, end, level + 1);
    this.join(box);
  }

  /** The dimension in which rows vary most, by some of them. */
  private widest(start: number, end: number): number {
    const { points, dim } = this;
    const step = Math.max(1, Math.floor((end - start) / SAMPLE));
    const sums = new Float64Array(dim);
    const squares = new Float64Array(dim);
    let count = 0;
    for (let i = start; i < end; i += step, count++) {
      const at = this.order![i] * dim;
      for (let d = 0; d < dim; d++) {
        sums[d] += points[at + d];
        squares[d] += points[at + d] ** 2;
      }
    }
    const spread = (d: number) => squares[d] - sums[d] ** 2 / count;
    let widest = 0;
    for (let d = 1; d < dim; d++) if (spread(d) > spread(widest)) widest = d;
    return widest;
  }

  /** Takes the extent of the rows of a leaf. */
  private measure(box: number, start: number, end: number): void {
    const { boxes, points, dim } = this;
    const low = 2 * box * dim;
    const high = low + dim;
    boxes.fill(Infinity, low, high).fill(-Infinity, high, high + dim);
    for (let i = start; i < end; i++) {
      const at = this.order![i] * dim;
      for (let d = 0; d < dim; d++) {
        const value = points[at + d];
        if (value < boxes[low + d]) boxes[low + d] = value;
        if (value > boxes[high + d]) boxes[high + d] = value;
      }
    }
  }

  /** Takes the extent of a box from those of its halves. */
  private join(box: number): void {
    const { boxes, dim } = this;
    const [low, left, right] = [2 * box * dim, 2 * (2 * box + 1) * dim, 2 * (2 * box + 2) * dim];
    for (let d = 0; d < dim; d++) {
      boxes[low + d] = Math.min(boxes[left + d], boxes[right + d]);
      boxes[low + dim + d] = Math.max(boxes[left + dim + d], boxes[right + dim + d]);
    }
  }

  /** Hoare's selection (1961): rows below the `middle` of one dimension come before it. */
  private select(left: number, right: number, middle: number, d: number): void {
    const { points, dim } = this;
    const order = this.order!;
    while (left < right) {
      const pivot = points[order[(left + right) >> 1] * dim + d];
      let [i, j] = [left, right];
      while (i <= j) {
        while (points[order[i] * dim + d] < pivot) i++;
        while (points[order[j] * dim + d] > pivot) j--;
        if (i <= j) {
          const kept = order[i];
          order[i++] = order[j];
          order[j--] = kept;
        }
      }
      if (middle <= j) right = j;
      else if (middle >= i) left = i;
      else return;
    }
  }
}
