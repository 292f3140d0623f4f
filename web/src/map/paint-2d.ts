/** Points on a plain canvas, pixel by pixel, for browsers without WebGL. Slower, nothing less. */

import { drawnRanges, fitCanvas } from "./painter.ts";
import type { Frame, Painter } from "./painter.ts";
import type { DrawOrder } from "./order.ts";

/** A dot: how much of each pixel it covers, 0..1, float32 [side * side]. */
interface Stamp {
  side: number;
  cover: Float32Array;
}

/** Places of a dot within its pixel that are told apart, along each axis. */
const STEPS = 3;

/** Paints on a plain canvas. */
export class PlainPainter implements Painter {
  readonly canvas = document.createElement("canvas");
  private readonly context = this.canvas.getContext("2d");
  private places: Float32Array = new Float32Array(0);
  private from: Float32Array | null = null;
  private index: Uint16Array = new Uint16Array(0);
  private order: DrawOrder = { rows: new Uint32Array(0), context: 0 };
  private palette: Uint8Array = new Uint8Array(4);
  private image: ImageData | null = null;

  setPlaces(places: Float32Array, from: Float32Array | null): void {
    this.places = places;
    this.from = from;
  }

  land(): void {
    this.from = null;
  }

  setColours(index: Uint16Array, order: DrawOrder): void {
    this.index = index;
    this.order = order;
  }

  setPalette(bytes: Uint8Array): void {
    this.palette = bytes;
  }

  paint(frame: Frame): void {
    if (!this.context) return;
    fitCanvas(this.canvas, frame.size, frame.ratio);
    const { width, height } = this.canvas;
    if (this.image?.width !== width || this.image.height !== height) {
      this.image = this.context.createImageData(width, height);
    } else {
      this.image.data.fill(0);
    }
    const { contextRadius, contextOpacity, radius, opacity } = frame.look;
    const [context, rest] = drawnRanges(this.order, frame.share);
    this.dots(frame, this.image, context, contextRadius * frame.ratio, contextOpacity);
    this.dots(frame, this.image, rest, radius * frame.ratio, opacity);
    this.context.putImageData(this.image, 0, 0);
  }

  wait(): void {}

  private dots(
    frame: Frame,
    image: ImageData,
    [from, to]: [number, number],
    radius: number,
    opacity: number,
  ): void {
    const made = stamps(radius);
    const half = made[0].side / 2;
    const at = this.placer(frame);
    for (let i = from; i < to; i++) {
      const row = this.order.rows[i];
      const shown = at(row);
      if (!(shown > 0)) continue;
      const left = Math.floor(at.x - half + 0.5);
      const top = Math.floor(at.y - half + 0.5);
      const sx = Math.min(Math.floor((at.x - half + 0.5 - left) * STEPS), STEPS - 1);
      const sy = Math.min(Math.floor((at.y - half + 0.5 - top) * STEPS), STEPS - 1);
      const stamp = made[sy * STEPS + sx];
      blend(image, stamp, left, top, this.palette, 4 * (this.index[row] & 4095), shown * opacity);
    }
  }

  /** A function that says how much of a row is seen and leaves its pixel in its own x and y. */
  private placer(frame: Frame): { (row: number): number; x: number; y: number } {
    const { view, flight, ratio } = frame;
    const [width, height] = [this.canvas.width, this.canvas.height];
    const [scale, { places, from }] = [view.scale * ratio, this];
    const old = flight && from ? { ...flight.from, xy: from } : null;
    const share = flight?.share ?? 1;
    const place = (row: number): number => {
      let x = (places[2 * row] - view.x) * scale;
      let y = (places[2 * row + 1] - view.y) * scale;
      let shown = 1;
      if (old) {
        const ox = (old.xy[2 * row] - old.x) * old.scale * ratio;
        const oy = (old.xy[2 * row + 1] - old.y) * old.scale * ratio;
        if (!(x - x === 0)) [x, y, shown] = [ox, oy, 1 - share];
        else if (ox - ox === 0) [x, y] = [ox + (x - ox) * share, oy + (y - oy) * share];
        else shown = share;
      }
      place.x = width / 2 + x;
      place.y = height / 2 - y;
      const here = place.x > -50 && place.y > -50 && place.x < width + 50 && place.y < height + 50;
      return here ? shown : 0;
    };
    place.x = 0;
    place.y = 0;
    return place;
  }

  destroy(): void {
    this.canvas.remove();
  }
}

/** Dots of a radius in device pixels, one for each place within a pixel. */
function stamps(radius: number): Stamp[] {
  const side = Math.ceil(2 * radius + 2);
  return Array.from({ length: STEPS * STEPS }, (_, k) => {
    const cover = new Float32Array(side * side);
    const [x, y] = [(k % STEPS) + 0.5, Math.floor(k / STEPS) + 0.5];
    for (let i = 0; i < cover.length; i++) {
      const dx = (i % side) + 1 - (side / 2 + x / STEPS);
      const dy = Math.floor(i / side) + 1 - (side / 2 + y / STEPS);
      cover[i] = Math.min(Math.max(radius + 0.5 - Math.hypot(dx, dy), 0), 1);
    }
    return { side, cover };
  });
}

/** Lays a dot over the image; both are colours with an alpha that is not multiplied in. */
function blend(
  image: ImageData,
  stamp: Stamp,
  left: number,
  top: number,
  palette: Uint8Array,
  entry: number,
  opacity: number,
): void {
  const { data, width, height } = image;
  for (let y = Math.max(0, -top); y < stamp.side && top + y < height; y++) {
    for (let x = Math.max(0, -left); x < stamp.side && left + x < width; x++) {
      const alpha = stamp.cover[y * stamp.side + x] * opacity;
      if (alpha <= 0.002) continue;
      const at = 4 * ((top + y) * width + left + x);
      const below = (data[at + 3] / 255) * (1 - alpha);
      const total = alpha + below;
      for (let c = 0; c < 3; c++) {
        data[at + c] = (palette[entry + c] * alpha + data[at + c] * below) / total;
      }
      data[at + 3] = 255 * total;
    }
  }
}
