/** The sheet that the reader draws on, brought into the form of the dataset's images. */

import { type App, wordsOf } from "../../contracts.ts";
import { fitted, land } from "./landed.ts";

const WAIT = 60;
/** As MNIST's digits, which fill a box of 20 x 20 pixels in a picture of 28 x 28. */
const FILLED = 20 / 28;
const LOOKED_AT = 60;
const FULL = 0.9;
const INK = 24;

/** Pointer strokes on a canvas; the image is encoded while it is drawn. */
export class Sheet {
  private readonly context: CanvasRenderingContext2D;
  private pen = 14;
  private colour = "#ffffff";
  private last: [number, number] | null = null;
  private timer = 0;
  private busy = false;
  private again = false;
  private filled = FILLED;

  constructor(
    private readonly app: App,
    private readonly canvas: HTMLCanvasElement,
  ) {
    this.context = canvas.getContext("2d", { willReadFrequently: true })!;
    this.clear();
    void usualExtent(app).then((extent) => (this.filled = extent), () => undefined);
    canvas.addEventListener("pointerdown", this.down);
    canvas.addEventListener("pointermove", this.move);
    canvas.addEventListener("pointerup", this.up);
    canvas.addEventListener("pointercancel", this.up);
  }

  /** Width of the pen in CSS pixels and its colour. */
  use(pen: number, colour: string): void {
    this.pen = pen;
    this.colour = colour;
  }

  /** An empty, black sheet. */
  clear(): void {
    this.context.fillStyle = "#000";
    this.context.fillRect(0, 0, this.canvas.width, this.canvas.height);
  }

  /** Lets the canvas go. */
  stop(): void {
    clearTimeout(this.timer);
    this.canvas.removeEventListener("pointerdown", this.down);
    this.canvas.removeEventListener("pointermove", this.move);
    this.canvas.removeEventListener("pointerup", this.up);
    this.canvas.removeEventListener("pointercancel", this.up);
  }

  private readonly down = (event: PointerEvent): void => {
    this.canvas.setPointerCapture(event.pointerId);
    this.last = this.at(event);
    this.stroke(this.last);
    event.preventDefault();
  };

  private readonly move = (event: PointerEvent): void => {
    if (this.last) this.stroke(this.at(event));
  };

  private readonly up = (): void => {
    this.last = null;
  };

  private at(event: PointerEvent): [number, number] {
    const box = this.canvas.getBoundingClientRect();
    const scale = this.canvas.width / box.width;
    return [(event.clientX - box.left) * scale, (event.clientY - box.top) * scale];
  }

  private stroke(to: [number, number]): void {
    const { context } = this;
    context.strokeStyle = this.colour;
    context.lineWidth = this.pen;
    context.lineCap = "round";
    context.lineJoin = "round";
    context.beginPath();
    context.moveTo(...(this.last ?? to));
    context.lineTo(to[0] + 0.01, to[1]);
    context.stroke();
    this.last = to;
    clearTimeout(this.timer);
    this.timer = window.setTimeout(() => void this.send(), WAIT);
  }

  private async send(): Promise<void> {
    if (this.busy) {
      this.again = true;
      return;
    }
    this.busy = true;
    try {
      const grey = this.app.manifest.shape[2] === 1;
      const picture = await createImageBitmap(grey ? this.centred() : this.canvas);
      let image: ImageData;
      try {
        image = fitted(this.app, picture, true);
      } finally {
        picture.close();
      }
      await land(this.app, image);
    } catch (error) {
      this.app.say(wordsOf(error), "error");
    }
    this.busy = false;
    if (this.again) {
      this.again = false;
      await this.send();
    }
  }

  /** The drawing scaled to fill the box that images of this space fill, and put in the middle:
   * by its centre of mass, or by its box where that fills the picture.
   *
   * As MNIST's digits were brought into form (LeCun, Bottou, Bengio, Haffner, "Gradient-Based
   * Learning Applied to Document Recognition", 1998, section III A).
   */
  private centred(): HTMLCanvasElement {
    const side = this.canvas.width;
    const { data } = this.context.getImageData(0, 0, side, side);
    let [x0, y0, x1, y1, mass, mx, my] = [side, side, -1, -1, 0, 0, 0];
    for (let at = 0; at < side * side; at++) {
      const value = data[4 * at];
      if (value < INK) continue;
      const [x, y] = [at % side, Math.floor(at / side)];
      x0 = Math.min(x0, x);
      x1 = Math.max(x1, x);
      y0 = Math.min(y0, y);
      y1 = Math.max(y1, y);
      mass += value;
      mx += value * x;
      my += value * y;
    }
    if (x1 < 0) return this.canvas;
    const scale = (this.filled * side) / Math.max(x1 - x0, y1 - y0, 1);
    const out = document.createElement("canvas");
    out.width = out.height = side;
    const context = out.getContext("2d")!;
    context.fillStyle = "#000";
    context.fillRect(0, 0, side, side);
    context.imageSmoothingQuality = "high";
    const [cx, cy] = this.filled > FULL ? [(x0 + x1) / 2, (y0 + y1) / 2] : [mx / mass, my / mass];
    context.setTransform(scale, 0, 0, scale, side / 2 - cx * scale, side / 2 - cy * scale);
    context.drawImage(this.canvas, 0, 0);
    return out;
  }
}

/** The width of a pen in pixels of a sheet of `side`, that draws as boldly as small grey images
 * are: some 2.5 pixels of 28, and never less than 1.4 pixels of an image. */
export function usualPen(side: number, width: number): number {
  return Math.round(side * Math.max(2.5 / 28, 1.4 / width));
}

/** How much of the longer side bright strokes fill in images of the space, the median: 0..1. */
async function usualExtent(app: App): Promise<number> {
  if (!app.pictures) return FILLED;
  const step = Math.max(1, Math.floor(app.manifest.rows / LOOKED_AT));
  const shares: number[] = [];
  for (let row = 0; row < app.manifest.rows && shares.length < LOOKED_AT; row += step) {
    const { data, width, height } = await app.pictures.rgba(row);
    let [x0, y0, x1, y1] = [width, height, -1, -1];
    for (let at = 0; at < width * height; at++) {
      if (data[4 * at] < 2 * INK) continue;
      x0 = Math.min(x0, at % width);
      x1 = Math.max(x1, at % width);
      y0 = Math.min(y0, Math.floor(at / width));
      y1 = Math.max(y1, Math.floor(at / width));
    }
    if (x1 >= 0) shares.push(Math.max((x1 - x0 + 1) / width, (y1 - y0 + 1) / height));
  }
  shares.sort((a, b) => a - b);
  return shares[shares.length >> 1] ?? FILLED;
}
