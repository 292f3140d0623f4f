/** What paints the points: WebGL, or a plain canvas where there is none. */

import type { View } from "../contracts.ts";
import type { Size } from "./camera.ts";
import type { Look } from "./look.ts";
import type { DrawOrder } from "./order.ts";

/** Everything that one frame needs besides the columns. */
export interface Frame {
  view: View;
  /** While rows fly from one layout to another: the view of the old one, and the share of the
   * way in 0..1. Places are mixed on the screen, so that layouts of different units meet. */
  flight: { from: View; share: number } | null;
  /** CSS pixels. */
  size: Size;
  /** Device pixels for each CSS pixel. */
  ratio: number;
  look: Look;
  /** The share of the rows that is drawn, 0..1; below 1 only while the map moves. */
  share: number;
}

/** Paints all points on a canvas of its own. Columns are kept by reference. */
export interface Painter {
  readonly canvas: HTMLCanvasElement;
  /** Places float32 [2 N], and those of the layout that rows are about to leave, if they fly. */
  setPlaces(places: Float32Array, from: Float32Array | null): void;
  /** Rows have arrived: the layout that they left is no longer needed. */
  land(): void;
  /** Colour indices uint16 [N] and the rows to draw, in order. */
  setColours(index: Uint16Array, order: DrawOrder): void;
  /** RGBA bytes of `paletteBytes`. */
  setPalette(bytes: Uint8Array): void;
  paint(frame: Frame): void;
  /** Waits until what was painted is done, to time it. */
  wait(): void;
  destroy(): void;
}

/** The first `share` of the context and of the rest, as ranges of the drawing order. */
export function drawnRanges(order: DrawOrder, share: number): [[number, number], [number, number]] {
  const rest = order.rows.length - order.context;
  return [
    [0, Math.ceil(order.context * share)],
    [order.context, order.context + Math.ceil(rest * share)],
  ];
}

/** Fits the pixels of a canvas to the size of the stage. Setting a size clears the canvas, so it
 * is set only where it changes. */
export function fitCanvas(canvas: HTMLCanvasElement, size: Size, ratio: number): void {
  const width = Math.max(1, Math.round(size.width * ratio));
  const height = Math.max(1, Math.round(size.height * ratio));
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
}
