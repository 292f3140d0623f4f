/** The sheet that the reader draws on, brought into the form of the dataset's images. */

import type { App } from "../../contracts.ts";
import { fitted, land } from "./landed.ts";

const WAIT = 60;
/** In MNIST a digit fills a box of 20 x 20 pixels in a picture of 28 x 28. */
const FILLED = 20 / 28;
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

  constructor(
    private readonly app: App,
    private readonly canvas: HTMLCanvasElement,
  ) {
    this.context = canvas.getContext("2d", { willReadFrequently: true })!;
    this.clear();
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
      await land(this.app, await fitted(this.app, picture, true));
    } catch (error) {
      this.app.say(error instanceof Error ? error.message : String(error), "error");
    }
    this.busy = false;
    if (this.again) {
      this.again = false;
      await this.send();
    }
  }

  /** The drawing scaled to fill the usual box, its centre of mass in the middle.
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
    const scale = (FILLED * side) / Math.max(x1 - x0, y1 - y0, 1);
    const out = document.createElement("canvas");
    out.width = out.height = side;
    const context = out.getContext("2d")!;
    context.fillStyle = "#000";
    context.fillRect(0, 0, side, side);
    context.imageSmoothingQuality = "high";
    context.setTransform(scale, 0, 0, scale, side / 2 - (mx / mass) * scale, side / 2 - (my / mass) * scale);
    context.drawImage(this.canvas, 0, 0);
    return out;
  }
}
