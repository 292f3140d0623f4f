/** Images in the place of dots: as many as fit, more of them the closer one looks. */

import type { ReadonlySignal } from "@preact/signals";
import { type App, type Layer, wordsOf } from "../contracts.ts";
import type { Colouring } from "./colours.ts";

const SIDE = 34;
const MOST_SIDE = 72;
const KEPT_LEVELS = 4;
const KEPT_DECODED = 3000;
const BATCH = 96;
const PAUSE = 4000;
const LONGEST_PAUSE = 60_000;

/** One level of detail: the row that stands for each cell of the map. */
type Level = Map<number, number>;

/** Draws the rows in view as pictures, one for each cell of a grid that is fixed to the map. */
export function imageLayer(app: App, colouring: ReadonlySignal<Colouring>): Layer {
  const levels = new Map<number, Level>();
  const decoded = new DecodedImages(app);
  let of: Float32Array | null = null;
  let priority: Uint32Array | null = null;

  function level(number: number, cell: number): Level {
    if (of !== app.map.places) {
      of = app.map.places;
      levels.clear();
    }
    let found = levels.get(number);
    if (!found) {
      priority ??= priorities(app);
      found = representatives(of, cell, priority);
      if (levels.size >= KEPT_LEVELS) levels.delete(levels.keys().next().value!);
      levels.set(number, found);
    }
    return found;
  }

  return {
    id: "images",
    depth: 5,
    draw(context, view, width, height) {
      const mode = app.state.show.value;
      if (mode === "dots") return;
      const number = Math.floor(Math.log2(view.scale));
      const zoom = view.scale / 2 ** number;
      const side = Math.min(Math.max(SIDE, app.pictures?.width ?? SIDE), MOST_SIDE) * 0.75;
      const cell = side / 2 ** number;
      const rows = level(number, cell);
      const size = side * zoom * 0.96;
      const [x0, y1] = app.map.toMap(0, 0);
      const [x1, y0] = app.map.toMap(width, height);
      context.imageSmoothingEnabled = (app.pictures?.width ?? 28) > size;
      const missing: number[] = [];
      let inView = 0;
      const hidden = hiddenRows(app, colouring.value);
      for (let line = Math.floor(y0 / cell); line <= Math.floor(y1 / cell); line++) {
        for (let column = Math.floor(x0 / cell); column <= Math.floor(x1 / cell); column++) {
          const row = rows.get(key(column, line));
          if (row === undefined) continue;
          inView++;
          const [x, y] = app.map.toScreen((column + 0.5) * cell, (line + 0.5) * cell);
          context.globalAlpha = hidden(row) ? 0.18 : 1;
          if (mode === "images") app.pictures?.draw(context, row, x, y, size);
          else if (!decoded.draw(context, row, x, y, size)) missing.push(row);
        }
      }
      context.globalAlpha = 1;
      if (missing.length) decoded.want(missing, inView);
    },
  };
}

/** Whether a row is switched off, or outside of the selection. */
function hiddenRows(app: App, { column, values }: Colouring): (row: number) => boolean {
  const off = app.state.hidden.value;
  const classes = column?.kind === "class" && off.size > 0 ? values : null;
  const selected = app.state.selection.value.length ? new Set(app.state.selection.value) : null;
  return (row) => (classes !== null && off.has(classes[row])) || (selected !== null && !selected.has(row));
}

function key(column: number, line: number): number {
  return (column + 32768) * 65536 + (line + 32768);
}

/** Rows in a fixed mixed order; those of the overview, whose pictures come first, lead. */
function priorities(app: App): Uint32Array {
  const order = new Uint32Array(app.columns.rows);
  for (let row = 0; row < order.length; row++) order[row] = ((row * 2654435761) >>> 1) | 0x40000000;
  for (const row of app.pictures?.overview.value ?? []) order[row] &= 0x3fffffff;
  return order;
}

function representatives(places: Float32Array, cell: number, priority: Uint32Array): Level {
  const found: Level = new Map();
  for (let row = 0; row < priority.length; row++) {
    const x = places[2 * row];
    if (Number.isNaN(x)) continue;
    const at = key(Math.floor(x / cell), Math.floor(places[2 * row + 1] / cell));
    const other = found.get(at);
    if (other === undefined || priority[row] < priority[other]) found.set(at, row);
  }
  return found;
}

/** What the decoder makes of rows, kept once made. */
class DecodedImages {
  private readonly kept = new Map<number, ImageBitmap>();
  private busy = false;
  private most = KEPT_DECODED;
  private pause = PAUSE;
  private waiting = 0;

  constructor(private readonly app: App) {
    app.server?.reachable.subscribe((there) => {
      if (there && this.waiting) this.again();
    });
  }

  draw(context: CanvasRenderingContext2D, row: number, x: number, y: number, size: number): boolean {
    const bitmap = this.kept.get(row);
    if (!bitmap) return false;
    const scale = size / Math.max(bitmap.width, bitmap.height);
    const [w, h] = [bitmap.width * scale, bitmap.height * scale];
    context.drawImage(bitmap, x - w / 2, y - h / 2, w, h);
    return true;
  }

  /** Makes some of the rows that are missing; `inView`: how many are seen at once, all of which
   * must find room, or each frame would throw away what the next one needs. */
  want(rows: number[], inView: number): void {
    this.most = Math.max(KEPT_DECODED, 2 * inView);
    if (this.busy || !this.app.decoder) return;
    this.busy = true;
    this.fetch(rows.slice(0, BATCH))
      .then(() => {
        this.busy = false;
        this.pause = PAUSE;
        this.app.map.redraw();
      })
      .catch((error: unknown) => {
        // Busy for a while: what failed just now fails at the next frame too.
        this.app.say(wordsOf(error), "error");
        this.waiting = window.setTimeout(() => this.again(), this.pause);
        this.pause = Math.min(2 * this.pause, LONGEST_PAUSE);
      });
  }

  private again(): void {
    clearTimeout(this.waiting);
    this.waiting = 0;
    this.busy = false;
    this.app.map.redraw();
  }

  private async fetch(rows: number[]): Promise<void> {
    const z = await this.app.latentsOf(rows);
    const pixels = await this.app.decoder!.decode(z, rows.map((row) => this.app.toldOf(row)));
    if (!pixels) return;
    const [height, width] = this.app.manifest.shape;
    const size = width * height * 4;
    for (let i = 0; i < rows.length; i++) {
      const data = new ImageData(new Uint8ClampedArray(pixels.subarray(i * size, (i + 1) * size)), width, height);
      this.kept.set(rows[i], await createImageBitmap(data));
    }
    while (this.kept.size > this.most) {
      const oldest = this.kept.keys().next().value!;
      this.kept.get(oldest)?.close();
      this.kept.delete(oldest);
    }
  }
}
