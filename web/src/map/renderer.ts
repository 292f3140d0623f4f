/** The points of the map: `createMap` makes a `MapRenderer` in an element of the page. */

import { signal } from "@preact/signals";
import type { Signal } from "@preact/signals";

import type { MapRenderer, View } from "../contracts.ts";
import * as camera from "./camera.ts";
import type { Size } from "./camera.ts";
import { duration, Flight } from "./flight.ts";
import { canvasHost, pixelRatio, place } from "./host.ts";
import { lookAt } from "./look.ts";
import type { Look } from "./look.ts";
import { Pace } from "./pace.ts";
import { paletteBytes } from "./palette.ts";
import { PlainPainter } from "./paint-2d.ts";
import { makeGlPainter } from "./paint-gl.ts";
import type { Painter } from "./painter.ts";
import { drawRings, onDarkPaper } from "./rings.ts";
import type { Ring } from "./rings.ts";
import { Rows } from "./rows.ts";

/** The map of this page: a `MapRenderer`, and what only its own helpers need. */
export interface PointMap extends MapRenderer {
  /** True where the browser has no WebGL and a plain canvas draws the points, slower. */
  readonly plain: boolean;
  /** Whether the view shows all places, and goes on to do so. */
  readonly whole: boolean;
  /** Room in CSS pixels at the edges for what lies over the map; "all places" keeps clear of it. */
  setInsets(insets: Insets): void;
  /** Where a row is drawn now, also in flight, in CSS pixels; null: it has no place. */
  pixelOf(row: number): [number, number] | null;
  /** Draws everything at once instead of with the next frame: for pictures of the map. */
  drawNow(): void;
  /** Takes the size of the stage now, instead of when the browser next tells of it. */
  resize(): void;
  /** Gives everything back. */
  destroy(): void;
}

/** Makes the map in an element with `position: relative`.
 *
 * While the view shows all places (as at first, and after `fit()`), it goes on to do so when the
 * places or the size of the element change; after any `setView` it stays where it is. Rows fly
 * from one layout to the next on the screen, so the two may have different units, and the view
 * may move at the same time. Short movements of the view (under 250 ms) slow down, longer ones
 * also start slowly. Readers who asked for less motion get none. Of all methods only `toScreen`
 * and `toMap` subscribe an effect that calls them to the view.
 */
export function createMap(stage: HTMLElement): PointMap {
  return new Points(stage);
}

/** CSS pixels at each edge of the canvas. */
export interface Insets {
  left: number;
  right: number;
  top: number;
  bottom: number;
}

type Part = "points" | "layers" | "rings";

class Points implements PointMap {
  readonly view: Signal<View> = signal<View>({ x: 0, y: 0, scale: 1 });
  readonly size: Signal<Size> = signal<Size>({ width: 1, height: 1 });
  readonly flying = signal(false);
  readonly placed: Signal<Float32Array> = signal(new Float32Array(0));

  private painter: Painter;
  private palette = paletteBytes(["#c9ced5", "#5c718d"]);
  private readonly host: HTMLElement;
  private readonly overlay = document.createElement("canvas");
  private readonly watcher: ResizeObserver;
  private readonly listeners = new Set<() => void>();
  private readonly events = new AbortController();
  private readonly pace = new Pace(() => this.touch("points"));

  private readonly rows = new Rows();
  private rings: readonly Ring[] = [];
  private look = { size: 1, opacity: 1 };
  private lookLeft: Look | null = null;
  whole = true;
  private insets: Insets = { left: 0, right: 0, top: 0, bottom: 0 };
  private viewFlight: Flight | null = null;
  private rowFlight: Flight | null = null;

  private frame = 0;
  private readonly stale = new Set<Part>();
  private moved = false;

  constructor(private readonly stage: HTMLElement) {
    this.host = canvasHost(stage);
    const repaint = () => this.touch("points");
    this.painter = makeGlPainter(repaint, () => this.goPlain()) ?? new PlainPainter();
    place(this.host, this.painter.canvas, "points");
    place(this.host, this.overlay, "rings");
    this.painter.setPalette(this.palette);
    this.measure();
    this.watcher = new ResizeObserver(() => this.resize());
    this.watcher.observe(stage);
    window.addEventListener("resize", () => this.resize(), { signal: this.events.signal });
  }

  get plain(): boolean {
    return this.painter instanceof PlainPainter;
  }

  get places(): Float32Array {
    return this.rows.places;
  }

  // Columns and look.

  setPlaces(xy: Float32Array, animate: number): Promise<void> {
    const { rows } = this;
    const time = rows.places.length === xy.length && rows.box ? duration(animate) : 0;
    const left = { places: rows.placesNow(this.view.peek()), view: this.view.peek(), share: 0 };
    const look = this.lookNow();
    this.rowFlight?.stop();
    if (rows.setPlaces(xy)) this.painter.setColours(rows.indices(), rows.drawn);
    this.painter.setPlaces(xy, time > 0 ? left.places : null);
    if (this.whole) this.flyTo(this.wholeView(), time);
    this.touch("points");
    this.flying.value = time > 0;
    this.placed.value = xy;
    if (time === 0) return Promise.resolve();
    rows.left = left;
    this.lookLeft = look;
    return new Promise((resolve) => {
      const step = (share: number) => {
        left.share = share;
      };
      const land = () => {
        rows.left = null;
        this.lookLeft = null;
        this.rowFlight = null;
        this.flying.value = false;
        this.painter.land();
        resolve();
      };
      this.rowFlight = new Flight(time, camera.easeInOut, step, land);
    });
  }

  setColours(index: Uint16Array, palette: string[]): void {
    this.rows.setColours(index);
    this.palette = paletteBytes(palette);
    this.painter.setColours(this.rows.indices(), this.rows.drawn);
    this.painter.setPalette(this.palette);
    this.touch("points");
  }

  setLook(size: number, opacity: number): void {
    this.look = { size, opacity };
    this.touch("points");
  }

  setRings(rows: Ring[]): void {
    this.rings = rows;
    this.touch("rings");
  }

  // View.

  setView(view: Partial<View>, animate = 0): void {
    // Nothing asked for: the view stops where it is.
    const nothing = Object.keys(view).length === 0;
    if (nothing && !this.viewFlight) return;
    this.whole = false;
    this.flyTo(this.allowed({ ...this.view.peek(), ...view }), duration(animate));
  }

  setInsets(insets: Insets): void {
    this.insets = insets;
  }

  fit(rows?: ArrayLike<number>, animate = 0): void {
    this.whole = rows === undefined;
    if (!rows) return this.flyTo(this.wholeView(), duration(animate));
    const box = camera.boxOf(this.rows.places, rows);
    // One row, or a few alike, are shown with their surroundings.
    const most = 40 * this.wholeView().scale;
    if (box) this.flyTo(camera.fitted(box, this.size.peek(), most), duration(animate));
  }

  private flyTo(to: View, time: number): void {
    this.viewFlight?.stop();
    this.viewFlight = null;
    if (time > 0) {
      const way = camera.path(this.view.peek(), to, this.size.peek());
      const ease = time < 250 ? camera.easeOut : camera.easeInOut;
      const step = (share: number) => {
        this.view.value = way(share);
      };
      this.viewFlight = new Flight(time, ease, step, () => (this.viewFlight = null));
    } else {
      this.view.value = to;
    }
    this.moved = true;
    this.touch("points");
  }

  private wholeView(): View {
    const { box, insets } = { box: this.rows.box, insets: this.insets };
    if (!box) return this.view.peek();
    const { width, height } = this.size.peek();
    const free = {
      width: Math.max(width - insets.left - insets.right, 1),
      height: Math.max(height - insets.top - insets.bottom, 1),
    };
    const { x, y, scale } = camera.fitted(box, free);
    return {
      x: x - (insets.left - insets.right) / 2 / scale,
      y: y + (insets.top - insets.bottom) / 2 / scale,
      scale,
    };
  }

  /** A view with numbers throughout, within the limits of zoom. */
  private allowed(view: View): View {
    const now = this.view.peek();
    const wanted = {
      x: Number.isFinite(view.x) ? view.x : now.x,
      y: Number.isFinite(view.y) ? view.y : now.y,
      scale: view.scale > 0 && Number.isFinite(view.scale) ? view.scale : now.scale,
    };
    if (!this.rows.box) return wanted;
    const whole = this.wholeView().scale;
    return camera.limited(now, wanted, whole / 8, whole * 4000);
  }

  toScreen(x: number, y: number): [number, number] {
    return camera.toScreen(this.view.value, this.size.value, x, y);
  }

  toMap(px: number, py: number): [number, number] {
    return camera.toMap(this.view.value, this.size.value, px, py);
  }

  /** As `toMap`, for methods that are no reason to run an effect again. */
  private place(px: number, py: number): [number, number] {
    return camera.toMap(this.view.peek(), this.size.peek(), px, py);
  }

  pixelOf(row: number): [number, number] | null {
    return this.rows.pixel(row, this.view.peek(), this.size.peek());
  }

  // Who is where.

  pick(px: number, py: number, radius: number): number {
    // Rows in flight are nowhere for long enough to be pointed at.
    if (this.rowFlight || !this.rows.box) return -1;
    const [x, y] = this.place(px, py);
    return this.rows.grid().nearest(x, y, radius / this.view.peek().scale, this.rows.colours);
  }

  inside(polygon: ArrayLike<number>): Uint32Array {
    const places: number[] = [];
    for (let i = 0; i + 1 < polygon.length; i += 2) {
      places.push(...this.place(polygon[i], polygon[i + 1]));
    }
    return this.rows.grid().inside(places, this.rows.colours);
  }

  inBox(x0: number, y0: number, x1: number, y1: number, most: number): Uint32Array {
    const box = {
      x0: Math.min(x0, x1),
      y0: Math.min(y0, y1),
      x1: Math.max(x0, x1),
      y1: Math.max(y0, y1),
    };
    return this.rows.grid().inBox(box, most, this.rows.colours);
  }

  // Drawing.

  onDraw(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  redraw(): void {
    this.touch("layers");
  }

  drawNow(): void {
    this.stale.add("points").add("layers").add("rings");
    this.moved = false;
    this.draw();
  }

  /** Has a part drawn with the next frame. Points that stay as they are keep their canvas, so a
   * ring under the cursor costs no more than the ring. */
  private touch(part: Part): void {
    this.stale.add(part);
    if (part === "points") this.stale.add("layers").add("rings");
    this.frame ||= requestAnimationFrame((now) => this.tick(now));
  }

  private tick(now: number): void {
    this.frame = 0;
    const rows = this.rowFlight?.tick(now);
    const view = this.viewFlight?.tick(now);
    if (rows || view) this.moved = true;
    this.draw();
    if (rows || view) this.touch("points");
  }

  private draw(): void {
    const stale = new Set(this.stale);
    this.stale.clear();
    if (stale.has("points")) this.paint();
    if (stale.has("layers")) for (const listener of [...this.listeners]) listener();
    if (stale.has("rings")) {
      drawRings(this.overlay, this.size.peek(), this.rings, (row) => this.pixelOf(row));
    }
  }

  private paint(): void {
    const { rows, pace } = this;
    const count = rows.drawn.rows.length;
    const share = this.moved ? pace.share(count) : 1;
    const timed = this.moved && pace.wanted(share);
    const start = performance.now();
    const { left } = rows;
    this.painter.paint({
      view: this.view.peek(),
      flight: left && { from: left.view, share: left.share },
      size: this.size.peek(),
      ratio: pixelRatio(),
      look: this.lookNow(),
      share,
    });
    if (timed) {
      this.painter.wait();
      pace.took(count, share, performance.now() - start);
    }
    this.moved = false;
  }

  /** The look of this moment; in flight between that of the two layouts. */
  private lookNow(): Look {
    const dark = onDarkPaper(this.stage);
    const look = lookAt(this.rows.crowded, this.view.peek().scale, { ...this.look, dark });
    const { lookLeft } = this;
    const { left } = this.rows;
    if (!lookLeft || !left) return look;
    const mix = (key: keyof Look) => lookLeft[key] + (look[key] - lookLeft[key]) * left.share;
    return {
      radius: mix("radius"),
      opacity: mix("opacity"),
      contextRadius: mix("contextRadius"),
      contextOpacity: mix("contextOpacity"),
    };
  }

  // The stage.

  private measure(): boolean {
    const { clientWidth: width, clientHeight: height } = this.stage;
    const was = this.size.peek();
    if (width === 0 || height === 0) return false;
    if (was.width === width && was.height === height) return false;
    this.size.value = { width, height };
    return true;
  }

  resize(): void {
    if (this.measure() && this.whole) this.flyTo(this.wholeView(), 0);
    // A canvas with a new size is empty: drawn within the same frame, that is never seen.
    this.drawNow();
  }

  /** The graphics card is gone for good: a plain canvas takes over. */
  private goPlain(): void {
    this.painter.destroy();
    this.painter = new PlainPainter();
    place(this.host, this.painter.canvas, "points");
    this.painter.setPalette(this.palette);
    this.painter.setColours(this.rows.indices(), this.rows.drawn);
    this.painter.setPlaces(this.rows.places, this.rows.left?.places ?? null);
    this.touch("points");
  }

  destroy(): void {
    cancelAnimationFrame(this.frame);
    this.pace.stop();
    this.events.abort();
    this.watcher.disconnect();
    this.listeners.clear();
    this.painter.destroy();
    this.overlay.remove();
  }
}
