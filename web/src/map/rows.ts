/** The rows of the map in memory: places, colours, the order in which they are drawn. */

import type { View } from "../contracts.ts";
import { boxOf, toScreen } from "./camera.ts";
import type { Box, Size } from "./camera.ts";
import { Grid } from "./grid.ts";
import { crowding } from "./look.ts";
import { drawOrder, shuffled } from "./order.ts";
import type { DrawOrder } from "./order.ts";

/** The layout that rows leave behind while they fly, and how it was looked at. */
export interface Left {
  places: Float32Array;
  view: View;
  /** The share of the way, 0..1. */
  share: number;
}

/** Columns of the rows, by reference, and what follows from them. */
export class Rows {
  places: Float32Array = new Float32Array(0);
  colours: Uint16Array | null = null;
  /** Around all places; null where there is none. */
  box: Box | null = null;
  /** Points for each unit², as the median point sees it. */
  crowded = 0;
  drawn: DrawOrder = { rows: new Uint32Array(0), context: 0 };
  left: Left | null = null;
  private order: Uint32Array = new Uint32Array(0);
  private index: Grid | null = null;

  /** Takes places float32 [2 N]; true where the number of rows is new. */
  setPlaces(places: Float32Array): boolean {
    this.places = places;
    this.index = null;
    this.box = boxOf(places);
    this.crowded = crowding(places);
    if (this.order.length === places.length / 2) return false;
    this.order = shuffled(Math.floor(places.length / 2));
    this.sort();
    return true;
  }

  /** Takes colour indices uint16 [N]. */
  setColours(colours: Uint16Array): void {
    this.colours = colours;
    this.sort();
  }

  /** Colour indices that fit the rows: all 1 where none are set yet. */
  indices(): Uint16Array {
    const fits = this.colours && this.colours.length === this.order.length;
    return fits && this.colours ? this.colours : new Uint16Array(this.order.length).fill(1);
  }

  private sort(): void {
    this.drawn = drawOrder(this.indices(), this.order);
  }

  /** The index over the places, made when it is first asked for. */
  grid(): Grid {
    this.index ??= new Grid(this.places, this.order);
    return this.index;
  }

  /** Where a row is drawn now, in CSS pixels; null where it has no place. */
  pixel(row: number, view: View, size: Size): [number, number] | null {
    const to = pixelIn(this.places, row, view, size);
    if (!this.left) return to;
    const from = pixelIn(this.left.places, row, this.left.view, size);
    if (!from || !to) return to ?? from;
    const { share } = this.left;
    return [from[0] + (to[0] - from[0]) * share, from[1] + (to[1] - from[1]) * share];
  }

  /** Places from which rows would look in `view` as they do now in flight: float32 [2 N]. */
  placesNow(view: View): Float32Array {
    const { places, left } = this;
    if (!left || left.share >= 1) return places;
    const now = new Float32Array(places.length);
    const ratio = left.view.scale / view.scale;
    const { share } = left;
    for (let i = 0; i < places.length; i++) {
      const [from, to] = i % 2 ? [left.view.y, view.y] : [left.view.x, view.x];
      const start = to + (left.places[i] - from) * ratio;
      const mixed = start + (places[i] - start) * share;
      now[i] = mixed === mixed ? mixed : places[i] === places[i] ? places[i] : start;
    }
    return now;
  }
}

function pixelIn(
  places: Float32Array,
  row: number,
  view: View,
  size: Size,
): [number, number] | null {
  const x = places[2 * row];
  const y = places[2 * row + 1];
  return x - x === 0 && y - y === 0 ? toScreen(view, size, x, y) : null;
}
